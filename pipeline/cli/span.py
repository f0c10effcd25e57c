"""A span of due times as people type it, and what the ledger knows of a job's runs in it."""

import re
from datetime import datetime, timedelta

from pipeline.cli.times import parse_moment, parse_since
from pipeline.jobs.model import Job
from pipeline.ledger.runs import Runs
from pipeline.schedule.expected import Expected, Known, expected

_MOST = 1_000_000


def parse_start(text: str, zone: str, now: datetime) -> datetime:
    """`3 days` ago, or a time of `zone`. Raises UsageError."""
    return parse_since(text, now, zone) if re.match(r"\s*\d+(\.\d+)?\s*[A-Za-z]", text) else parse_moment(text, zone)


def parse_end(text: str, zone: str, now: datetime) -> datetime:
    """As `parse_start`, exclusive: of a date the end of that day, of a time the second after it."""
    if re.fullmatch(r"\s*\d{4}-\d{2}-\d{2}\s*", text):
        next_day = datetime.fromisoformat(text.strip()).date() + timedelta(days=1)
        return parse_moment(next_day.isoformat(), zone)
    return parse_start(text, zone, now) + timedelta(seconds=1)


def looked_up(job: Job, runs: Runs, start: datetime, end: datetime, now: datetime) -> list[Expected]:
    """The job's due times in [start, end) and what became of each."""
    found = runs.find(job=job.name, since=start, until=end, limit=_MOST)
    known = {run.key.due: Known(str(run.state), run.reason) for run in found if not run.key.variant}
    return expected(job.schedule, known, start, end, now, history=runs.history_begins(job.name))
