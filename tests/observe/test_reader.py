"""Reading a log back: filters, files that were rotated, files that grow, and lines for people."""

import io
import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.observe.log import open_log
from pipeline.observe.people import format_line
from pipeline.observe.reader import Wanted, follow, history, parse_line, rotated, select
from pipeline.observe.redact import hash_recipient


def line(event: str = "run.due", ts: str = "2013-02-01T11:30:00.000Z", level: str = "info", **fields: Any) -> str:
    return json.dumps({"ts": ts, "level": level, "event": event, **fields}) + "\n"


LINES = [
    line("run.due", "2013-02-01T11:30:00.000Z", job="daily", run="daily@1"),
    line("delivery.sent", "2013-02-01T11:31:00.000Z", job="daily", run="daily@1", recipient="Ana@example.com"),
    line("delivery.failed", "2013-02-01T11:32:00.000Z", "error", job="weekly", run="weekly@1",
         recipient=hash_recipient("bo@example.com")),
    line("mailer.paused", "2013-02-01T11:33:00.000Z", "warning", mailer="relay"),
]  # fmt: skip


def refuse(garbage: str) -> None:
    raise AssertionError(f"{garbage!r} is a line")


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        (Wanted(), [0, 1, 2, 3]),
        (Wanted(job="daily"), [0, 1]),
        (Wanted(run="weekly@1"), [2]),
        (Wanted(recipient="ana@EXAMPLE.com"), [1]),
        (Wanted(recipient="Bo@example.com"), [2]),
        (Wanted(recipient="nobody@example.com"), []),
        (Wanted(event="delivery"), [1, 2]),
        (Wanted(event="delivery.sent"), [1]),
        (Wanted(event="*.[dfp]*"), [0, 2, 3]),
        (Wanted(event="deliver"), []),
        (Wanted(level="warning"), [2, 3]),
        (Wanted(level="error"), [2]),
        (Wanted(since=datetime(2013, 2, 1, 11, 32, tzinfo=UTC)), [2, 3]),
        (Wanted(until=datetime(2013, 2, 1, 11, 32, tzinfo=UTC)), [0, 1]),
        (Wanted(job="daily", level="error"), []),
    ],
)
def test_what_is_wanted(wanted: Wanted, found: list[int]) -> None:
    assert list(select(LINES, wanted, refuse)) == [json.loads(LINES[index]) for index in found]


@pytest.mark.parametrize(
    "garbage",
    [
        '{"ts": "2013-02-01T1',
        "Traceback (most recent call last):",
        "[1, 2]",
        "null",
        '{"ts": "2013-02-01T11:30:00.000Z", "level": "info"}',
        '{"ts": "2013-02-01T11:30:00.000Z", "level": "loud", "event": "run.due"}',
        '{"ts": "2013-02-01T11:30:00.000Z", "level": ["info"], "event": "run.due"}',
        '{"ts": "yesterday", "level": "info", "event": "run.due"}',
        '{"ts": 12, "level": "info", "event": "run.due"}',
        '{"ts": "2013-02-01T11:30:00.000", "level": "info", "event": "run.due"}',
    ],
)
def test_garbage_is_skipped_and_reported(garbage: str) -> None:
    told: list[str] = []
    lines = [LINES[0], f"{garbage}\n", "\n", LINES[1]]
    since = datetime(2000, 1, 1, tzinfo=UTC)
    assert len(list(select(lines, Wanted(since=since), told.append))) == 2
    assert told == [f"{garbage}\n"]


@given(st.text())
def test_any_text_is_a_line_or_garbage(text: str) -> None:
    assert parse_line(text) is None


# --- files --------------------------------------------------------------------------------------------------


def test_history_reads_rotated_files_first(tmp_path: Path, clock: Callable[[], datetime]) -> None:
    path = tmp_path / "delivery.jsonl"
    with open_log(path, None, clock=clock, max_bytes=250, backups=12) as log:
        for count in range(25):
            log.emit("jobs.loaded", count=count)
    assert len(rotated(path)) == 12
    assert [record["count"] for record in select(history(path), Wanted(), refuse)] == list(range(25))


def test_there_may_be_no_file(tmp_path: Path) -> None:
    assert list(history(tmp_path / "delivery.jsonl")) == []


class Script:
    """A sleeper for `follow`: each sleep does the next step; after the last one it ends the following."""

    def __init__(self, *steps: Callable[[], object]) -> None:
        self.steps = list(steps)

    def __call__(self, seconds: float) -> None:
        assert seconds == 0.5
        if not self.steps:
            raise KeyboardInterrupt
        self.steps.pop(0)()

    def follow(self, path: Path) -> list[str]:
        found: list[str] = []
        with pytest.raises(KeyboardInterrupt):
            found.extend(one.rstrip("\n") for one in follow(path, self))
        return found


