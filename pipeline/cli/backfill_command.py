"""`pipeline backfill`: the due times of a span that never ran, oldest first."""

import sys
from collections.abc import Sequence
from pathlib import Path

import click

from pipeline.cli.followed import run_facts
from pipeline.cli.output import json_option, print_json, print_rows, utc
from pipeline.cli.progress import RunProgress
from pipeline.cli.span import looked_up, parse_end, parse_start
from pipeline.cli.times import local
from pipeline.cli.workspace import find_job, open_workspace
from pipeline.errors import UsageError
from pipeline.jobs.model import Job
from pipeline.ledger.records import RunKey
from pipeline.ledger.states import DeliveryState
from pipeline.schedule.expected import Expected, to_run
from pipeline.single_run import Followed, follow
from pipeline.wiring import Workspace

_WHY = {"absent": "never ran", "missed": "missed", "failed": "failed"}


@click.command()
@click.argument("job")
@click.option("--from", "start", metavar="TIME", required=True, help="The first due time, local to the job's zone.")
@click.option("--to", "end", metavar="TIME", help="The last; a date means that whole day. Default: now.")
@click.option("--failed", is_flag=True, help="Also those that failed.")
@click.option("--dry-run", is_flag=True, help="Only show what would run.")
@json_option
@click.pass_obj
def command(root: Path, job: str, start: str, end: str | None, *, failed: bool, dry_run: bool, as_json: bool) -> int:
    """Run the due times of JOB in a span that never ran or were missed, one after the other, the oldest first. What
    ran, runs or was skipped on purpose is left alone. Exit status 1 unless all of them were sent or skipped."""
    with open_workspace(root, log_stream=sys.stdout if as_json and not dry_run else None) as workspace:
        entry = find_job((workspace.loaded if dry_run else workspace.checked()).project, job)
        wanted = _wanted(workspace, entry, start, end, failed=failed)
        if dry_run or not wanted:
            _list(entry, wanted, as_json=as_json)
            return 0
        ended = [_run(workspace, entry, each, failed=failed, as_json=as_json) for each in wanted]
        return 0 if all(ended) else 1


def _wanted(workspace: Workspace, job: Job, start: str, end: str | None, *, failed: bool) -> list[Expected]:
    if not job.schedule:
        raise UsageError(f"{job.name} has no schedule, so nothing was due; `pipeline run {job.name} --at TIME` runs it")
    now = workspace.clock()
    first = parse_start(start, job.timezone, now)
    last = parse_end(end, job.timezone, now) if end else now
    if first >= last:
        raise UsageError(f"--from {start} is not before --to {end or 'now'}")
    found = looked_up(job, workspace.runs, first, last, now)
    if forgotten := [each.due for each in found if each.fate == "forgotten"]:
        click.echo(
            f"{job.name}: left alone, as nobody can know whether they ran: {len(forgotten)} due times up to "
            f"{local(forgotten[-1], job.timezone)}, whose runs were pruned; `pipeline run {job.name} --at TIME "
            "--again` sends one",
            err=True,
        )
    return to_run(found, failed=failed)


def _list(job: Job, wanted: Sequence[Expected], *, as_json: bool) -> None:
    rows = [
        {
            "job": job.name,
            "run": str(RunKey(job.name, each.due)),
            "due": each.due,
            "local": local(each.due, job.timezone),
            "why": _WHY[each.fate],
        }
        for each in wanted
    ]
    columns = {"local": None, "due": utc, "why": None}
    print_rows(rows, columns, as_json=as_json, empty="nothing to run: every due time of that span has its run")


def _run(workspace: Workspace, job: Job, each: Expected, *, failed: bool, as_json: bool) -> bool:
    """One of them, unless somebody else has taken it meanwhile; whether it ended well."""
    key = RunKey(job.name, each.due)
    now = workspace.clock()
    if not to_run(looked_up(job, workspace.runs, each.due, each.due.replace(microsecond=1), now), failed=failed):
        click.echo(f"{key}: another process has taken it", err=True)
        return True
    with RunProgress(key, shown=not as_json) as progress:
        followed = follow(workspace, key, on_progress=progress)
    if as_json:
        print_json(run_facts(followed))
    else:
        click.echo(_told(followed, job))
    return followed.as_meant


def _told(followed: Followed, job: Job) -> str:
    run = followed.run
    sent = followed.counts.get(DeliveryState.SENT, 0)
    rest = run.reason or f"{sent} of {run.deliveries} sent by {job.delivery.mailer}"
    return f"{local(run.key.due, job.timezone)}  {run.state}: {rest}"
