"""Due times and periods around holidays, against a witness that moves raw due times date by date."""

from datetime import UTC, date, datetime, timedelta
from itertools import islice
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.errors import UsageError
from pipeline.jobs.calendars import WEEKDAYS, Calendar, OnlyDays, parse_only
from pipeline.jobs.model import ScheduleEntry
from pipeline.schedule.business import BusinessDays, unit_of
from pipeline.schedule.due import asked_times, due_times, next_due
from pipeline.schedule.missed import plan_missed
from pipeline.schedule.period import default_period, parse_period, period_for
from pipeline.schedule.trigger import next_firing
from pipeline.schedule.wall import resolve

DAY = timedelta(days=1)
NEW_YORK = "America/New_York"
US = Calendar(name="us", holidays=("US-NY",), extra=(date(2026, 12, 24),))
START = datetime(2026, 1, 1, tzinfo=UTC)
YEAR = START + 365 * DAY

calendars = st.builds(
    lambda weekend, extra, working: Calendar(
        name="c",
        weekend=tuple(sorted(weekend)),
        extra=tuple(sorted(extra - working)),
        working=tuple(sorted(working)),
    ),
    st.sets(st.sampled_from(WEEKDAYS), max_size=6),
    st.sets(st.dates(date(2025, 12, 1), date(2027, 1, 31)), max_size=40),
    st.sets(st.dates(date(2025, 12, 1), date(2027, 1, 31)), max_size=5),
)
zones = st.sampled_from(["UTC", NEW_YORK, "Pacific/Auckland", "America/St_Johns", "America/Havana"])
rules = st.sampled_from([
    {"cron": "30 6 * * *"}, {"cron": "0 7,18 * * mon-fri"}, {"cron": "15 0 1 * *"}, {"cron": "30 23 L * *"},
    {"every": timedelta(hours=19)}, {"every": timedelta(days=3)},
    {"at": datetime.fromisoformat("2026-03-08 02:30")}, {"cron": "0 9 * * sun", "until": date(2026, 6, 7)},
])  # fmt: skip


def local_day(due: datetime, zone: str) -> date:
    return due.astimezone(ZoneInfo(zone)).date()


def witness(rule: ScheduleEntry, days: BusinessDays, mode: str) -> list[datetime]:
    """The due times of 2026 by the rule's own words."""
    raw = rule.model_copy(update={"calendar": None, "until": None})
    zone = ZoneInfo(rule.timezone)
    found = set()
    for asked in due_times([raw], START - 60 * DAY, YEAR + 60 * DAY):
        due = asked
        wall = due.astimezone(zone)
        day = wall.date()
        step = {"next": DAY, "previous": -DAY, "skip": None}[mode]
        if day not in days:
            if step is None:
                continue
            while day not in days:
                day += step
            due = resolve(datetime.combine(day, wall.time().replace(fold=0)), zone)
        found.add(due)
    if rule.until:
        found = {due for due in found if local_day(due, rule.timezone) <= rule.until}
    return sorted(due for due in found if START < due <= YEAR)


@settings(max_examples=30)
@given(calendar=calendars, zone=zones, rule=rules, mode=st.sampled_from(["next", "previous", "skip"]))
def test_due_times_are_where_the_rule_says(calendar: Calendar, zone: str, rule: dict[str, object], mode: str) -> None:
    entry = ScheduleEntry(**rule, timezone=zone, calendar=calendar, on_holiday=mode)  # type: ignore[arg-type]
    days = BusinessDays(calendar)
    found = list(due_times([entry], START, YEAR))
    assert found == witness(entry, days, mode)
    assert [due for due in found if local_day(due, zone) not in days] == []


@settings(max_examples=15)
@given(
    calendar=calendars,
    zone=zones,
    rule=rules,
    mode=st.sampled_from(["next", "previous", "skip", "run"]),
    steps=st.lists(st.integers(1, 90), min_size=1, max_size=8),
)
def test_a_year_of_running_asks_for_what_next_foretold(
    calendar: Calendar, zone: str, rule: dict[str, object], mode: str, steps: list[int]
) -> None:
    entry = ScheduleEntry(**rule, timezone=zone, calendar=calendar, on_holiday=mode, grace=400 * DAY, missed="all")  # type: ignore[arg-type]
    foretold = list(due_times([entry], START, YEAR))
    one_by_one, due = [], next_due([entry], START)
    while due is not None and due <= YEAR:
        one_by_one.append(due)
        due = next_due([entry], due)
    assert one_by_one == foretold
    handled, ran = START, []
    for step in [*steps * 50, 365]:
        now = min(handled + timedelta(days=step, hours=5), YEAR)
        ran += [decision.due for decision in plan_missed([entry], handled, now) if decision.run]
        handled = now
        if now == YEAR:
            break
    assert ran == foretold


