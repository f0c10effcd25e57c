"""Due times: the instants that a job's schedule asks for, the same on every machine and in every year.

cron   wall-clock time of the entry's zone (the expression itself is read by cronsim, with Unix's meaning).
       Where the hour field names hours, a time inside a gap happens at the gap's end (once, if several fall
       there or the end is due anyway), and one that a fold repeats happens the first time only. Where the
       hour field begins with `*`, elapsed time as in cronie: nothing in the gap, both repeated hours.
every  elapsed time, counted from Monday 2001-01-01 00:00 in the entry's zone: a fixed instant, so that
       neither a restart nor another machine changes anything, weeks begin on Monday, and `every: 1 hour`
       falls on full hours in zones like Asia/Kolkata too.
at     once; gap and fold as for cron with named hours.

What a calendar takes away, moves or picks is in `shifting.py`; a due time that was moved is the instant it
was moved to, so that a run exists once however many holidays roll onto its day.

An entry ends with its `until`, a local date that is still included. Jitter delays the firing and never
changes the due time.
"""

import hashlib
import heapq
from collections import deque
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import groupby, takewhile
from zoneinfo import ZoneInfo

from cronsim import CronSim

from pipeline.jobs.model import ScheduleEntry
from pipeline.schedule.shifting import Asked, shifted
from pipeline.schedule.wall import instants, local_wall, resolve

_EVERY_ANCHOR = datetime(2001, 1, 1)  # noqa: DTZ001 - a wall time of the entry's zone
_TICK = timedelta(microseconds=1)
_PATIENCE = timedelta(days=366 * 30)
"""A rule whose due times all fall on holidays is given up after so long."""


def due_times(entries: Sequence[ScheduleEntry], after: datetime, until: datetime) -> Iterator[datetime]:
    """The due times in (after, until], UTC, ascending, none twice. Both bounds must be aware (ValueError)."""
    return (asked.due for asked in asked_times(entries, after, until) if not asked.skipped)


def asked_times(entries: Sequence[ScheduleEntry], after: datetime, until: datetime) -> Iterator[Asked]:
    """As `due_times`, each with the entry that asks for it (of several, the first of the schedule), and with
    those that a holiday takes away: its `missed`, `grace` and `jitter` count."""
    _require_aware(until)
    return takewhile(lambda asked: asked.due <= until, _asked(entries, after))


def next_due(entries: Sequence[ScheduleEntry], after: datetime) -> datetime | None:
    """The first due time later than `after` (aware, else ValueError); None where the schedule has ended."""
    asked = takewhile(lambda asked: asked.due - after <= _PATIENCE, _asked(entries, after))
    return next((each.due for each in asked if not each.skipped), None)


def last_due(entries: Sequence[ScheduleEntry], until: datetime) -> datetime | None:
    """The last due time not later than `until` (aware, else ValueError); None where the two years before have none."""
    for hours in (1, 24, 24 * 32, 24 * 366 * 2):
        found = deque(due_times(entries, until - timedelta(hours=hours), until), maxlen=1)
        if found:
            return found.pop()
    return None


def next_asked(entries: Sequence[ScheduleEntry], after: datetime) -> Asked | None:
    """As `next_due`, also where a holiday takes the due time away."""
    return next(_asked(entries, after), None)


def firing_time(entries: Sequence[ScheduleEntry], job: str, due: datetime) -> datetime:
    """When the run for `due` starts: the due time, delayed by the jitter of the entry that asks for it.

    The delay is drawn from a hash of job and due time: the same on every machine and after every restart. It
    ends half-way to the next due time at the latest, so that firings keep the order of due times. A time that
    no entry asks for is its own firing time.
    """
    return next((delayed(asked, entries, job) for asked in asked_times(entries, due - _TICK, due)), due)


def delayed(asked: Asked, entries: Sequence[ScheduleEntry], job: str) -> datetime:
    """`firing_time` where the entry is known already."""
    due, jitter = asked.due, asked.entry.jitter
    if not jitter:
        return due
    following = next_due(entries, due)
    longest = jitter if following is None else min(jitter, (following - due) / 2)
    digest = hashlib.sha256(f"{job}\0{due.astimezone(UTC).isoformat()}".encode()).digest()
    return due + longest * (int.from_bytes(digest[:8]) / 2**64)


def _asked(entries: Sequence[ScheduleEntry], after: datetime) -> Iterator[Asked]:
    _require_aware(after)
    streams = [_entry_asked(entry, after) for entry in entries]
    # Where times are equal, merge keeps the order of its arguments: the first entry of the schedule wins.
    for due, asked in groupby(heapq.merge(*streams, key=lambda asked: asked.due), key=lambda asked: asked.due):
        if due > after:
            yield min(asked, key=lambda each: bool(each.skipped))  # what one entry skips another may want


def _entry_asked(entry: ScheduleEntry, after: datetime) -> Iterator[Asked]:
    """Ascending; may begin with times that are not later than `after`, and may repeat one."""
    zone = ZoneInfo(entry.timezone)
    asked = shifted(entry, zone, after, partial(_entry_times, entry, zone))
    if entry.until is None:
        return asked
    last = entry.until
    # A fold over midnight brings the old date back for a while: the end is the later of two midnights.
    midnight = datetime.combine(last + timedelta(days=1), datetime.min.time())
    end = (instants(midnight, zone) or (resolve(midnight, zone),))[-1]
    return (each for each in takewhile(lambda each: each.due < end, asked) if local_wall(each.due, zone).date() <= last)


def _entry_times(entry: ScheduleEntry, zone: ZoneInfo, after: datetime) -> Iterator[datetime]:
    """The instants of cron, every or at; ascending, perhaps with some that are not later than `after`."""
    if entry.cron is not None:
        return _cron_times(entry.cron, zone, after)
    if entry.every is not None:
        return _every_times(entry.every, zone, after)
    return iter([resolve(entry.at, zone)] if entry.at is not None else [])


def _cron_times(cron: str, zone: ZoneInfo, after: datetime) -> Iterator[datetime]:
    if cron.split()[-4].startswith("*"):
        return _elapsed_cron(cron, zone, after)
    return (resolve(wall, zone) for wall in CronSim(cron, local_wall(after, zone)))


def _elapsed_cron(cron: str, zone: ZoneInfo, after: datetime) -> Iterator[datetime]:
    start = local_wall(after, zone)
    both = instants(start, zone)
    if len(both) == 2:
        start -= both[1] - both[0]  # wall times before this one may come a second time
    repeated: list[datetime] = []  # second times of the fold being walked through
    for wall in CronSim(cron, start):
        found = instants(wall, zone)
        if repeated and found and found[0] > repeated[0]:
            yield from repeated
            repeated = []
        yield from found[:1]
        repeated += found[1:]
    yield from repeated


def _every_times(every: timedelta, zone: ZoneInfo, after: datetime) -> Iterator[datetime]:
    if every <= timedelta(0):
        raise ValueError(f"every: {every} never gets on; write a duration longer than nothing, like 15 minutes")
    anchor = resolve(_EVERY_ANCHOR, zone)
    due = anchor + ((after - anchor) // every + 1) * every
    while True:
        yield due
        due += every


def _require_aware(time: datetime) -> None:
    if time.utcoffset() is None:
        raise ValueError(f"{time} has no time zone; a due time is an instant, so give it one")
