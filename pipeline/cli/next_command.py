"""`pipeline next`: coming due times, local and UTC, with the period of each and why a date moved."""

from datetime import timedelta
from itertools import islice
from pathlib import Path

import click

from pipeline.cli.output import json_option, print_rows, utc
from pipeline.cli.times import local, parse_moment
from pipeline.cli.workspace import find_job, open_workspace
from pipeline.jobs.model import Job
from pipeline.schedule.due import asked_times
from pipeline.schedule.period import parse_period, period_for
from pipeline.schedule.shifting import Asked

HORIZON = timedelta(days=366 * 5)
"""How far `next` looks: a leap day's schedule is due once in this time."""


@click.command()
@click.argument("job", required=False)
@click.option("-n", "count", type=click.IntRange(1, 1000), default=5, show_default=True, help="How many.")
@click.option("--from", "start", metavar="TIME", help="After this time; default: now.")
@json_option
@click.pass_obj
def command(root: Path, job: str | None, count: int, start: str | None, *, as_json: bool) -> None:
    """Coming due times of JOB, or of all jobs, with the period that each reports on."""
    with open_workspace(root) as workspace:
        project = workspace.project
        jobs = [find_job(project, job)] if job else [j for j in project.jobs.values() if j.enabled]
        rows: list[dict[str, object]] = []
        for entry in jobs:
            after = parse_moment(start, entry.timezone) if start else workspace.clock()
            asked = (each for each in asked_times(entry.schedule, after, after + HORIZON) if not each.skipped)
            rows += [_row(entry, each) for each in islice(asked, count)]
        rows.sort(key=lambda row: str(row["due"]))
        moved = {"moved": "; ".join} if any(row["moved"] for row in rows[:count]) else {}
        print_rows(
            rows[:count],
            {"job": None, "local": None, "due": utc, "period": None, **moved},
            as_json=as_json,
            empty="nothing is due: no job has a schedule with due times to come",
        )


def _row(job: Job, asked: Asked) -> dict[str, object]:
    period = period_for(parse_period(job.period), asked.due, job.timezone, job.locale, job.calendar)
    return {
        "job": job.name,
        "due": asked.due,
        "local": local(asked.due, job.timezone),
        "period": period.label,
        "period_start": period.start,
        "period_end": period.end,
        "moved": [str(move) for move in asked.moved] or None,
    }
