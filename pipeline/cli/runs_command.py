"""`pipeline runs`: the ledger's runs, or the due times that have none."""

from pathlib import Path

import click

from pipeline.cli.missing import show_missing
from pipeline.cli.output import json_option, print_rows
from pipeline.cli.times import local, parse_since
from pipeline.cli.workspace import open_workspace, zone_of
from pipeline.errors import UsageError
from pipeline.ledger.records import Run
from pipeline.ledger.states import RunState


@click.command()
@click.argument("job", required=False)
@click.option("--state", type=click.Choice([str(s) for s in RunState]), help="Only these.")
@click.option("--since", "--from", "since", metavar="TIME", help="Due since then: 2 days, or a time of JOB's zone.")
@click.option("--until", "--to", "until", metavar="TIME", help="Due before then.")
@click.option("--missing", is_flag=True, help="Due times without a run instead, by the job's schedule and zone.")
@click.option("-n", "limit", type=click.IntRange(1), default=20, show_default=True, help="How many at most.")
@json_option
@click.pass_obj
def command(
    root: Path,
    job: str | None,
    state: str | None,
    since: str | None,
    until: str | None,
    limit: int,
    *,
    missing: bool,
    as_json: bool,
) -> int:
    """The runs in the ledger, the latest first. With --missing: the due times that should have one and do not, since
    the schedule is in force or from --from on; exit status 1 if there are any."""
    if missing and state:
        raise UsageError("--missing and --state exclude each other: what is missing has no state")
    with open_workspace(root) as workspace:
        if missing:
            return 1 if show_missing(workspace, job, since, until, as_json=as_json) else 0
        now, zone = workspace.clock(), zone_of(workspace, job) if job else "UTC"
        found = workspace.runs.find(
            job=job,
            state=RunState(state) if state else None,
            since=parse_since(since, now, zone) if since else None,
            until=parse_since(until, now, zone) if until else None,
            limit=limit,
        )
        rows = [_row(run) for run in found]
        if not as_json:
            zones = {job: zone_of(workspace, job) for job in {run.key.job for run in found}}
            rows = [{**_row(run), "due": local(run.key.due, zones[run.key.job])} for run in found]
        print_rows(
            rows,
            {
                "run": None,
                "state": None,
                "due": None,
                "messages": None,
                "deliveries": None,
                "reason": _short,
            },
            as_json=as_json,
            empty="no such runs",
        )
        return 0


def _row(run: Run) -> dict[str, object]:
    return {
        "run": str(run.key),
        "job": run.key.job,
        "state": str(run.state),
        "due": run.key.due,
        "period_start": run.period_start,
        "period_end": run.period_end,
        "messages": run.messages,
        "deliveries": run.deliveries,
        "reason": run.reason or None,
        "created": run.created_at,
        "started": run.started_at,
        "ended": run.ended_at,
    }


def _short(reason: str) -> str:
    line = reason.partition("\n")[0]
    return line if len(line) <= 60 else f"{line[:59]}…"
