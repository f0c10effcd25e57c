"""Periods: the half-open span of time that a run reports on, derived from its due time, never from the clock.

previous UNIT       the last whole hour, day, week, month, quarter or year that had ended at the due time
last N UNITs        the last N of them, one after the other
UNIT to date        from the start of the unit up to the due time; where the due time is that start, the unit
                    that ends there: month to date at midnight on the 1st is the whole month before
UNIT to yesterday   week, month, quarter or year, up to the start of the due time's day: on the 1st, the whole
                    month before

previous business day, last N business days
                    whole days, from the first of them to the end of the last, weekends in between included
since previous business day
                    from the start of that day to the start of the due time's: on Monday, Friday to Sunday

Units are those of `units.py`: local time of the job's zone, weeks from Monday. Business days are those of the
job's calendar.
"""

import difflib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from itertools import pairwise
from typing import Literal, get_args
from zoneinfo import ZoneInfo

from pipeline.jobs.calendars import MONDAY_TO_FRIDAY, Calendar
from pipeline.jobs.model import ScheduleEntry
from pipeline.schedule.business import DAY, BusinessDays, business_days
from pipeline.schedule.due import due_times
from pipeline.schedule.labels import are_whole_days, last_day, period_label
from pipeline.schedule.units import Unit, start_before, start_of
from pipeline.schedule.wall import local_wall, resolve

_UNITS: tuple[Unit, ...] = get_args(Unit)
_LONG_UNITS = _UNITS[2:]  # longer than a day
_MOST = 1000
_EXPECTED = (
    "write something like previous day, last 7 days, month to date, month to yesterday or previous business day "
    "(units: hour, day, week, month, quarter, year)"
)
_MEANT = {
    "today": "day to date",
    "yesterday": "previous day",
    "last business day": "previous business day",
    "last working day": "previous business day",
    "previous working day": "previous business day",
    "previous weekday": "previous business day",
    **{f"last {unit}": f"previous {unit}" for unit in _UNITS},
    **{f"this {unit}": f"{unit} to date" for unit in _UNITS},
    **{f"current {unit}": f"{unit} to date" for unit in _UNITS},
}
"""What people write for a period that has another name here."""


@dataclass(frozen=True, slots=True)
class PeriodSpec:
    """A period as written, before a due time is known."""

    form: Literal["last", "to date", "to yesterday", "last business days", "since business day"]
    unit: Unit
    count: int = 1
    """How many units; only for `last` and `last business days`. `previous UNIT` is the last one."""


@dataclass(frozen=True, slots=True)
class Period:
    """A half-open span of time `[start, end)`, with both ends aware in the job's zone."""

    start: datetime
    end: datetime
    label: str
    """For people: `31 January 2013`, `Q1 2013`."""

    @property
    def last_day(self) -> date:
        """The date of the last moment inside: what people write where they name a first and a last day."""
        return last_day(self.end)

    @property
    def days(self) -> int:
        """How many dates it touches, at least 1."""
        return (self.last_day - self.start.date()).days + 1

    @property
    def are_days(self) -> bool:
        """Whether it is whole days of its zone: days of the report, whoever reads it where."""
        return are_whole_days(self.start, self.end)

    def label_in(self, locale: str, zone: ZoneInfo | None = None) -> str:
        """The label in another locale (`de_DE`), and a span that is not whole days in another zone's time."""
        if zone is None or self.are_days:
            return period_label(self.start, self.end, locale)
        return period_label(self.start.astimezone(zone), self.end.astimezone(zone), locale)


def parse_period(text: str) -> PeriodSpec:
    """Reads what an analyst writes. Raises ValueError that says what is expected and what was probably
    meant."""
    words = " ".join(text.lower().split())
    if spec := _business_period(text, words):
        return spec
    for unit in _UNITS:
        if words == f"previous {unit}":
            return PeriodSpec("last", unit)
        if words == f"{unit} to date":
            return PeriodSpec("to date", unit)
        if words == f"{unit} to yesterday" and unit in _LONG_UNITS:
            return PeriodSpec("to yesterday", unit)
        if match := re.fullmatch(rf"last (\d+) {unit}s?", words, re.ASCII):
            return PeriodSpec("last", unit, _count(text, match[1]))
    near = _near(words.replace("-", " "))
    meant = f'did you mean "{near}"? Or ' if near else ""
    raise ValueError(f'"{text}" is not a period; {meant}{_EXPECTED}')


def _business_period(text: str, words: str) -> PeriodSpec | None:
    if words == "previous business day":
        return PeriodSpec("last business days", "day")
    if words == "since previous business day":
        return PeriodSpec("since business day", "day")
    if match := re.fullmatch(r"last (\d+) business days?", words, re.ASCII):
        return PeriodSpec("last business days", "day", _count(text, match[1]))
    return None


