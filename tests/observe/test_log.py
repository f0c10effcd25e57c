"""What is written, what is refused, and what must never be in it."""

import base64
import io
import json
import logging
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from enum import StrEnum
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from apscheduler.events import EVENT_JOB_ERROR, EVENT_JOB_REMOVED
from apscheduler.schedulers.background import BackgroundScheduler
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import PipelineError
from pipeline.observe.events import EVENTS, FIELDS, EventDefectError
from pipeline.observe.lines import Lines, Records, processors
from pipeline.observe.log import Emit, EventLog, open_log
from pipeline.observe.redact import Masks, Redaction, hash_recipient, masker

DUE = datetime(2013, 2, 1, 6, 30, tzinfo=timezone(timedelta(hours=-5)))
RUN = {"job": "daily", "run": "daily@20130201T113000Z"}
SENT: dict[str, Any] = {
    **RUN,
    "message_id": "<a@example.com>",
    "delivery": 7,
    "recipient": "Ana@example.com",
    "mailer": "relay",
    "attempt": 1,
}


class Kind(StrEnum):
    OK = "OK"


def test_a_line_has_its_time_level_event_and_fields_in_order(log: EventLog, written: Any) -> None:
    emit: Emit = log.emit
    emit("delivery.sent", **{"reply": "2.0.0 Ok", "code": 250, "class": Kind.OK, "duration_ms": 84} | SENT)
    assert written.getvalue() == (
        '{"ts": "2013-02-01T11:30:02.345Z", "level": "info", "event": "delivery.sent", "job": "daily", '
        '"run": "daily@20130201T113000Z", "message_id": "<a@example.com>", "delivery": 7, '
        '"recipient": "Ana@example.com", "mailer": "relay", "attempt": 1, "code": 250, "class": "OK", '
        '"reply": "2.0.0 Ok", "duration_ms": 84}\n'
    )


def test_times_are_written_in_utc(log: EventLog, written: Any) -> None:
    log.emit("run.due", **RUN, due=DUE)
    assert written.records[0]["due"] == "2013-02-01T11:30:00.000Z"


def test_none_is_left_out_and_class_may_be_written_with_an_underscore(log: EventLog, written: Any) -> None:
    log.emit("mailer.paused", mailer="relay", code=None, class_="AUTH")
    assert written.records[0].keys() == {"ts", "level", "event", "mailer", "class"}


@pytest.mark.parametrize("text", ["line\nbreak", "é ☃ 🎉", "\udc80 undecodable", "\x00\x1b[31m", '"quoted"\\'])
def test_any_text_stays_one_ascii_line(log: EventLog, written: Any, text: str) -> None:
    log.emit("run.failed", **RUN, reason=text)
    assert len(written.getvalue().split("\n")) == 2
    assert written.getvalue().isascii()
    assert written.records[0]["reason"] == text


@pytest.mark.parametrize(
    ("event", "fields", "says"),
    [
        ("delivery.snet", {}, r"no event 'delivery\.snet' may be emitted; the list is in observe/events\.py"),
        ("service.log", {"logger": "x", "message": "y"}, "no event 'service.log' may be emitted"),
        ("run.due", {**RUN, "due": DUE, "recipient": "a"}, "event run.due has no field recipient"),
        ("run.due", {**RUN, "due": DUE, "level": "info"}, "event run.due has no field level"),
        ("run.due", {**RUN, "due": DUE, "ts": DUE}, "event run.due has no field ts"),
        ("run.due", {"job": "daily"}, "event run.due needs its field due, run"),
        ("run.failed", {**RUN, "reason": None}, "event run.failed needs its field reason"),
        ("jobs.loaded", {"count": "2"}, "event jobs.loaded: count must be int, not str"),
        ("jobs.loaded", {"count": True}, "event jobs.loaded: count must be int, not bool"),
        ("run.due", {**RUN, "due": "2013-02-01"}, "event run.due: due must be datetime, not str"),
        ("run.due", {**RUN, "due": DUE.replace(tzinfo=None)}, "event run.due: due has no time zone"),
    ],
)
def test_what_is_not_on_the_list_is_a_defect(
    log: EventLog, written: Any, event: str, fields: dict[str, object], says: str
) -> None:
    with pytest.raises(EventDefectError, match=says) as caught:
        log.emit(event, **fields)
    assert not isinstance(caught.value, PipelineError)
    assert written.getvalue() == ""


