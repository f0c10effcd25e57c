"""How a run's messages are to be delivered: pure, from the job and two instants."""

from datetime import datetime, timedelta

from pipeline.jobs.model import Job
from pipeline.ledger.records import RunKey, Terms
from pipeline.schedule.due import next_due

LONGEST = timedelta(hours=24)
"""Where a job says nothing, a message is worth sending until the next due time, and never longer than this."""


def terms_of(job: Job, key: RunKey, now: datetime, *, asked: bool) -> Terms:
    """The terms for a run that is queued at `now`.

    What a job says of `expires` counts from the due time: what came late is not wanted later. A run that somebody
    asked for (`pipeline run --at`, a backfill) is wanted now, however long ago it was due, and counts from now.
    Where a job says nothing, the next due time that is still to come ends it.
    """
    return Terms(
        mailer=job.delivery.mailer,
        expires_at=_expiry(job, key.due, now, asked=asked),
        priority=job.delivery.priority,
        retry_seconds=tuple(wait.total_seconds() for wait in job.delivery.retry.waits),
        on_uncertain=job.delivery.on_uncertain,
    )


def _expiry(job: Job, due: datetime, now: datetime, *, asked: bool) -> datetime:
    start = max(due, now)
    if job.delivery.expires is not None:
        return (start if asked else due) + job.delivery.expires
    following = next_due(job.schedule, start)
    return start + LONGEST if following is None else min(following, start + LONGEST)