def period_for(
    spec: PeriodSpec, due: datetime, zone: str, locale: str = "en_GB", calendar: Calendar | None = None
) -> Period:
    """The period of the run for `due` (aware), in the IANA zone `zone`, its label in `locale`.

    Business days are those of `calendar`, or Monday to Friday. Raises MissingExtraError where its holidays need
    a package that is not installed.
    """
    local = ZoneInfo(zone)
    if spec.form in {"last business days", "since business day"}:
        start, end = _business_bounds(spec, due, local, business_days(calendar or MONDAY_TO_FRIDAY))
    else:
        start, end = _bounds(spec, due.astimezone(UTC), local)
    start, end = start.astimezone(local), end.astimezone(local)
    return Period(start, end, period_label(start, end, locale))


def default_period(entries: Sequence[ScheduleEntry]) -> str:
    """The period that fits a schedule's cadence, the same for all of its due times.

    It is decided by the shortest time between two due times of 2023 and 2024, whatever `until` says:
    365 days or more `previous year`, 89 days `previous quarter`, 28 days `previous month`, 7 days
    `previous week`, 20 hours `previous day`, else `previous hour`. `previous day` where nothing repeats. A
    rule with `only` has the cadence of its unit, and holidays change none.
    """
    rules = tuple(
        ScheduleEntry(cron=entry.cron, every=entry.every, timezone=entry.timezone)
        for entry in entries
        if entry.at is None and entry.only is None
    )
    units = {entry.only.unit for entry in entries if entry.only is not None}
    if not rules and not units:
        return "previous day"
    shortest = min([_shortest_gap(rules) if rules else timedelta.max, *(_LEAST[unit] for unit in units)])
    return next((f"previous {unit}" for least, unit in _CADENCES if shortest >= least), "previous hour")


@lru_cache(maxsize=1024)  # jobs by the thousand share a few schedules, and a daily one takes milliseconds
def _shortest_gap(rules: tuple[ScheduleEntry, ...]) -> timedelta:
    """As far as it decides: the search ends at the first one that is shorter than any cadence needs."""
    shortest = timedelta.max
    for due, following in pairwise(due_times(rules, datetime(2023, 1, 1, tzinfo=UTC), _REFERENCE_END)):
        shortest = min(shortest, following - due)
        if shortest < _CADENCES[-1][0]:
            break
    return shortest


_REFERENCE_END = datetime(2025, 1, 2, tzinfo=UTC)  # two days more than two years: a yearly one is due twice
_CLOCK_CHANGE = timedelta(hours=3)  # a week may be some hours short of 7 days: 1 by DST, up to 3 in odd zones
_CADENCES: tuple[tuple[timedelta, Unit], ...] = (
    (timedelta(days=365) - _CLOCK_CHANGE, "year"),
    (timedelta(days=89) - _CLOCK_CHANGE, "quarter"),
    (timedelta(days=28) - _CLOCK_CHANGE, "month"),
    (timedelta(days=7) - _CLOCK_CHANGE, "week"),
    (timedelta(hours=20), "day"),
)
_LEAST: dict[Unit, timedelta] = {unit: least for least, unit in _CADENCES}


def _bounds(spec: PeriodSpec, due: datetime, zone: ZoneInfo) -> tuple[datetime, datetime]:
    if spec.form == "to date":
        return start_before(spec.unit, due, zone), due
    if spec.form == "to yesterday":
        today = start_of("day", due, zone)
        return start_before(spec.unit, today, zone), today
    end = start_of(spec.unit, due, zone)
    start = end
    for _ in range(spec.count):
        start = start_before(spec.unit, start, zone)
    return start, end


def _business_bounds(spec: PeriodSpec, due: datetime, zone: ZoneInfo, days: BusinessDays) -> tuple[datetime, datetime]:
    today = local_wall(due, zone).date()
    first = days.before(today, spec.count)
    end = today if spec.form == "since business day" else days.before(today) + DAY
    return _midnight(first, zone), _midnight(end, zone)


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    return resolve(datetime.combine(day, datetime.min.time()), zone)


def _count(text: str, digits: str) -> int:
    count = int(digits) if len(digits) <= 4 else _MOST + 1
    if not 1 <= count <= _MOST:
        raise ValueError(f'"{text}" is not a period: N must be from 1 to {_MOST}')
    return count


def _near(words: str) -> str:
    if words in _MEANT:
        return _MEANT[words]
    number = re.search(r"\d+", words)
    known = {f"previous {unit}" for unit in _UNITS} | {f"{unit} to date" for unit in _UNITS}
    known |= {f"{unit} to yesterday" for unit in _LONG_UNITS}
    known |= {"previous business day", "since previous business day"}
    known |= {f"last {number[0]} {unit}s" for unit in (*_UNITS, "business day")} if number else set()
    found = difflib.get_close_matches(words, sorted(known | _MEANT.keys()), n=1, cutoff=0.84)
    return _MEANT.get(found[0], found[0]) if found else ""