@pytest.mark.parametrize(
    ("mode", "expected"),
    [
        ("next", ["2026-05-22", "2026-05-26: Mon 25 May → Tue 26 May: Memorial Day", "2026-05-27"]),
        ("previous", ["2026-05-22: Mon 25 May → Fri 22 May: Memorial Day", "2026-05-26", "2026-05-27"]),
        ("skip", ["2026-05-22", "2026-05-25 no business day of calendar us: Memorial Day", "2026-05-26", "2026-05-27"]),
        ("run", ["2026-05-22", "2026-05-25", "2026-05-26", "2026-05-27"]),
    ],
)
def test_why_a_date_moved(mode: str, expected: list[str]) -> None:
    entry = ScheduleEntry(cron="30 6 * * mon-fri", timezone=NEW_YORK, calendar=US, on_holiday=mode)  # type: ignore[arg-type]
    asked = asked_times([entry], datetime(2026, 5, 22, tzinfo=UTC), datetime(2026, 5, 28, tzinfo=UTC))
    assert [
        f"{local_day(each.due, NEW_YORK)}"
        + "".join(f": {move}" for move in each.moved)
        + (f" {each.skipped}" if each.skipped else "")
        for each in asked
    ] == expected


def test_a_long_holiday_rolls_onto_one_day() -> None:
    entry = ScheduleEntry(cron="0 7 * * *", timezone=NEW_YORK, calendar=US, on_holiday="next")
    coming = list(islice(asked_times([entry], datetime(2026, 12, 24, tzinfo=UTC), YEAR), 1))
    assert [local_day(each.due, NEW_YORK) for each in coming] == [date(2026, 12, 28)]
    assert [move.asked.day for move in coming[0].moved] == [24, 25, 26, 27]


def test_a_skipped_due_time_wakes_the_planner_and_leaves_a_row() -> None:
    entry = ScheduleEntry(cron="30 6 * * mon-fri", timezone=NEW_YORK, calendar=US)
    holiday = datetime(2026, 5, 25, 10, 30, tzinfo=UTC)
    assert next_firing([entry], "job", holiday - DAY) == holiday
    assert next_due([entry], holiday - DAY) == holiday + DAY
    (decision,) = plan_missed([entry], holiday - DAY, holiday)
    assert (decision.run, decision.holiday) == (False, True)
    assert decision.reason == "no business day of calendar us: Memorial Day"


def test_what_one_rule_skips_another_may_want() -> None:
    skipping = ScheduleEntry(cron="0 7 * * *", timezone="UTC", calendar=US)
    always = ScheduleEntry(cron="0 7 25 * *", timezone="UTC")
    christmas = datetime(2026, 12, 25, 7, tzinfo=UTC)
    (asked,) = asked_times([skipping, always], christmas - timedelta(hours=1), christmas)
    assert (asked.entry, asked.skipped) == (always, "")


def test_a_rule_whose_days_are_all_holidays_is_never_due() -> None:
    entry = ScheduleEntry(every=timedelta(weeks=1), timezone="UTC", calendar=Calendar(name="c", weekend=("mon",)))
    assert next_due([entry], START) is None


# --- only -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("last business day of the month", OnlyDays(-1, "month")),
        ("Last  business day", OnlyDays(-1, "month")),
        ("first business day of the week", OnlyDays(1, "week")),
        ("2nd business day of each month", OnlyDays(2, "month")),
        ("second working day of the quarter", OnlyDays(2, "quarter")),
        ("2nd last business day of the year", OnlyDays(-2, "year")),
        ("11th business day of the month", OnlyDays(11, "month")),
    ],
)
def test_words_for_a_business_day(text: str, expected: OnlyDays) -> None:
    assert parse_only(text) == expected
    assert parse_only(str(expected)) == expected


@pytest.mark.parametrize(
    "text", ["", "last", "0th business day", "last day of the month", "business day", "32nd business day"]
)
def test_other_words_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="write something like first business day of the month"):
        parse_only(text)


