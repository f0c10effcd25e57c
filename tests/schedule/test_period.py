"""Periods: what the words mean, that they tile, and that days follow the clocks."""

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from babel.dates import format_skeleton
from babel.localedata import locale_identifiers
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.jobs.model import ScheduleEntry
from pipeline.schedule.due import due_times
from pipeline.schedule.period import PeriodSpec, default_period, parse_period, period_for
from pipeline.schedule.units import Unit, end_of, start_of

NEW_YORK = "America/New_York"
ODD_ZONES = [
    "UTC", NEW_YORK, "Europe/Berlin", "Australia/Lord_Howe", "Asia/Kathmandu", "Africa/Casablanca",
    "Pacific/Apia", "Antarctica/Troll", "America/Sao_Paulo", "America/Havana", "America/St_Johns",
    "Pacific/Kwajalein",
]  # fmt: skip
moments = st.datetimes(
    datetime.fromisoformat("1985-01-01"), datetime.fromisoformat("2030-12-31"), timezones=st.just(UTC)
)
UNITS: tuple[Unit, ...] = ("hour", "day", "week", "month", "quarter", "year")


def local(text: str, zone: str = NEW_YORK, *, fold: int = 0) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone), fold=fold)


def bounds(text: str, due: datetime, zone: str = NEW_YORK) -> tuple[str, str]:
    period = period_for(parse_period(text), due, zone)
    return f"{period.start:%Y-%m-%d %H:%M}", f"{period.end:%Y-%m-%d %H:%M}"


@pytest.mark.parametrize(
    ("text", "due", "start", "end"),
    [
        ("previous hour", "2013-02-01T06:30", "2013-02-01 05:00", "2013-02-01 06:00"),
        ("previous day", "2013-02-01T06:30", "2013-01-31 00:00", "2013-02-01 00:00"),
        ("previous day", "2013-02-01T00:00", "2013-01-31 00:00", "2013-02-01 00:00"),
        ("previous week", "2013-02-01T06:30", "2013-01-21 00:00", "2013-01-28 00:00"),
        ("previous week", "2013-01-28T00:00", "2013-01-21 00:00", "2013-01-28 00:00"),
        ("previous month", "2013-02-01T06:30", "2013-01-01 00:00", "2013-02-01 00:00"),
        ("previous quarter", "2013-02-01T06:30", "2012-10-01 00:00", "2013-01-01 00:00"),
        ("previous year", "2013-02-01T06:30", "2012-01-01 00:00", "2013-01-01 00:00"),
        ("last 7 days", "2013-02-01T06:30", "2013-01-25 00:00", "2013-02-01 00:00"),
        ("last 1 day", "2013-02-01T06:30", "2013-01-31 00:00", "2013-02-01 00:00"),
        ("last 24 hours", "2013-02-01T06:30", "2013-01-31 06:00", "2013-02-01 06:00"),
        ("last 2 weeks", "2013-02-01T06:30", "2013-01-14 00:00", "2013-01-28 00:00"),
        ("last 3 months", "2013-02-01T06:30", "2012-11-01 00:00", "2013-02-01 00:00"),
        ("last 2 quarters", "2013-02-01T06:30", "2012-07-01 00:00", "2013-01-01 00:00"),
        ("last 2 years", "2013-02-01T06:30", "2011-01-01 00:00", "2013-01-01 00:00"),
        ("hour to date", "2013-02-01T06:30", "2013-02-01 06:00", "2013-02-01 06:30"),
        ("day to date", "2013-02-01T06:30", "2013-02-01 00:00", "2013-02-01 06:30"),
        ("week to date", "2013-02-01T06:30", "2013-01-28 00:00", "2013-02-01 06:30"),
        ("month to date", "2013-02-01T06:30", "2013-02-01 00:00", "2013-02-01 06:30"),
        ("month to date", "2013-02-01T00:00", "2013-01-01 00:00", "2013-02-01 00:00"),
        ("quarter to date", "2013-02-01T06:30", "2013-01-01 00:00", "2013-02-01 06:30"),
        ("year to date", "2013-02-01T06:30", "2013-01-01 00:00", "2013-02-01 06:30"),
        ("week to yesterday", "2013-02-01T06:30", "2013-01-28 00:00", "2013-02-01 00:00"),
        ("month to yesterday", "2013-02-01T06:30", "2013-01-01 00:00", "2013-02-01 00:00"),
        ("month to yesterday", "2013-02-02T06:30", "2013-02-01 00:00", "2013-02-02 00:00"),
        ("year to yesterday", "2013-01-01T06:30", "2012-01-01 00:00", "2013-01-01 00:00"),
        ("  Previous   MONTH ", "2013-02-01T06:30", "2013-01-01 00:00", "2013-02-01 00:00"),
    ],
)
def test_what_a_period_covers(text: str, due: str, start: str, end: str) -> None:
    assert bounds(text, local(due)) == (start, end)


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("previous moth", "previous month"),
        ("last month", "previous month"),
        ("this week", "week to date"),
        ("current year", "year to date"),
        ("yesterday", "previous day"),
        ("today", "day to date"),
        ("month-to-date", "month to date"),
        ("last 7 dais", "last 7 days"),
        ("month to yesterdy", "month to yesterday"),
        ("previous weekday", "previous business day"),
        ("last 5 busines days", "last 5 business days"),
    ],
)
def test_a_near_miss_is_named(text: str, meant: str) -> None:
    with pytest.raises(ValueError, match=r"is not a period") as caught:
        parse_period(text)
    assert str(caught.value) == (
        f'"{text}" is not a period; did you mean "{meant}"? Or write something like previous day, '
        "last 7 days, month to date, month to yesterday or previous business day "
        "(units: hour, day, week, month, quarter, year)"
    )


