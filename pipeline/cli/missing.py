"""`pipeline runs --missing`: due times that should have left a row in the ledger and did not."""

from collections.abc import Iterator

import click

from pipeline.cli.output import print_rows, utc
from pipeline.cli.span import looked_up, parse_end, parse_start
from pipeline.cli.times import local
from pipeline.cli.workspace import find_job
from pipeline.errors import UsageError
from pipeline.jobs.model import Job
from pipeline.ledger.records import RunKey
from pipeline.ledger.watermarks import Watermark, Watermarks
from pipeline.schedule.remembered import schedule_text
from pipeline.wiring import Workspace


def show_missing(workspace: Workspace, name: str | None, start: str | None, end: str | None, *, as_json: bool) -> int:
    """Prints them; how many there are.

    Without `start`, it counts from when the schedule was put in force: before, others were, or none.
    """
    project = workspace.project
    jobs = [find_job(project, name)] if name else [job for job in project.jobs.values() if job.enabled]
    jobs = [job for job in jobs if job.schedule]
    marks = Watermarks(workspace.engine).read([job.name for job in jobs])
    if start is None and not marks and jobs:
        raise UsageError("`pipeline serve` never ran here, so no schedule is in force; say from when: --from TIME")
    rows = [row for job in jobs for row in _missing(workspace, job, marks.get(job.name), start, end)]
    rows.sort(key=lambda row: str(row["due"]))
    columns = {"run": None, "local": None, "due": utc}
    print_rows(rows, columns, as_json=as_json, empty="nothing is missing: every due time has its row")
    return len(rows)


def _missing(
    workspace: Workspace, job: Job, mark: Watermark | None, start: str | None, end: str | None
) -> Iterator[dict[str, object]]:
    now = workspace.clock()
    since = mark.in_force_since if mark is not None and mark.schedule == schedule_text(job.schedule) else None
    first = parse_start(start, job.timezone, now) if start else since
    if first is None:
        click.echo(f"{job.name}: its schedule is not in force yet, as `pipeline serve` has not taken it up", err=True)
        return
    last = parse_end(end, job.timezone, now) if end else now
    if since is not None and first < since:
        at = local(since, job.timezone)
        click.echo(f"{job.name}: this schedule is in force since {at}; before, it is only assumed", err=True)
    for each in looked_up(job, workspace.runs, first, last, now):
        if each.fate == "absent":
            key = str(RunKey(job.name, each.due))
            yield {"job": job.name, "run": key, "due": each.due, "local": local(each.due, job.timezone)}