@settings(max_examples=30)
@given(
    calendar=calendars,
    ordinal=st.sampled_from([1, 2, 3, 5, 20, -1, -2, -7]),
    unit=st.sampled_from(["week", "month", "quarter", "year"]),
)
def test_only_is_the_nth_business_day_of_each_unit(calendar: Calendar, ordinal: int, unit: str) -> None:
    only = OnlyDays(ordinal, unit)  # type: ignore[arg-type]
    entry = ScheduleEntry(cron="0 7 * * *", timezone="UTC", calendar=calendar, only=only)
    days, groups = BusinessDays(calendar), dict[date, list[date]]()
    for number in range(-400, 800):
        day = START.date() + DAY * number
        if day in days:
            groups.setdefault(unit_of(day, only.unit)[0], []).append(day)
    index = ordinal - 1 if ordinal > 0 else ordinal
    expected = sorted(group[index] for group in groups.values() if len(group) >= abs(ordinal))
    found = [due.date() for due in due_times([entry], START, YEAR)]
    assert found == [day for day in expected if START.date() <= day < YEAR.date()]


def test_the_last_business_day_of_the_year_in_a_minutely_rule_is_found_at_once() -> None:
    entry = ScheduleEntry(every=timedelta(minutes=1), timezone="UTC", calendar=US, only=OnlyDays(-1, "year"))
    coming = list(islice(due_times([entry], START, START + 800 * DAY), 1441))
    assert coming[0] == datetime(2026, 12, 31, tzinfo=UTC)
    # New Year's Day of 2028 is a Saturday, observed on Friday the 31st.
    assert coming[-2:] == [datetime(2026, 12, 31, 23, 59, tzinfo=UTC), datetime(2027, 12, 30, tzinfo=UTC)]


@pytest.mark.parametrize(("unit", "expected"), [("month", "previous month"), ("week", "previous week")])
def test_a_rule_with_only_has_the_cadence_of_its_unit(unit: str, expected: str) -> None:
    assert default_period([ScheduleEntry(cron="0 7 * * *", only=OnlyDays(1, unit))]) == expected  # type: ignore[arg-type]


# --- periods ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "due", "start", "end"),
    [
        ("previous business day", "2026-05-26T06:30", "2026-05-22", "2026-05-23"),
        ("previous business day", "2026-05-27T06:30", "2026-05-26", "2026-05-27"),
        ("previous business day", "2026-05-24T06:30", "2026-05-22", "2026-05-23"),
        ("since previous business day", "2026-05-26T06:30", "2026-05-22", "2026-05-26"),
        ("since previous business day", "2026-05-27T00:00", "2026-05-26", "2026-05-27"),
        ("last 3 business days", "2026-05-26T06:30", "2026-05-20", "2026-05-23"),
        ("last 1 business day", "2026-05-26T06:30", "2026-05-22", "2026-05-23"),
    ],
)
def test_periods_of_business_days(text: str, due: str, start: str, end: str) -> None:
    moment = datetime.fromisoformat(due).replace(tzinfo=ZoneInfo(NEW_YORK))
    period = period_for(parse_period(text), moment, NEW_YORK, calendar=US)
    assert (f"{period.start:%Y-%m-%d}", f"{period.end:%Y-%m-%d}") == (start, end)
    assert (period.start.hour, period.end.hour) == (0, 0)


def test_without_a_calendar_business_days_are_monday_to_friday() -> None:
    period = period_for(parse_period("previous business day"), datetime(2026, 5, 26, 12, tzinfo=UTC), "UTC")
    assert period.start == datetime(2026, 5, 25, tzinfo=UTC)


@settings(max_examples=15)
@given(calendar=calendars, zone=zones, mode=st.sampled_from(["next", "previous", "skip"]))
def test_daily_mails_since_the_previous_business_day_leave_no_day_out(calendar: Calendar, zone: str, mode: str) -> None:
    entry = ScheduleEntry(cron="30 6 * * *", timezone=zone, calendar=calendar, on_holiday=mode)  # type: ignore[arg-type]
    spec = parse_period("since previous business day")
    periods = [period_for(spec, due, zone, calendar=calendar) for due in due_times([entry], START, START + 90 * DAY)]
    assert [a.end for a in periods[:-1]] == [b.start for b in periods[1:]]


def test_a_code_that_nobody_knows_is_an_input_error() -> None:
    with pytest.raises(UsageError, match='calendar c: "XX" is no code of holidays'):
        BusinessDays(Calendar(name="c", holidays=("XX",))).why_not(date(2026, 1, 1))
