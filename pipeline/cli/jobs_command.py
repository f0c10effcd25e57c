"""`pipeline jobs`: the jobs with their next due time and last run, or one job in full."""

from datetime import datetime
from pathlib import Path

import click

from pipeline.cli.output import json_option, print_json, print_rows
from pipeline.cli.times import local
from pipeline.cli.workspace import find_job, open_workspace
from pipeline.jobs.model import Job
from pipeline.schedule.due import next_due
from pipeline.wiring import Workspace


@click.command()
@click.argument("job", required=False)
@json_option
@click.pass_obj
def command(root: Path, job: str | None, *, as_json: bool) -> None:
    """The jobs: state, next due time, last run. Of one JOB: its whole configuration, defaults merged."""
    with open_workspace(root) as workspace:
        if job is not None:
            _show(find_job(workspace.project, job), as_json=as_json)
            return
        if as_json:
            for entry in workspace.project.jobs.values():
                print_json(_facts(workspace, entry))
            return
        rows = [_shown(_facts(workspace, entry), entry) for entry in workspace.project.jobs.values()]
        columns = dict.fromkeys(("job", "state", "next_due", "last_run", "to"))
        print_rows(rows, columns, as_json=False, empty="there are no jobs; add one to jobs.yaml")


def _show(job: Job, *, as_json: bool) -> None:
    from pipeline.jobs.longform import long_form, written  # noqa: PLC0415 - for this form only

    if as_json:
        print_json({"job": job.name, "configuration": written(job)})
    else:
        click.echo(long_form(job), nl=False)


def _facts(workspace: Workspace, job: Job) -> dict[str, object]:
    last = next(iter(workspace.runs.find(job=job.name, limit=1)), None)
    return {
        "job": job.name,
        "state": "enabled" if job.enabled else "disabled",
        "next_due": next_due(job.schedule, workspace.clock()) if job.enabled else None,
        "run": str(last.key) if last else None,
        "due": last.key.due if last else None,
        "run_state": str(last.state) if last else None,
        "audience": _audience(job),
    }


def _shown(facts: dict[str, object], job: Job) -> dict[str, object]:
    due, last = facts["next_due"], facts["due"]
    return {
        "job": job.name,
        "state": facts["state"],
        "next_due": local(due, job.timezone) if isinstance(due, datetime) else "",
        "last_run": f"{local(last, job.timezone)}, {facts['run_state']}" if isinstance(last, datetime) else "never",
        "to": facts["audience"],
    }


def _audience(job: Job) -> str:
    if job.audience.each is not None:
        return f"each of {job.audience.each.data}"
    people = [*job.audience.to, *job.audience.cc, *job.audience.bcc]
    more = f" and {len(people) - 1} more" if len(people) > 1 else ""
    return f"{people[0].address}{more}"