@pytest.mark.parametrize("text", ["", "fortnight", "last 30 minutes", "day to yesterday today", "previous"])
def test_nonsense_gets_what_is_expected(text: str) -> None:
    with pytest.raises(ValueError, match=r"is not a period; write something like previous day, "):
        parse_period(text)


@pytest.mark.parametrize("text", ["last 0 days", "last 1001 days", "last 99999999999999999999 hours"])
def test_a_count_out_of_bounds_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="N must be from 1 to 1000"):
        parse_period(text)


@given(st.text(max_size=30))
def test_parsing_either_answers_or_raises_value_error(text: str) -> None:
    try:
        spec = parse_period(text)
    except ValueError as error:
        assert text in str(error)  # noqa: PT017 - both ends are legal here
    else:
        assert isinstance(spec, PeriodSpec)


@pytest.mark.parametrize("zone", ODD_ZONES)
@pytest.mark.parametrize("unit", UNITS)
@settings(max_examples=15)
@given(instant=moments)
def test_units_tile_time(zone: str, unit: Unit, instant: datetime) -> None:
    there = ZoneInfo(zone)
    start, end = start_of(unit, instant, there), end_of(unit, instant, there)
    assert start <= instant < end
    inside = [start, start + (end - start) / 3, end - timedelta(microseconds=1)]
    assert {start_of(unit, one, there) for one in inside} == {start}
    assert {end_of(unit, one, there) for one in inside} == {end}
    assert start_of(unit, end, there) == end


FOLDS_AND_GAPS = [
    (NEW_YORK, "2013-03-10"), (NEW_YORK, "2013-11-03"), ("Australia/Lord_Howe", "2024-10-06"),
    ("Australia/Lord_Howe", "2024-04-07"), ("Pacific/Apia", "2011-12-30"), ("Antarctica/Troll", "2024-03-31"),
    ("America/Sao_Paulo", "2018-11-04"), ("America/Havana", "2024-11-03"), ("America/St_Johns", "2010-11-07"),
    ("Africa/Casablanca", "2024-04-14"), ("Asia/Kathmandu", "1986-01-01"),
]  # fmt: skip