def append(path: Path, text: str) -> Callable[[], object]:
    def step() -> None:
        with path.open("a") as file:
            file.write(text)

    return step


def test_follow_waits_for_the_file_and_for_whole_lines(tmp_path: Path) -> None:
    path = tmp_path / "delivery.jsonl"
    script = Script(
        lambda: None,
        append(path, "one\ntwo\nthr"),
        append(path, "ee"),
        append(path, "\nfour\n"),
    )
    assert script.follow(path) == ["one", "two", "three", "four"]


def test_follow_reads_a_rotated_file_to_its_end(tmp_path: Path) -> None:
    path = tmp_path / "delivery.jsonl"
    path.write_text("one\n")

    def rotate() -> None:
        append(path, "two\n")()
        path.rename(tmp_path / "delivery.jsonl.1")
        append(tmp_path / "delivery.jsonl.1", "three\n")()  # a writer that was just at it
        path.write_text("four\n")

    assert Script(rotate, append(path, "five\n")).follow(path) == ["one", "two", "three", "four", "five"]


def test_follow_survives_a_file_that_is_gone_for_a_while(tmp_path: Path) -> None:
    path = tmp_path / "delivery.jsonl"
    path.write_text("one\nhalf a li")
    script = Script(path.unlink, lambda: None, append(path, "two\n"))
    assert script.follow(path) == ["one", "half a li", "two"]


def test_follow_starts_over_where_a_file_was_emptied(tmp_path: Path) -> None:
    path = tmp_path / "delivery.jsonl"
    path.write_text("one\ntwo\n")
    script = Script(lambda: path.write_text(""), append(path, "three\n"))
    assert script.follow(path) == ["one", "two", "three"]


# --- people -------------------------------------------------------------------------------------------------

SENT = json.loads(line(
    "delivery.sent", "2013-02-01T11:30:02.345Z", job="daily", run="daily@20130201T113000Z", message_id="<a@b>",
    delivery=7, recipient="ana@example.com", mailer="relay", attempt=1, code=250, enhanced="2.0.0",
    reply="Ok: queued", bytes=1234, duration_ms=84, next_attempt="2013-02-01T11:31:00.000Z",
))  # fmt: skip
NEW_YORK = ZoneInfo("America/New_York")


def test_a_line_for_people() -> None:
    assert format_line(SENT, colour=False, zone=NEW_YORK) == (
        "2013-02-01 06:30:02  info     delivery.sent        daily@20130201T113000Z ana@example.com  "
        "250 2.0.0 Ok: queued  (message id <a@b>, delivery 7, mailer relay, attempt 1, 1234 bytes, 84 ms, "
        "next attempt 2013-02-01 06:31:00)"
    )


def test_short_lines_have_no_blank_end() -> None:
    record = json.loads(line("service.stopped"))
    assert format_line(record, colour=False, zone=NEW_YORK) == "2013-02-01 06:30:00  info     service.stopped"


def test_a_traceback_stands_below_its_line() -> None:
    record = json.loads(line("service.log", level="error", logger="lib", message="failed", traceback="Trace:\n  x"))
    assert format_line(record, colour=False, zone=NEW_YORK).splitlines() == [
        "2013-02-01 06:30:00  error    service.log          failed  (logger lib)",
        "    Trace:",
        "      x",
    ]


@pytest.mark.parametrize(("level", "code"), [("info", None), ("warning", "\x1b[33m"), ("error", "\x1b[31m")])
def test_colours_tell_the_level_and_change_no_word(level: str, code: str | None) -> None:
    import click

    record = json.loads(line("run.failed", level=level, job="daily", run="daily@1", reason="why"))
    plain, coloured = (format_line(record, colour=colour, zone=NEW_YORK) for colour in (False, True))
    assert click.unstyle(coloured) == plain
    assert (code or "\x1b[90m") in coloured


def test_a_reply_cannot_steer_the_terminal() -> None:
    record = SENT | {"reply": "\x1b[2J\rgone\nforged line \u202e"}
    shown = format_line(record, colour=False, zone=NEW_YORK)
    assert r"\x1b[2J\rgone\nforged line \u202e" in shown
    assert shown.isprintable()


def test_lines_survive_fields_of_a_later_version() -> None:
    record = json.loads(line("run.due", job="daily", colour="blue"))
    assert format_line(record, colour=False, zone=NEW_YORK).endswith("run.due              daily")


def test_what_is_logged_can_be_read(tmp_path: Path, clock: Callable[[], datetime]) -> None:
    stream = io.StringIO()
    with open_log(None, stream, clock=clock) as log:
        log.emit("run.failed", job="daily", run="daily@1", reason="no such file: é\n")
    (record,) = select(stream.getvalue().splitlines(), Wanted(), refuse)
    assert r"daily@1  no such file: é\n" in format_line(record, colour=False)
