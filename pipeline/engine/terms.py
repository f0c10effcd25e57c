"""How a run's messages are to be delivered: pure, from the job and two instants."""

from datetime import datetime, timedelta

from pipeline.jobs.model import Job
from pipeline.ledger.records import RunKey, Terms
from pipeline.schedule.due import next_due

LONGEST = timedelta(hours=24)
"""Where a job says nothing, a message is worth sending until the next due time, and never longer than this."""


def terms_of(job: Job, key: RunKey, now: datetime, *, asked: bool) -> Terms:
    """The terms for a run that is queued at `now`.

    A scheduled run expires from its due time: what came late is not wanted later. One that somebody asked for
    (`pipeline run --at`, a backfill) is wanted now, however long ago it was due, and expires from now.
    """
    start = max(key.due, now) if asked else key.due
    return Terms(
        mailer=job.delivery.mailer,
        expires_at=_expiry(job, start),
        priority=job.delivery.priority,
        retry_seconds=tuple(wait.total_seconds() for wait in job.delivery.retry.waits),
        on_uncertain=job.delivery.on_uncertain,
    )


def _expiry(job: Job, start: datetime) -> datetime:
    if job.delivery.expires is not None:
        return start + job.delivery.expires
    following = next_due(job.schedule, start)
    return start + LONGEST if following is None else min(following, start + LONGEST)
