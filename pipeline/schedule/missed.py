"""What becomes of due times that have passed: each runs, or is left with a reason that the ledger can keep.

The same plan serves a service that was down for a week and one that wakes on the second. A due time less than
`ON_TIME` ago is on time. Of older ones, an entry's `grace` says which are still worth sending, and its
`missed` which of those run: `latest`, `all` or none (`skip`).
"""

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from pipeline.jobs.model import ScheduleEntry
from pipeline.schedule.due import asked_times
from pipeline.schedule.shifting import Asked

ON_TIME = timedelta(minutes=1)
"""A due time that passed (with its jitter) less than this ago is on time: `skip` and `grace` do not stop
it."""
LISTED = 1000
"""Of the due times that no grace can save, the newest so many are listed one by one."""


@dataclass(frozen=True, slots=True)
class Missed:
    """The decision about one due time that has passed."""

    due: datetime
    run: bool
    reason: str
    """Why it does not run; of one that does, how late it is and from which days it was moved, if at all."""
    holiday: bool = False
    """It does not run because its day is no business day: nothing was missed."""


def plan_missed(entries: Sequence[ScheduleEntry], last_known: datetime | None, now: datetime) -> list[Missed]:
    """Decides about every due time in (last_known, now], ascending. Naive bounds raise ValueError.

    `last_known` is the newest due time that the ledger has a row for, or when the job was first seen; None
    for a job that is new, which has missed nothing. What no grace can save is listed one by one up to
    `LISTED` due times, and older ones are covered by one decision that says so: a year of downtime of an
    every-minute schedule stays a short list.
    """
    if last_known is None or last_known >= now or not entries:
        return []
    savable = max(max(entry.grace, ON_TIME + entry.jitter) for entry in entries)
    horizon = max(now - savable - timedelta(microseconds=1), last_known)
    return [
        *_beyond_grace(entries, last_known, horizon, now),
        *_decide(list(asked_times(entries, horizon, now)), now),
    ]


def _decide(asked: list[Asked], now: datetime) -> list[Missed]:
    decisions: list[Missed] = []
    later_runs = False  # newest first, because `latest` gives way to a later due time that does run
    for each in reversed(asked):
        decision = _decision(each, now, later_runs=later_runs)
        later_runs = later_runs or decision.run
        decisions.append(decision)
    return decisions[::-1]


def _decision(asked: Asked, now: datetime, *, later_runs: bool) -> Missed:
    due, entry = asked.due, asked.entry
    if asked.skipped:
        return Missed(due, run=False, reason=asked.skipped, holiday=True)
    late = now - due
    on_time = late <= ON_TIME + entry.jitter
    if not on_time and late > entry.grace:
        grace = in_words(entry.grace)
        return _missed(due, f"{in_words(late)} late, beyond its grace of {grace}")
    if entry.missed == "latest" and later_runs:
        return _missed(due, "a later due time replaces it")
    if not on_time and entry.missed == "skip":
        return _missed(due, f"{in_words(late)} late, and its schedule says skip")
    reasons = ["" if on_time else f"{in_words(late)} late", *map(str, asked.moved)]
    return Missed(due, run=True, reason="; ".join(filter(None, reasons)))


def _missed(due: datetime, why: str) -> Missed:
    return Missed(due, run=False, reason=why)


def _beyond_grace(
    entries: Sequence[ScheduleEntry], after: datetime, until: datetime, now: datetime
) -> Iterator[Missed]:
    """Decisions about the due times in (after, until], which no grace can save."""
    if after >= until:  # as nearly always: nothing has passed that grace could not save
        return
    newest = _newest(entries, after, until)
    if len(newest) == LISTED:
        oldest = next(asked_times(entries, after, until)).due
        first_listed = newest[0].due
        if oldest < first_listed:
            before = f"{first_listed:%Y-%m-%d %H:%M:%S} UTC"
            yield _missed(oldest, f"it and all others before {before} are beyond grace, and too many to list")
    yield from (_decision(asked, now, later_runs=False) for asked in newest)


def _newest(entries: Sequence[ScheduleEntry], after: datetime, until: datetime) -> list[Asked]:
    """The newest `LISTED` due times in (after, until], found without walking through all of a long time."""
    window = timedelta(hours=1)
    while True:
        start = max(after, until - window)
        newest = deque(asked_times(entries, start, until), maxlen=LISTED)
        if len(newest) == LISTED or start == after:
            return list(newest)
        window *= 2


def in_words(span: timedelta) -> str:
    """A length of time in its two largest units: `3 days 4 h`, `2 h 5 min`, `12 s`."""
    seconds = int(span.total_seconds())
    days, hours, minutes = seconds // 86400, seconds // 3600 % 24, seconds // 60 % 60
    counts = ((days, "day" if days == 1 else "days"), (hours, "h"), (minutes, "min"), (seconds % 60, "s"))
    largest = next((index for index, (count, _) in enumerate(counts) if count), 3)
    return " ".join(f"{count} {unit}" for count, unit in counts[largest : largest + 2] if count) or "0 s"
