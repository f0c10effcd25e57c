"""`pipeline prune`: removes runs that are too old, and files that nothing names any more."""

from datetime import timedelta
from pathlib import Path

import click

from pipeline.cli.output import counted, human_size, json_option, print_json
from pipeline.cli.workspace import open_workspace
from pipeline.errors import UsageError


@click.command()
@click.option("--older-than", "age", metavar="AGE", help="90d, 12 weeks; default: the retention in jobs.yaml.")
@click.option("--dry-run", is_flag=True, help="Say what would go, and remove nothing.")
@json_option
@click.pass_obj
def command(root: Path, age: str | None, *, dry_run: bool, as_json: bool) -> None:
    """Remove runs that were due, and had ended, longer ago than AGE, with their mails, and files that nothing names any
    more. What waits, is held or uncertain stays, and of each job what the next run may ask for. Files in a
    store go by age alone: links in older mails end, also in those that are kept. Safe beside a running
    `pipeline serve`, which does this once a day where jobs.yaml has a retention."""
    from pipeline.pruning import prune  # noqa: PLC0415 - brings the ledger

    with open_workspace(root) as workspace:
        older_than = _age(age) if age is not None else workspace.project.retention
        if older_than is None:
            raise UsageError('how old may runs become? Say --older-than 400d, or "retention: 400 days" in jobs.yaml')
        done = prune(workspace, older_than, dry=dry_run)
    if as_json:
        counts = {"runs": done.runs, "messages": done.messages, "files": done.files, "bytes": done.bytes}
        print_json({**counts, "dry_run": dry_run})
        return
    said = "would be removed" if dry_run else "removed"
    runs = f"{counted(done.runs, 'run')} with {counted(done.messages, 'message')}"
    click.echo(f"{runs}, and {counted(done.files, 'file')} {said}: {human_size(done.bytes)}")


def _age(text: str) -> timedelta:
    from pipeline.jobs.scalars import parse_duration  # noqa: PLC0415

    try:
        age = parse_duration(text)
    except ValueError as error:
        raise UsageError(f"--older-than {text}: {error}") from None
    if age <= timedelta(0):
        raise UsageError(f"--older-than {text}: expected an age like 90d")
    return age