PREFIXES = {
    "service", "jobs", "run", "message", "delivery", "operator", "suppression", "bounce", "mailer", "alert",
}  # fmt: skip


def test_every_event_names_fields_of_the_list_once() -> None:
    for name, spec in EVENTS.items():
        fields = [*spec.required, *spec.optional]
        assert set(fields) <= FIELDS.keys(), name
        assert len(fields) == len(set(fields)), name
        assert name.split(".")[0] in PREFIXES


# --- other libraries ----------------------------------------------------------------------------------------


def test_lines_of_libraries_come_out_as_service_log(
    written: Any, clock: Callable[[], datetime], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "some.library")
    with open_log(None, written, clock=clock, capture=True, secrets=["hunter2hunter2"]):
        logging.getLogger("some.library").warning("%s is %d", "password hunter2hunter2", 3)
        logging.getLogger("some.library").info("nobody needs to know")
    logging.getLogger("some.library").error("after it was closed")
    (record,) = written.records
    assert datetime.fromisoformat(record.pop("ts")) - datetime.now(UTC) < timedelta(minutes=1)
    assert record == {
        "level": "warning",
        "event": "service.log",
        "logger": "some.library",
        "message": "password *** is 3",
    }


def test_a_traceback_has_no_local_variables(written: Any, clock: Callable[[], datetime]) -> None:
    def fails() -> None:
        local_variable = "what-a-local-holds"
        raise LookupError(f"{len(local_variable)} characters")

    with open_log(None, written, clock=clock, capture=True):
        try:
            fails()
        except LookupError:
            logging.getLogger("some.library").exception("it failed")
    (record,) = written.records
    assert (record["level"], record["message"]) == ("error", "it failed")
    assert record["traceback"].endswith("LookupError: 18 characters")
    assert "what-a-local-holds" not in record["traceback"]


def test_what_apscheduler_says_of_a_job_that_fails_is_a_line(written: Any, clock: Callable[[], datetime]) -> None:
    def fails() -> None:
        raise LookupError("a defect")

    over = threading.Semaphore(0)
    with open_log(None, written, clock=clock, capture=True):
        scheduler = BackgroundScheduler(timezone=UTC)
        scheduler.add_listener(lambda _: over.release(), EVENT_JOB_ERROR | EVENT_JOB_REMOVED)
        scheduler.add_job(fails, id="fails", misfire_grace_time=None)
        scheduler.start()
        assert over.acquire(timeout=30)
        assert over.acquire(timeout=30)
        scheduler.shutdown()
    (record,) = written.records
    assert (record["event"], record["level"]) == ("service.log", "error")
    assert record["logger"] == "apscheduler.executors.default"
    assert record["traceback"].endswith("LookupError: a defect")


def test_a_library_with_a_bad_format_string_ends_nothing(written: Any, capsys: pytest.CaptureFixture[str]) -> None:
    lines = Lines([written])
    handler = Records(lines, processors(Redaction(Masks([]), hash_recipients=False)))
    handler.handle(logging.LogRecord("some.library", 30, __file__, 1, "%d", ("no number",), None))
    assert (lines.lost, written.getvalue()) == (1, "")
    assert capsys.readouterr().err == ("delivery log: a line of some.library cannot be formatted: TypeError (1 lost)\n")


def test_a_level_of_a_library_own_is_a_warning(written: Any, clock: Callable[[], datetime]) -> None:
    with open_log(None, written, clock=clock, capture=True):
        logging.getLogger("some.library").log(35, "between the levels")
    assert written.records[0]["level"] == "warning"


# --- secrets and addresses ----------------------------------------------------------------------------------

SECRET = "c@nary>>>S3cret???/µ%20"  # base64 of it has both + and /
URL = f"smtp://bot:{quote('other:Secret9', safe='')}@mail.example.com:587"


