"""Calendar units as spans of instants: where the hour, day, week, … that holds an instant begins and ends.

Units follow local time: a day is as long as clocks make it (23, 24 or 25 hours), both passes of a repeated
hour are hours of their own, and a date that a zone skipped does not exist. Units of a kind tile time: one
ends where the next begins. Weeks begin on Monday (ISO 8601).
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

from pipeline.schedule.wall import instants, local_wall, resolve

Unit = Literal["hour", "day", "week", "month", "quarter", "year"]
TICK = timedelta(microseconds=1)


def start_of(unit: Unit, instant: datetime, zone: ZoneInfo) -> datetime:
    """The start (UTC) of the unit that holds an aware instant."""
    return max(start for start in _starts(unit, instant, zone) if start <= instant)


def end_of(unit: Unit, instant: datetime, zone: ZoneInfo) -> datetime:
    """The end (UTC), which is the next one's start, of the unit that holds an aware instant."""
    return min(start for start in _starts(unit, instant, zone) if start > instant)


def start_before(unit: Unit, instant: datetime, zone: ZoneInfo) -> datetime:
    """The latest start (UTC) of a unit that lies before an aware instant."""
    return start_of(unit, instant - TICK, zone)


def _starts(unit: Unit, instant: datetime, zone: ZoneInfo) -> list[datetime]:
    """Starts of the units around an instant: enough for the last one up to it and the first one after it."""
    floor, following = _FLOORS[unit]
    here = floor(local_wall(instant, zone))
    walls = (here, following(here), following(following(here)))
    if unit == "hour":  # every time that the clocks show a full hour, and the ends of gaps that swallow one
        return [start for wall in walls for start in instants(wall, zone) or (resolve(wall, zone),)]
    return [resolve(wall, zone) for wall in walls]


def _midnight(wall: datetime) -> datetime:
    return wall.replace(hour=0, minute=0, second=0, microsecond=0)


def _add_months(first: datetime, months: int) -> datetime:
    years, month = divmod(first.month - 1 + months, 12)
    return first.replace(year=first.year + years, month=month + 1)


Walls = Callable[[datetime], datetime]
_FLOORS: dict[Unit, tuple[Walls, Walls]] = {
    "hour": (
        lambda wall: wall.replace(minute=0, second=0, microsecond=0),
        lambda start: start + timedelta(hours=1),
    ),
    "day": (_midnight, lambda start: start + timedelta(days=1)),
    "week": (
        lambda wall: _midnight(wall) - timedelta(days=wall.weekday()),
        lambda start: start + timedelta(weeks=1),
    ),
    "month": (lambda wall: _midnight(wall).replace(day=1), lambda start: _add_months(start, 1)),
    "quarter": (
        lambda wall: _midnight(wall).replace(day=1, month=wall.month - (wall.month - 1) % 3),
        lambda start: _add_months(start, 3),
    ),
    "year": (lambda wall: _midnight(wall).replace(day=1, month=1), lambda start: _add_months(start, 12)),
}
"""Unit → the start of the one that holds a wall time, and the start that follows a start; naive local
times."""
