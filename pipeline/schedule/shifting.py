"""What a calendar does to the due times of one rule: takes them away, moves them, or picks a few days.

skip              a due time on a holiday stays in the stream with the reason, so that it can leave a row
next, previous    it moves to the nearest business day that way, at the same local time; several that meet
                  there, and one that was due there anyway, are one
run               the calendar changes nothing
only              due times of those days alone; others were never asked for
"""

import heapq
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from pipeline.jobs.calendars import MONDAY_TO_FRIDAY, OnlyDays
from pipeline.jobs.model import ScheduleEntry
from pipeline.schedule.business import BusinessDays, business_days
from pipeline.schedule.wall import local_wall, resolve

_TICK = timedelta(microseconds=1)
_CLOCK_CHANGE = timedelta(hours=3)
"""Clocks go back by less: a later instant shows at most this much earlier a local time."""
_CENTURY = timedelta(days=36_525)


@dataclass(frozen=True, slots=True)
class Moved:
    """Why a due time is not on the day that its rule asks for."""

    asked: date
    to: date
    why: str

    def __str__(self) -> str:
        """`Mon 25 May → Tue 26 May: Memorial Day`."""
        return f"{_day(self.asked)} → {_day(self.to)}: {self.why}"


class Asked(NamedTuple):
    """A due time, and the entry that asks for it."""

    due: datetime
    entry: ScheduleEntry
    moved: tuple[Moved, ...] = ()
    """The days that it was moved from, in their order."""
    skipped: str = ""
    """Why nothing is sent: the day is no business day. Empty for all others."""


Times = Callable[[datetime], Iterator[datetime]]
"""The instants that a rule asks for, ascending, all that are later than an instant and perhaps some before it."""


def shifted(entry: ScheduleEntry, zone: ZoneInfo, after: datetime, times: Times) -> Iterator[Asked]:
    """The rule's due times later than `after` (and perhaps some before it), ascending, as its calendar leaves them."""
    days = business_days(entry.calendar or MONDAY_TO_FRIDAY)
    if entry.only is not None:
        return (Asked(due, entry) for due in _picked(entry.only, days, zone, after, times))
    if entry.calendar is None or entry.on_holiday == "run":
        return (Asked(due, entry) for due in times(after))
    if entry.on_holiday == "skip":
        return (_skipping(entry, days, zone, due) for due in times(after))
    if entry.on_holiday == "next":
        return _moved_on(entry, days, zone, after, times)
    return _moved_back(entry, days, zone, after, times)


def _skipping(entry: ScheduleEntry, days: BusinessDays, zone: ZoneInfo, due: datetime) -> Asked:
    why = days.why_not(local_wall(due, zone).date())
    name = entry.calendar.name if entry.calendar else ""
    return Asked(due, entry, skipped=f"no business day of calendar {name}: {why}" if why else "")


def _moved_on(
    entry: ScheduleEntry, days: BusinessDays, zone: ZoneInfo, after: datetime, times: Times
) -> Iterator[Asked]:
    # What was asked for up to the last business day before today is no later than today's start.
    before = _midnight(days.before(local_wall(after, zone).date()), zone) - _CLOCK_CHANGE
    waiting = _Meeting(entry)
    for due in times(before):
        yield from waiting.earlier_than(due)  # nothing moves to before the instant that it was asked for
        day = local_wall(due, zone).date()
        waiting.add(due, day, days.at_or_after(day), days.why_not(day), zone)
    yield from waiting.earlier_than(None)


def _moved_back(
    entry: ScheduleEntry, days: BusinessDays, zone: ZoneInfo, after: datetime, times: Times
) -> Iterator[Asked]:
    waiting = _Meeting(entry)
    for due in times(after):
        earliest = days.at_or_before(local_wall(due - _CLOCK_CHANGE, zone).date())
        yield from waiting.earlier_than(_midnight(earliest, zone))  # nor does anything later move to before that day
        day = local_wall(due, zone).date()
        waiting.add(due, day, days.at_or_before(day), days.why_not(day), zone)
    yield from waiting.earlier_than(None)


class _Meeting:
    """Moved due times that wait until no earlier one can come; equal ones are one."""

    def __init__(self, entry: ScheduleEntry) -> None:
        self._entry = entry
        self._order: list[datetime] = []
        self._moves: dict[datetime, tuple[Moved, ...]] = {}

    def add(self, due: datetime, day: date, to: date, why: str, zone: ZoneInfo) -> None:
        moved: tuple[Moved, ...] = ()
        if to != day:
            due = resolve(datetime.combine(to, local_wall(due, zone).time()), zone)
            moved = (Moved(day, to, why),)
        if due not in self._moves:
            heapq.heappush(self._order, due)
        self._moves[due] = (*self._moves.get(due, ()), *moved)

    def earlier_than(self, bound: datetime | None) -> Iterator[Asked]:
        while self._order and (bound is None or self._order[0] < bound):
            due = heapq.heappop(self._order)
            yield Asked(due, self._entry, self._moves.pop(due))


def _picked(only: OnlyDays, days: BusinessDays, zone: ZoneInfo, after: datetime, times: Times) -> Iterator[datetime]:
    """Jumps from day to day: a minutely rule of a yearly day does not walk through the year."""
    cursor = after
    while cursor - after < _CENTURY:
        for due in times(cursor):
            if due <= cursor:
                continue
            cursor = due
            day = local_wall(due, zone).date()
            if not days.is_only(day, only):
                cursor = max(due, _midnight(days.next_only(day, only), zone) - _TICK)
                break
            yield due
        else:
            return


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    return resolve(datetime.combine(day, datetime.min.time()), zone)


def _day(day: date) -> str:
    return f"{day:%a} {day.day} {day:%b}"
