"""The APScheduler trigger: wakes a job when a due time has come, and does not say which one.

APScheduler is the alarm clock and the ledger is the memory. The callback only marks the job; the planner
(`engine/planner.py`) asks `plan_missed` for all due times since the last one that was handled, so a wake-up that
comes late, twice or for several due times at once neither loses nor doubles one. Give its jobs

    misfire_grace_time=None     drop no wake-up for being late; lateness is plan_missed's business
    coalesce=True               one call for all that has passed
    max_instances=2             with one, a wake-up that comes while another is being handled is dropped

The scheduler sleeps on a monotonic clock, which stands still while a machine is suspended and does not
notice a wall clock that is set: give it one more job with a short interval that makes it look.
"""

from collections.abc import Sequence
from datetime import datetime

from apscheduler.triggers.base import BaseTrigger

from pipeline.jobs.model import ScheduleEntry
from pipeline.schedule.due import asked_times, delayed, next_asked


class DueTrigger(BaseTrigger):  # type: ignore[misc] # apscheduler has no types
    """Fires at the firing time (due time plus jitter) of each due time of `entries`, in order."""

    def __init__(self, entries: Sequence[ScheduleEntry], job: str) -> None:
        self.entries = tuple(entries)
        self.job = job

    def __repr__(self) -> str:
        return f"<DueTrigger {self.job}>"

    __str__ = __repr__

    def get_next_fire_time(self, previous_fire_time: datetime | None, now: datetime) -> datetime | None:
        """The first firing later than both arguments: the callback handles all that had passed by then."""
        return next_firing(self.entries, self.job, max(previous_fire_time or now, now))


def next_firing(entries: Sequence[ScheduleEntry], job: str, after: datetime) -> datetime | None:
    """The first firing time later than `after` (aware), UTC; None where the schedule has ended."""
    longest = max((entry.jitter for entry in entries if entry.jitter), default=None)
    if longest is not None:  # due times before `after` may have been delayed past it
        for asked in asked_times(entries, after - longest, after):
            firing = delayed(asked, entries, job)
            if firing > after:
                return firing
    coming = next_asked(entries, after)
    return None if coming is None else delayed(coming, entries, job)