@pytest.mark.parametrize(("zone", "day"), FOLDS_AND_GAPS)
@pytest.mark.parametrize(("unit", "days"), [("hour", 2), ("day", 4), ("week", 20)])
def test_units_tile_minute_by_minute_where_clocks_change(zone: str, day: str, unit: Unit, days: int) -> None:
    there = ZoneInfo(zone)
    first = datetime.fromisoformat(day).replace(tzinfo=UTC) - timedelta(days=days / 2)
    step = timedelta(minutes=1 if unit == "hour" else 10)
    spans = [
        (start_of(unit, instant, there), end_of(unit, instant, there))
        for instant in (first + step * n for n in range(int(timedelta(days=days) / step)))
    ]
    distinct = list(dict.fromkeys(spans))
    assert distinct == sorted(distinct)
    assert all(one[1] == following[0] for one, following in pairwise(distinct))


CADENCES = [
    ("7 * * * *", "previous hour"),
    ("30 6 * * *", "previous day"),
    ("0 7 * * mon", "previous week"),
    ("0 7 1 * *", "previous month"),
    ("15 9 1 1,4,7,10 *", "previous quarter"),
    ("0 7 1 1 *", "previous year"),
]


@pytest.mark.parametrize("zone", [NEW_YORK, "Europe/Berlin", "Australia/Lord_Howe", "Asia/Kathmandu", "Pacific/Apia"])
@pytest.mark.parametrize(("cron", "text"), CADENCES)
def test_periods_of_consecutive_due_times_tile(zone: str, cron: str, text: str) -> None:
    entry = ScheduleEntry(cron=cron, timezone=zone)
    assert default_period([entry]) == text
    years = 6 if "1 1" in cron or "1," in cron else 2
    if text == "previous hour":
        after, until = local("2024-03-01", zone), local("2024-04-20", zone)
    else:
        after, until = local("2011-01-10", zone), local("2011-01-10", zone) + timedelta(days=366 * years)
    periods = [period_for(parse_period(text), due, zone) for due in due_times([entry], after, until)]
    assert len(periods) > 4
    if zone == "Pacific/Apia":  # the 30th that never was is due at the start of the 31st, about the 29th again
        assert len(periods) - len(set(periods)) == (1 if text == "previous day" else 0)
        periods = list(dict.fromkeys(periods))
    for one, following in pairwise(periods):
        assert one.end.astimezone(UTC) == following.start.astimezone(UTC)


@pytest.mark.parametrize(
    ("zone", "due", "hours"),
    [
        (NEW_YORK, "2013-03-11T06:30", 23),
        (NEW_YORK, "2013-11-04T06:30", 25),
        (NEW_YORK, "2013-11-05T06:30", 24),
        ("Australia/Lord_Howe", "2024-10-07T06:30", 23.5),
        ("America/Sao_Paulo", "2018-11-05T06:30", 23),
        ("America/Havana", "2024-11-04T06:30", 25),
        ("Pacific/Apia", "2011-12-31T06:30", 24),  # the 29th: there was no 30th
    ],
)
def test_a_day_is_as_long_as_the_clocks_make_it(zone: str, due: str, hours: float) -> None:
    period = period_for(parse_period("previous day"), local(due, zone), zone)
    assert (period.end.astimezone(UTC) - period.start.astimezone(UTC)) / timedelta(hours=1) == hours
    assert period.days == 1


def test_both_hours_of_a_fold_are_hours_of_their_own() -> None:
    spec = parse_period("previous hour")
    first = period_for(spec, local("2013-11-03T01:07", fold=1), NEW_YORK)
    second = period_for(spec, local("2013-11-03T02:07"), NEW_YORK)
    assert first.label == "3 November 2013, 01:00 EDT–01:00 EST"
    assert second.label == "3 November 2013, 01:00–02:00"
    assert first.end.astimezone(UTC) == second.start.astimezone(UTC)


def test_the_ends_are_in_the_zone_and_the_last_day_is_inclusive() -> None:
    period = period_for(parse_period("last 7 days"), datetime(2013, 2, 1, 11, 30, tzinfo=UTC), NEW_YORK)
    assert period.start.tzinfo == period.end.tzinfo == ZoneInfo(NEW_YORK)
    assert (period.start.date(), period.last_day, period.days) == (date(2013, 1, 25), date(2013, 1, 31), 7)


def test_the_last_day_skips_a_date_that_never_was() -> None:
    period = period_for(parse_period("previous day"), local("2011-12-31T06:30", "Pacific/Apia"), "Pacific/Apia")
    assert (period.last_day, period.label) == (date(2011, 12, 29), "29 December 2011")


