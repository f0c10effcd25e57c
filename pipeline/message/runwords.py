"""What templates see of the run itself: its title, period, params; the same in all messages of one locale and zone."""

from typing import Any
from zoneinfo import ZoneInfo

from pipeline.jobs.model import Job
from pipeline.message.body import Templates
from pipeline.message.facts import RunFacts
from pipeline.message.formats import CivilTime
from pipeline.schedule.period import Period


def run_context(job: Job, run: RunFacts, templates: Templates, zone: ZoneInfo | None) -> dict[str, Any]:
    """`zone`: the reader's, where it is not the job's that counts for all."""
    return {
        "title": job.title,
        "description": job.description,
        "period": _period(run.period, job.locale, zone),
        "params": dict(job.params),
        "run": {"id": str(run.key), "due": run.key.due.astimezone(zone or ZoneInfo(job.timezone))},
        "job": {"name": job.name, "owner": {"address": job.owner.address, "name": job.owner.name}},
        "locale": templates.language,
        "theme": templates.theme.view,
        "unsubscribe": None,
    }


def _period(period: Period, locale: str, zone: ZoneInfo | None) -> dict[str, Any]:
    """Days stay the days of the report; a span of hours is told on the reader's clocks."""
    start, end = period.start, period.end
    if zone is not None:
        start, end = (
            CivilTime.combine(time.date(), time.timetz()) if period.are_days else time.astimezone(zone)
            for time in (start, end)
        )
    return {
        "start": start,
        "end": end,
        "label": period.label_in(locale, zone),
        "last_day": period.last_day,
        "days": period.days,
    }
