"""`pipeline run`: one run, followed until every delivery has ended."""

import sys
from datetime import datetime
from itertools import chain, islice
from pathlib import Path

import click

from pipeline.cli.followed import run_facts
from pipeline.cli.output import json_option, print_json
from pipeline.cli.progress import RunProgress
from pipeline.cli.times import at_option, due_time, local
from pipeline.cli.workspace import find_job, open_workspace
from pipeline.errors import UsageError
from pipeline.jobs.model import Job
from pipeline.jobs.scalars import Mailbox, parse_mailbox
from pipeline.ledger.records import Run
from pipeline.ledger.states import DeliveryState, RunState
from pipeline.single_run import Followed, follow, run_key
from pipeline.wiring import Workspace


@click.command()
@click.argument("job")
@at_option
@click.option("--to", "to", metavar="ADDRESS", multiple=True, help="Send to these alone; never the real run.")
@click.option("--again", is_flag=True, help="Send it again although it was sent.")
@json_option
@click.pass_obj
def command(root: Path, job: str, at: str | None, to: tuple[str, ...], *, again: bool, as_json: bool) -> int:
    """One run of JOB for one due time, followed until every delivery has ended. Exit status 1 unless all were
    sent, or the gate found it not worth sending, or it waits for the review that its job asks for. A due time that was
    delivered is not sent again, unless --to or --again."""
    if to and again:
        raise UsageError("--to and --again exclude each other: --to sends a test as often as you like")
    only_to = tuple(_mailbox(text) for text in to)
    with open_workspace(root, log_stream=sys.stdout if as_json else None) as workspace:
        entry = find_job(workspace.checked().project, job)
        due = due_time(at, entry.timezone, workspace.clock())
        key = run_key(workspace, entry, due, only_to=only_to, again=again)
        with RunProgress(key, shown=not as_json) as progress:
            followed = follow(workspace, key, only_to=only_to, on_progress=progress)
        if as_json:
            print_json(run_facts(followed))
        else:
            _show(workspace, followed, entry)
        return 0 if followed.as_meant else 1


def _mailbox(text: str) -> Mailbox:
    try:
        return parse_mailbox(text)
    except ValueError as error:
        raise UsageError(f"--to: {error}") from None


def _show(workspace: Workspace, followed: Followed, job: Job) -> None:
    run = followed.run
    if followed.already:
        click.echo(
            f"{run.key} is {run.state} since {local(_ended(run), job.timezone)}; nothing was sent now. "
            "--again sends it again, --to ADDRESS sends a test"
        )
        return
    if run.state in (RunState.FAILED, RunState.SKIPPED):
        click.echo(f"{run.state}: {run.reason}", err=run.state is RunState.FAILED)
        return
    if run.reason and followed.counts.get(DeliveryState.HELD):
        click.echo(f"held: {run.reason}; `pipeline release {run.key}` sends it", err=not followed.as_meant)
        return
    others = [state for state in followed.counts if state is not DeliveryState.SENT]
    unsent = (workspace.outbox.deliveries(run=run.key, state=state, limit=20) for state in others)
    for delivery in islice(chain.from_iterable(unsent), 20):
        click.echo(
            f"{delivery.state}: {delivery.recipient}: {delivery.code or ''} {delivery.reply}".rstrip(),
            err=True,
        )
    sent = followed.counts.get(DeliveryState.SENT, 0)
    click.echo(f"{run.state}: {sent} of {run.deliveries} sent by {job.delivery.mailer}; `pipeline show {run.key}`")


def _ended(run: Run) -> datetime:
    return run.ended_at or run.created_at
