"""How much a mailer may be handed at an instant. Pure: what was sent before is passed in.

per_second is a spread: at 14 a second one letter leaves every 71 ms. It counts when letters are handed out, since that
is when the server sees them. per_hour and per_day hold in any window, not in clock hours: what is in a worker's hands
counts until its outcome, and from then on for the window's length, rounded up to the minute. So no window of that
length ever holds more, whatever fails, restarts or works beside us.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from pipeline.ledger.ways import Limits

SECOND, MINUTE, HOUR, DAY = (timedelta(seconds=seconds) for seconds in (1, 60, 3600, 86400))
_MICROSECOND = timedelta(microseconds=1)
PORTIONS = 20
"""Portions a second at most: 200 a second leave as 10 every 50 ms, since each portion costs a transaction."""


@dataclass(frozen=True, slots=True)
class Pace:
    """What per_second remembers of one mailer."""

    next_at: datetime | None = None
    """Before then nothing is handed out."""
    recent: tuple[tuple[datetime, int], ...] = ()
    """When how many recipients were handed out, in the last second."""


@dataclass(frozen=True, slots=True)
class Room:
    """How many recipients may be handed out now."""

    of_several: int | None
    """In letters altogether; None: no limit."""
    of_one: int | None
    """In a letter that has more recipients than that, so that it need not be taken apart."""
    again_at: datetime | None = None
    """When there is more, where there is none now."""


EVERYTHING = Room(None, None)


def portion(per_second: int) -> tuple[int, timedelta]:
    """How many recipients leave at once, and the time between two such portions.

    In any second there are at most `per_second`, and hardly fewer than 95 % of it.
    """
    size = max(1, per_second // PORTIONS)
    times = per_second // size
    return size, -(-SECOND // (times * _MICROSECOND)) * _MICROSECOND


def paced_room(per_second: int, pace: Pace, now: datetime) -> Room:
    """What the spread allows now."""
    size, _ = portion(per_second)
    fresh = [(at, count) for at, count in pace.recent if at > now - SECOND]
    left = per_second - sum(count for _, count in fresh)
    if pace.next_at is not None and now < pace.next_at <= now + 2 * SECOND:
        return Room(0, 0, pace.next_at)  # a time further off was written by a clock that was wrong
    if left <= 0:
        return Room(0, 0, fresh[0][0] + SECOND)
    return Room(min(size, left), left)


def handed_out(per_second: int, pace: Pace, count: int, now: datetime) -> Pace:
    """The pace after `count` recipients were handed out."""
    size, between = portion(per_second)
    fresh = tuple(entry for entry in pace.recent if entry[0] > now - SECOND)
    return Pace(now + between * -(-count // size), (*fresh, (now, count))) if count else pace


def window_room(limit: int, window: timedelta, used: Mapping[datetime, int], in_hand: int, now: datetime) -> Room:
    """What one window allows now. `used`: minute → recipients decided in it."""
    counted = used_in(window, used, now)
    left = limit - in_hand - sum(counted.values())
    if left > 0:
        return Room(left, left)
    return Room(0, 0, frees_at(limit - in_hand, window, counted, now))


def used_in(window: timedelta, used: Mapping[datetime, int], now: datetime) -> dict[datetime, int]:
    """The minutes that are not wholly out of the window, in order."""
    return {minute: count for minute, count in sorted(used.items()) if minute + MINUTE > now - window and count}


def frees_at(free: int, window: timedelta, counted: Mapping[datetime, int], now: datetime) -> datetime:
    """The first instant at which fewer than `free` are counted; soon, where it is the letters in hand that fill it."""
    left = sum(counted.values())
    for minute, count in counted.items():
        left -= count
        if left < free:
            return minute + MINUTE + window
    return now + SECOND


def least(rooms: list[Room]) -> Room:
    """What all of them allow."""
    several = [room.of_several for room in rooms if room.of_several is not None]
    one = [room.of_one for room in rooms if room.of_one is not None]
    times = [room.again_at for room in rooms if room.again_at is not None]
    return Room(min(several, default=None), min(one, default=None), max(times, default=None))


def room(limits: Limits, pace: Pace, used: Mapping[datetime, int], in_hand: int, now: datetime) -> Room:
    """What a mailer may be handed now."""
    rooms = [EVERYTHING]
    if limits.per_second:
        rooms.append(paced_room(limits.per_second, pace, now))
    for limit, window in ((limits.per_hour, HOUR), (limits.per_day, DAY)):
        if limit:
            rooms.append(window_room(limit, window, used, in_hand, now))
    return least(rooms)