@pytest.mark.parametrize(
    "form",
    [
        SECRET,
        quote(SECRET, safe=""),
        repr([SECRET]),
        URL,
        "other:Secret9",
        quote("other:Secret9", safe=""),
        base64.b64encode(SECRET.encode()).decode(),
        base64.urlsafe_b64encode(SECRET.encode()).decode().rstrip("="),
        base64.b64encode(b"\0bot\0" + SECRET.encode()).decode(),
        base64.b64encode(b"\0bots\0" + SECRET.encode() + b"\1\1").decode(),
        base64.b64encode(b"\0robot\0" + SECRET.encode()).decode(),
    ],
)
def test_a_secret_is_masked_in_all_its_forms(written: Any, clock: Callable[[], datetime], form: str) -> None:
    log = open_log(None, written, clock=clock, secrets=[SECRET, URL])
    log.emit("delivery.failed", **SENT, reply=f"535 refused: {form}.")
    reply = written.records[0]["reply"]
    assert "***" in reply
    assert reply.startswith("535 refused: ")
    assert SECRET not in reply
    assert form not in reply


@given(
    secret=st.text(min_size=6, max_size=30).filter(lambda text: text.isprintable()),
    before=st.binary(max_size=7),
    after=st.binary(max_size=7),
)
def test_no_base64_that_holds_a_secret_survives(secret: str, before: bytes, after: bytes) -> None:
    masked = masker([secret])(base64.b64encode(before + secret.encode() + after).decode())
    assert "***" in masked
    kept = masked.replace("***", "").rstrip("=")
    assert len(kept) <= len(base64.b64encode(before + b"\0" * 2).rstrip(b"=")) + len(
        base64.b64encode(after + b"\0" * 2)
    )


def test_without_secrets_and_for_short_ones_nothing_is_masked() -> None:
    assert masker([])("a text") == "a text"
    assert masker(["a", ""])("a text") == "a text"


def test_recipients_are_hashed_where_it_is_set(written: Any, clock: Callable[[], datetime]) -> None:
    log = open_log(None, written, clock=clock, hash_recipients=True)
    log.emit("delivery.failed", **SENT, reply="5.1.1 <ana@example.com>: user unknown; see RFC 5321")
    (record,) = written.records
    hashed = hash_recipient("ana@example.com")
    assert hashed == "sha256:8e43ca37701228e7"
    assert record["recipient"] == hashed
    assert record["reply"] == f"5.1.1 <{hashed}>: user unknown; see RFC 5321"
    assert record["message_id"] == "<a@example.com>"
    assert "ana@example.com" not in written.getvalue().lower()


# --- files --------------------------------------------------------------------------------------------------


def lines_of(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for file in folder.iterdir() for line in file.read_text().splitlines()]


def test_stream_and_file_get_the_same_lines(tmp_path: Path, written: Any, clock: Callable[[], datetime]) -> None:
    path = tmp_path / "var" / "log" / "delivery.jsonl"
    with open_log(path, written, clock=clock) as log:
        log.emit("jobs.loaded", count=2)
        log.emit("service.stopped")
    assert path.read_text() == written.getvalue()
    assert len(written.lines) == 2


def test_several_events_are_one_write_and_a_defect_among_them_writes_none(clock: Callable[[], datetime]) -> None:
    writes: list[str] = []

    class Recorder(io.StringIO):
        def write(self, text: str) -> int:
            writes.append(text)
            return len(text)

    log = open_log(None, Recorder(), clock=clock, secrets=["s3cret"])
    log.emit_all([("jobs.loaded", {"count": 1}), ("run.failed", {**RUN, "reason": "no s3cret", "traceback": None})])
    (both,) = writes
    assert [json.loads(line)["event"] for line in both.splitlines()] == ["jobs.loaded", "run.failed"]
    assert "no ***" in both
    log.emit_all([])
    with pytest.raises(EventDefectError):
        log.emit_all([("jobs.loaded", {"count": 1}), ("jobs.loaded", {"count": "2"})])
    assert len(writes) == 1


