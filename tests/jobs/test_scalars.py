"""The small values: read, refused, and written back as they were."""

from contextlib import suppress
from datetime import UTC, datetime, timedelta

import pytest
from cronsim import CronSim
from hypothesis import given
from hypothesis import strategies as st

from pipeline.jobs.cron import check_cron
from pipeline.jobs.scalars import (
    Mailbox,
    RetryPlan,
    format_duration,
    format_size,
    parse_day,
    parse_duration,
    parse_local_time,
    parse_mailbox,
    parse_retry,
    parse_size,
    parse_zone,
)

durations = st.timedeltas(min_value=timedelta(0), max_value=timedelta(days=36_500))
waits = st.timedeltas(min_value=timedelta(microseconds=1), max_value=timedelta(days=30))


@given(durations)
def test_durations_are_written_as_they_are_read(value: timedelta) -> None:
    assert parse_duration(format_duration(value)) == value


@given(st.integers(min_value=0, max_value=10**15 - 1))
def test_sizes_are_written_as_they_are_read(value: int) -> None:
    assert parse_size(format_size(value)) == value


@given(st.lists(waits, min_size=1, max_size=20))
def test_retry_plans_are_written_as_they_are_read(values: list[timedelta]) -> None:
    plan = RetryPlan(tuple(values))
    assert parse_retry(str(plan)) == plan


@pytest.mark.parametrize(
    "text",
    [
        "ana@example.com",
        "Ana Ruiz <ana@example.com>",
        '"Ruiz, Ana" <ana@example.com>',
        r'"A \"B\" \\ C" <ana@example.com>',
    ],
)
def test_mailboxes_are_written_as_they_are_read(text: str) -> None:
    assert parse_mailbox(str(parse_mailbox(text))) == parse_mailbox(text)


@pytest.mark.parametrize(
    "text", ["Ana Müller <a@b.example>", '"Ana Müller" <a@b.example>', "  Ana Müller<a@b.example> "]
)
def test_a_name_needs_no_quotes_for_letters_beyond_ascii(text: str) -> None:
    assert parse_mailbox(text) == Mailbox("a@b.example", "Ana Müller")


def test_other_names_are_not_taken_for_more_than_they_are() -> None:
    for text in ("Müller, Ana <a@b.example>", "Jürgen <nobody>", 'Jür"gen <a@b.example>'):
        with pytest.raises(ValueError, match="is not a mail address") as caught:
            parse_mailbox(text)
        assert str(caught.value).startswith(f'"{text}" is not')


def test_domains_are_normalised() -> None:
    assert parse_mailbox("Ana@BÜCHER.example") == Mailbox("Ana@xn--bcher-kva.example")


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("90s", timedelta(seconds=90)),
        ("15 minutes", timedelta(minutes=15)),
        ("1.5 h", timedelta(minutes=90)),
        (" 2 Days ", timedelta(days=2)),
        ("1 week", timedelta(days=7)),
    ],
)
def test_durations(text: str, value: timedelta) -> None:
    assert parse_duration(text) == value


@pytest.mark.parametrize(
    ("parse", "text"),
    [
        *((parse_duration, text) for text in ("", "5", "-5 m", "5 months", "999999999999999 weeks", "١ hour")),
        *((parse_size, text) for text in ("20", "20 MBit", "-1MB")),
        *((parse_retry, text) for text in ("", "1m,", "0m", "1m*0", "1m*", "1m*9999", "1m*-1", "1m*1.5")),
        *((parse_day, text) for text in ("2026-1-1", "2026-13-01", "20261231")),
        *((parse_local_time, text) for text in ("2026-12-01", "2026-12-01 25:00", "2026-12-01 09:00Z")),
        *((parse_zone, text) for text in ("Berlin", "../etc/passwd", "")),
        *((parse_mailbox, text) for text in ("a@b.example\r\nBcc: x@example.com", "a@b.example, c@d.example")),
        *((parse_mailbox, text) for text in ("<a@b.example", "", "undisclosed-recipients:;")),
    ],
)
def test_refused(parse: object, text: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        parse(text)  # type: ignore[operator]


@pytest.mark.parametrize(
    "text",
    [
        "* * * * *", "0 7 * * mon", "0 7 * * MON-FRI", "0 7 * * 0", "0 7 * * 7", "*/15 8-18 * * 1-5",
        "0 7 L * *", "0 7 LW * *", "0 7 * * 5L", "0 7 * * mon#2", "0 7 29 2 *", "0 7 1 jan,jul *", "5/10 * * * *",
    ],
)  # fmt: skip
def test_cron(text: str) -> None:
    check_cron(text)


@given(st.text(alphabet="0123456789*/-,#LWmontue ", max_size=20))
def test_cron_refuses_with_value_errors_only(text: str) -> None:
    with suppress(ValueError):
        check_cron(text)
        CronSim(text, datetime(2001, 1, 1, tzinfo=UTC))  # what passes here is read there
