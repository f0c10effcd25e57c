"""Business days: which dates of a calendar they are, why another is none, and the nth of a unit.

Weekends and holidays are taken out, `working` days put back. Everything here is about dates; instants are
`due.py`'s and `period.py`'s.
"""

from collections.abc import Iterator, Mapping
from datetime import date, timedelta
from functools import lru_cache

from pipeline.errors import UsageError
from pipeline.jobs.calendars import WEEKDAYS, Calendar, OnlyDays, OnlyUnit
from pipeline.jobs.holidaycodes import holidays_in

DAY = timedelta(days=1)


class BusinessDays:
    """The business days of one calendar. Raises MissingExtraError or UsageError where its holidays are unknown."""

    def __init__(self, calendar: Calendar) -> None:
        self._codes = calendar.holidays
        self._weekend = frozenset(WEEKDAYS.index(day) for day in calendar.weekend)
        self._extra = frozenset(calendar.extra)
        self._working = frozenset(calendar.working)
        self._name = calendar.name

    def __contains__(self, day: date) -> bool:
        return not self.why_not(day)

    def why_not(self, day: date) -> str:
        """`Memorial Day`, `weekend`, `day off`: why a date is no business day; empty if it is one."""
        if day in self._working:
            return ""
        for code in self._codes:
            name = self._names(code, day.year).get(day)
            if name:
                return name
        if day in self._extra:
            return f"day off in calendar {self._name}"
        return "weekend" if day.weekday() in self._weekend else ""

    def after(self, day: date) -> date:
        """The next business day."""
        return next(later for later in _from(day, DAY) if later in self)

    def before(self, day: date, count: int = 1) -> date:
        """The `count`th business day before a date."""
        for _ in range(count):
            day = next(earlier for earlier in _from(day, -DAY) if earlier in self)
        return day

    def at_or_after(self, day: date) -> date:
        return day if day in self else self.after(day)

    def at_or_before(self, day: date) -> date:
        return day if day in self else self.before(day)

    def is_only(self, day: date, only: OnlyDays) -> bool:
        """Whether a date is the nth (last, 2nd last, …) business day of its unit."""
        return day in self and day == self._nth(only.ordinal, *unit_of(day, only.unit))

    def next_only(self, day: date, only: OnlyDays) -> date:
        """The first date after `day` that `is_only`, or the start of a unit far away where none of a century is."""
        first = day
        for _ in range(_UNITS_AHEAD):
            first, end = unit_of(first, only.unit)
            found = self._nth(only.ordinal, first, end)
            if found is not None and found > day:
                return found
            first = end
        return first

    def _nth(self, ordinal: int, first: date, end: date) -> date | None:
        days = _from(first - DAY, DAY) if ordinal > 0 else _from(end, -DAY)
        left = abs(ordinal)
        for day in days:
            if not first <= day < end:
                return None
            left -= day in self
            if not left:
                return day
        return None

    def _names(self, code: str, year: int) -> Mapping[date, str]:
        try:
            return holidays_in(code, year)
        except ValueError as error:
            raise UsageError(f"calendar {self._name}: {error}") from None


_UNITS_AHEAD = 500


@lru_cache(maxsize=256)
def business_days(calendar: Calendar) -> BusinessDays:
    """The same for equal calendars: jobs by the thousand share a few."""
    return BusinessDays(calendar)


def unit_of(day: date, unit: OnlyUnit) -> tuple[date, date]:
    """The first date of the unit that holds `day`, and the first after it. Weeks begin on Monday."""
    if unit == "week":
        first = day - DAY * day.weekday()
        return first, first + 7 * DAY
    months = {"month": 1, "quarter": 3, "year": 12}[unit]
    first = day.replace(day=1, month=day.month - (day.month - 1) % months)
    years, month = divmod(first.month - 1 + months, 12)
    return first, first.replace(year=first.year + years, month=month + 1)


def _from(day: date, step: timedelta) -> Iterator[date]:
    """The dates after (or before) one, for ever."""
    while True:
        day += step
        yield day
