"""What people call a span of time, in their language: `31 January 2013`, `Q1 2013`, `25–31 Jan 2013`."""

import re
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

from pipeline.schedule.units import TICK, Unit, end_of, start_of


def period_label(start: datetime, end: datetime, locale: str) -> str:
    """Names `[start, end)`, two aware times of one zone, by the largest unit that it is one whole of, with
    CLDR's patterns for the locale; else as a range of years, months, days or times.

    Weeks are numbered as in ISO 8601 in every locale, because every week here begins on Monday.
    """
    from babel import dates  # noqa: PLC0415 - 50 ms that commands without a label need not wait for

    first, last = start.date(), last_day(end)
    if _whole("year", start, end):
        label = dates.format_interval(first, last, "y", locale=locale)
    elif _is_one("quarter", start, end):
        label = dates.format_skeleton("yQQQ", first, locale=locale)
    elif _whole("month", start, end):
        label = dates.format_interval(first, last, "yMMMM", locale=locale)
    elif _whole("day", start, end) and first == last:
        label = dates.format_date(first, "long", locale=locale)
    elif _whole("day", start, end):
        label = dates.format_interval(first, last, "yMMMd", locale=locale)
        if _is_one("week", start, end):
            label = f"{_week(first, locale)} ({label})"
    else:
        label = _with_times(start, end, locale)
    return re.sub("[\N{THIN SPACE}\N{NARROW NO-BREAK SPACE}]", " ", label)  # for subjects and file names


def are_whole_days(start: datetime, end: datetime) -> bool:
    """Whether `[start, end)`, two aware times of one zone, consists of whole days there."""
    return _whole("day", start, end)


def last_day(end: datetime) -> date:
    """The date of the last moment before an exclusive, aware end; asked in UTC, as zones may skip a date."""
    return (end.astimezone(UTC) - TICK).astimezone(end.tzinfo).date()


def _whole(unit: Unit, start: datetime, end: datetime) -> bool:
    """Whether the span consists of whole units."""
    return all(start_of(unit, time, _zone(time)) == time.astimezone(UTC) for time in (start, end))


def _is_one(unit: Unit, start: datetime, end: datetime) -> bool:
    return _whole(unit, start, end) and end_of(unit, start, _zone(start)) == end.astimezone(UTC)


def _week(monday: date, locale: str) -> str:
    from babel import Locale, dates  # noqa: PLC0415 - as above

    year, week, _ = monday.isocalendar()
    numbers = {"w": str(week), "Y": str(year), "y": str(year)}
    # The pattern's own numbers would follow the locale's idea of weeks, which begin on Sunday in en_US. Digits stand in
    # it without quotes: `47'ª'` may not become `'47''ª'`, which has an apostrophe.
    pattern = re.sub(
        "'[^']*'|[wYy]+",
        lambda part: numbers.get(part[0][0], part[0]),
        Locale.parse(locale).datetime_skeletons["yw"].pattern,
    )
    return dates.format_date(monday, pattern, locale=locale)


def _with_times(start: datetime, end: datetime, locale: str) -> str:
    from babel import dates  # noqa: PLC0415 - as above

    # Where clocks change in between, the zone's abbreviation tells 01:30 from 01:30.
    pattern = "%H:%M" if start.utcoffset() == end.utcoffset() else "%H:%M %Z"
    opens, closes = start.strftime(pattern), end.strftime(pattern)
    first = dates.format_date(start, "long", locale=locale)
    if start.date() == last_day(end):
        return f"{first}, {opens}–{closes}"
    return f"{first}, {opens} – {dates.format_date(end, 'long', locale=locale)}, {closes}"


def _zone(time: datetime) -> ZoneInfo:
    if not isinstance(time.tzinfo, ZoneInfo):
        raise TypeError(f"{time!r} must have a ZoneInfo as its zone")
    return time.tzinfo