def test_the_file_is_rotated_by_size(tmp_path: Path, clock: Callable[[], datetime]) -> None:
    path = tmp_path / "delivery.jsonl"
    with open_log(path, None, clock=clock, max_bytes=400, backups=2) as log:
        for count in range(20):
            log.emit("jobs.loaded", count=count)
    names = sorted(file.name for file in tmp_path.iterdir())
    assert names == ["delivery.jsonl", "delivery.jsonl.1", "delivery.jsonl.2"]
    assert all(file.stat().st_size <= 400 for file in tmp_path.iterdir())
    ordered = [path.with_name(name) for name in reversed(names)]
    counts = [json.loads(line)["count"] for file in ordered for line in file.read_text().splitlines()]
    assert counts == list(range(20 - len(counts), 20))
    assert len(counts) > 8


@pytest.mark.parametrize("backups", [0, 1])
def test_one_backup_or_none(tmp_path: Path, clock: Callable[[], datetime], backups: int) -> None:
    with open_log(tmp_path / "delivery.jsonl", None, clock=clock, max_bytes=1, backups=backups) as log:
        for count in range(3):
            log.emit("jobs.loaded", count=count)
    counts = sorted(record["count"] for record in lines_of(tmp_path))
    assert counts == [1, 2][1 - backups :]


def test_a_torn_line_does_not_spoil_the_next(tmp_path: Path, clock: Callable[[], datetime]) -> None:
    path = tmp_path / "delivery.jsonl"
    path.write_text('{"ts": "2013-02-01T1')  # a crash or a full disk left this
    with open_log(path, None, clock=clock) as log:
        log.emit("jobs.loaded", count=2)
    torn, whole = path.read_text().splitlines()
    assert torn == '{"ts": "2013-02-01T1'
    assert json.loads(whole)["count"] == 2


def test_a_file_taken_away_by_somebody_else_is_made_anew(tmp_path: Path, clock: Callable[[], datetime]) -> None:
    path = tmp_path / "delivery.jsonl"
    with open_log(path, None, clock=clock) as log:
        log.emit("jobs.loaded", count=1)
        path.rename(tmp_path / "taken")  # logrotate
        log.emit("jobs.loaded", count=2)
    assert json.loads(path.read_text())["count"] == 2


WRITER = """
import sys
from datetime import UTC, datetime
from pathlib import Path
from pipeline.observe.log import open_log
with open_log(Path(sys.argv[1]), None, clock=lambda: datetime.now(UTC), max_bytes=20_000, backups=200) as log:
    for count in range(600):
        log.emit("jobs.loaded", count=count, path=sys.argv[2])
"""


def test_processes_that_write_and_rotate_together_lose_and_mix_nothing(tmp_path: Path) -> None:
    path = tmp_path / "log" / "delivery.jsonl"
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    writers = [
        subprocess.Popen([sys.executable, "-c", WRITER, str(path), str(number)], env=environ) for number in range(3)
    ]
    assert [writer.wait(60) for writer in writers] == [0, 0, 0]
    found = sorted((record["path"], record["count"]) for record in lines_of(path.parent))
    assert found == [(str(number), count) for number in range(3) for count in range(600)]
    assert len(list(path.parent.iterdir())) > 5


def test_a_full_disk_stops_no_delivery(
    written: Any, clock: Callable[[], datetime], capsys: pytest.CaptureFixture[str]
) -> None:
    with Path("/dev/full").open("w") as full:
        log = open_log(None, full, clock=clock)
        log.emit("jobs.loaded", count=1)
        assert log.lost == 1
        with pytest.raises(OSError, match="No space left"):
            full.close()  # what the stream still holds
    assert "delivery log: a line cannot be written: [Errno 28] No space left on device (1 lost)" in (
        capsys.readouterr().err
    )


def test_a_file_that_cannot_be_written_keeps_no_line_from_the_stream(
    tmp_path: Path, written: Any, clock: Callable[[], datetime], capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "log").write_text("a file where a folder should be")
    log = open_log(tmp_path / "log" / "delivery.jsonl", written, clock=clock)
    log.emit("jobs.loaded", count=1)
    log.emit("jobs.loaded", count=2)
    assert [record["count"] for record in written.records] == [1, 2]
    assert log.lost == 2
    assert capsys.readouterr().err.count("a line cannot be written") == 2
