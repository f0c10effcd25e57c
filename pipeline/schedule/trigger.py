"""The APScheduler trigger: wakes a job when a due time has come, and does not say which one.

APScheduler is the alarm clock and the ledger is the memory. The callback asks the ledger for the last due
time it knows and `plan_missed` for all since then, so a wake-up that comes late, twice or for several due
times at once neither loses nor doubles one. Wire it so:

    scheduler.add_job(
        handle, DueTrigger(job.schedule, job.name), args=[job.name], id=job.name, replace_existing=True,
        next_run_time=now,          # first call at once: catching up after a start or reload is the same code
        misfire_grace_time=None,    # drop no wake-up for being late; lateness is plan_missed's business
        coalesce=True,              # one call for all that has passed
        max_instances=2,            # one at work and one waiting for the job's lock (see below)
    )

    def handle(name):               # short: plans, writes rows, puts runs into a queue; never builds
        with locks[name]:
            for decision in plan_missed(job.schedule, ledger.last_due(name), clock()):
                # a row for each, in ascending order: the newest row is the next call's last_known

A job that has no row yet needs the instant at which it was first seen as last_known. With `max_instances=1`
APScheduler drops a wake-up that comes while the one before is being handled, and its due time would wait for
the next one; with two and a lock, the call that waits plans for a third that was dropped.

The scheduler sleeps on a monotonic clock, which stands still while a machine is suspended and does not
notice a wall clock that is set: give it one more job with a short interval (30 s, doing nothing) that makes
it look.
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
