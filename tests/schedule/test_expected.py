"""Expected against actual, and schedules that the ledger remembers."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.jobs.calendars import Calendar, OnlyDays
from pipeline.jobs.model import ScheduleEntry
from pipeline.schedule.due import due_times
from pipeline.schedule.expected import Known, expected, to_run
from pipeline.schedule.remembered import read_schedule, schedule_text

START = datetime(2026, 3, 2, tzinfo=UTC)
HOUR = timedelta(hours=1)
HOURLY = ScheduleEntry(cron="0 * * * *", timezone="UTC", jitter=timedelta(minutes=5))
STATES = ["due", "building", "queued", "delivered", "partly delivered", "undelivered", "skipped", "failed"]


@pytest.mark.parametrize(
    ("known", "fate", "runs", "with_failed"),
    [
        (None, "absent", True, True),
        (Known("missed", "3 h late"), "missed", True, True),
        (Known("skipped", "its audience is empty"), "done", False, False),
        (Known("failed", "no such file"), "failed", False, True),
        *((Known(state), "done", False, False) for state in STATES if state not in {"skipped", "failed"}),
    ],
)
def test_what_became_of_a_due_time(known: Known | None, fate: str, runs: bool, with_failed: bool) -> None:
    rows = {} if known is None else {START: known}
    (found,) = expected([HOURLY], rows, START, START + HOUR, START + 5 * HOUR)
    assert (found.due, found.fate) == (START, fate)
    assert (to_run([found], failed=False) != [], to_run([found], failed=True) != []) == (runs, with_failed)


@given(hours=st.sets(st.integers(0, 47)), length=st.integers(1, 48))
def test_absent_is_what_the_schedule_asks_for_and_the_ledger_lacks(hours: set[int], length: int) -> None:
    known = {START + HOUR * hour: Known("delivered") for hour in hours}
    end = START + HOUR * length
    found = expected([HOURLY], known, START, end, START + 100 * HOUR)
    assert [each.due for each in found] == list(due_times([HOURLY], START - HOUR, end - timedelta(seconds=1)))
    assert {each.due for each in found if each.fate == "absent"} == {each.due for each in found} - known.keys()


@pytest.mark.parametrize(("minutes", "count"), [(0, 0), (6, 0), (7, 1)])
def test_nobody_is_late_within_the_first_minute_and_the_jitter(minutes: int, count: int) -> None:
    assert len(expected([HOURLY], {}, START, START + HOUR, START + timedelta(minutes=minutes))) == count


def test_nothing_is_expected_on_a_holiday_or_of_the_future() -> None:
    monday_off = HOURLY.model_copy(update={"calendar": Calendar(name="c", weekend=("mon",))})
    found = expected([monday_off], {}, START, START + 48 * HOUR, START + 30 * HOUR)
    assert [each.due for each in found] == [START + HOUR * hour for hour in range(24, 30)]


@pytest.mark.parametrize(
    "entries",
    [
        (),
        (HOURLY, ScheduleEntry(every=timedelta(minutes=90), missed="all", grace=timedelta(seconds=1.5))),
        (ScheduleEntry(at=datetime.fromisoformat("2026-12-01 09:00"), timezone="Asia/Kathmandu"),),
        (
            ScheduleEntry(
                cron="0 7 * * *",
                until=date(2027, 12, 31),
                on_holiday="previous",
                calendar=Calendar(name="us", holidays=("US-NY",), weekend=("sun",), extra=(date(2026, 12, 24),)),
            ),
            ScheduleEntry(cron="0 7 * * *", only=OnlyDays(-2, "quarter")),
        ),
    ],
)
def test_a_schedule_comes_back_from_its_text(entries: tuple[ScheduleEntry, ...]) -> None:
    assert read_schedule(schedule_text(entries)) == entries
