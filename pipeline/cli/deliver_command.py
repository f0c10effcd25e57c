"""`pipeline deliver`: works the outbox until nothing is due."""

import sys
from pathlib import Path

import click

from pipeline.cli.output import json_option, print_json, utc
from pipeline.cli.workspace import open_workspace
from pipeline.ledger.states import DeliveryState

WRONG = (DeliveryState.FAILED, DeliveryState.EXPIRED, DeliveryState.UNCERTAIN)


@click.command()
@json_option
@click.pass_obj
def command(root: Path, *, as_json: bool) -> int:
    """Work the outbox until nothing is due, then end: for those who have cron already, and after a crash.
    Exit status 1 if a delivery ended without being sent."""
    with open_workspace(root, log_stream=sys.stdout if as_json else None) as workspace:
        before = workspace.outbox.counts()
        with workspace.worker() as worker:
            worked = worker.run_until_idle()
        after = workspace.outbox.counts()
    gained = {state: after.get(state, 0) - before.get(state, 0) for state in DeliveryState}
    failed = sum(gained[state] for state in WRONG)
    waiting = after.get(DeliveryState.QUEUED, 0) + after.get(DeliveryState.DEFERRED, 0)
    if as_json:
        print_json(
            {
                "sent": gained[DeliveryState.SENT],
                "failed": failed,
                "waiting": waiting,
                "next_attempt": worked.waiting_until,
            }
        )
    else:
        click.echo(f"{gained[DeliveryState.SENT]} sent, {failed} failed, {waiting} waiting")
        if worked.waiting_until is not None:
            click.echo(f"the next is due at {utc(worked.waiting_until)}")
    return 1 if any(gained[state] > 0 for state in WRONG) else 0