LABELS = [
    ("previous hour", "1 February 2013, 05:00–06:00", "February 1, 2013, 05:00–06:00"),
    ("previous day", "31 January 2013", "January 31, 2013"),
    ("previous week", "week 4 of 2013 (21–27 Jan 2013)", "week 4 of 2013 (Jan 21 – 27, 2013)"),
    ("previous month", "January 2013", "January 2013"),
    ("previous quarter", "Q4 2012", "Q4 2012"),
    ("previous year", "2012", "2012"),
    ("last 7 days", "25–31 Jan 2013", "Jan 25 – 31, 2013"),
    ("last 3 months", "November 2012 – January 2013", "November 2012 – January 2013"),
    ("last 2 years", "2011–2012", "2011 – 2012"),
    (
        "month to date",
        "1 February 2013, 00:00–06:30",
        "February 1, 2013, 00:00–06:30",
    ),
    (
        "week to date",
        "28 January 2013, 00:00 – 1 February 2013, 06:30",
        "January 28, 2013, 00:00 – February 1, 2013, 06:30",
    ),
]


@pytest.mark.parametrize(("text", "british", "american"), LABELS)
def test_labels(text: str, british: str, american: str) -> None:
    due = local("2013-02-01T06:30")
    assert period_for(parse_period(text), due, NEW_YORK).label == british
    assert period_for(parse_period(text), due, NEW_YORK, "en_US").label == american


@pytest.mark.parametrize(
    ("locale", "label"),
    [
        ("de_DE", "Woche 4 des Jahres 2013 (21.–27. Jan. 2013)"),
        ("fr_FR", "semaine 4 de 2013 (21–27 janv. 2013)"),
        ("ja_JP", "2013年第4週 (2013年1月21日～27日)"),
    ],
)
def test_labels_in_other_languages(locale: str, label: str) -> None:
    period = period_for(parse_period("previous week"), local("2013-02-01T06:30"), NEW_YORK)
    assert period.label_in(locale) == label


def test_weeks_read_as_every_locale_has_them() -> None:
    """This one has the same number whichever day weeks begin with."""
    period = period_for(parse_period("previous week"), local("2013-02-01T06:30"), NEW_YORK)
    said = {locale: format_skeleton("yw", date(2013, 1, 21), locale=locale) for locale in locale_identifiers()}
    assert {locale: period.label_in(locale).rpartition(" (")[0] for locale in said} == said


def test_weeks_are_numbered_by_iso_8601_in_america_too() -> None:
    period = period_for(parse_period("previous week"), local("2016-01-05T06:30"), NEW_YORK, "en_US")
    assert period.label == "week 53 of 2015 (Dec 28, 2015 – Jan 3, 2016)"


@pytest.mark.parametrize(
    ("rules", "text"),
    [
        ([], "previous day"),
        ([{"at": datetime.fromisoformat("2024-01-01T09:00")}], "previous day"),
        ([{"every": "15 minutes"}], "previous hour"),
        ([{"every": "1 day"}], "previous day"),
        ([{"every": "1 week"}], "previous week"),
        ([{"every": "30 days"}], "previous month"),
        ([{"cron": "30 6 * * mon-fri"}], "previous day"),
        ([{"cron": "0 8 1,15 * *"}], "previous week"),
        ([{"cron": "0 8 L * *"}], "previous month"),
        ([{"cron": "0 0 29 2 *"}], "previous year"),
        ([{"cron": "0 8,20 * * *"}], "previous hour"),
        ([{"cron": "0 7 * * mon"}, {"cron": "0 16 * * fri"}], "previous day"),
        ([{"cron": "0 7 * * mon", "until": date(2001, 1, 1)}], "previous week"),
        ([{"cron": "0 5 * * sun", "timezone": "Antarctica/Troll"}], "previous week"),
    ],
)
def test_default_period_follows_the_cadence(rules: list[dict[str, object]], text: str) -> None:
    assert default_period([ScheduleEntry.model_validate(rule) for rule in rules]) == text
