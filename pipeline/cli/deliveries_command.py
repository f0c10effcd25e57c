"""`pipeline deliveries`: the ledger's deliveries."""

from datetime import datetime
from pathlib import Path

import click

from pipeline.cli.output import json_option, print_json, print_rows
from pipeline.cli.times import local, parse_since
from pipeline.cli.workspace import open_workspace, zone_of
from pipeline.ledger.looking import Which
from pipeline.ledger.records import Delivery
from pipeline.ledger.states import DeliveryState
from pipeline.wiring import Workspace

COLUMNS = {
    "delivery": None,
    "run": None,
    "recipient": None,
    "state": None,
    "attempts": None,
    "next_attempt": None,
    "reply": None,
}


@click.command()
@click.option("--run", "run", metavar="RUN", help="Only of this run.")
@click.option("--job", metavar="JOB", help="Only of this job.")
@click.option("--state", type=click.Choice([str(s) for s in DeliveryState]), help="Only these.")
@click.option("--recipient", metavar="ADDRESS", help="Only to this address.")
@click.option("--since", metavar="TIME", help="Of runs due since then: 2 days, or a time of JOB's zone.")
@click.option("-n", "limit", type=click.IntRange(1), default=20, show_default=True, help="How many at most.")
@json_option
@click.pass_obj
def command(
    root: Path,
    run: str | None,
    job: str | None,
    state: str | None,
    recipient: str | None,
    since: str | None,
    limit: int,
    *,
    as_json: bool,
) -> None:
    """The deliveries in the ledger, the latest first."""
    with open_workspace(root) as workspace:
        which = Which(
            run=str(workspace.runs.resolve(run).key) if run else None,
            job=job,
            state=DeliveryState(state) if state else None,
            recipient=recipient,
            since=parse_since(since, workspace.clock(), zone_of(workspace, job) if job else "UTC") if since else None,
        )
        found = workspace.outbox.each(which, limit)
        if as_json:
            for delivery in found:
                print_json(delivery_row(delivery))
            return
        rows = [_in_its_zone(workspace, delivery_row(delivery)) for delivery in found]
        print_rows(rows, COLUMNS, as_json=False, empty="no such deliveries")


def _in_its_zone(workspace: Workspace, row: dict[str, object]) -> dict[str, object]:
    at = row["next_attempt"]
    return {**row, "next_attempt": local(at, zone_of(workspace, str(row["job"])))} if isinstance(at, datetime) else row


def delivery_row(delivery: Delivery) -> dict[str, object]:
    """A delivery with the log's field names."""
    return {
        "delivery": delivery.id,
        "run": delivery.run,
        "job": delivery.job,
        "message_id": delivery.message_id,
        "recipient": delivery.recipient,
        "state": str(delivery.state),
        "attempts": delivery.attempts,
        "next_attempt": delivery.next_attempt_at,
        "code": delivery.code,
        "enhanced": delivery.enhanced or None,
        "class": delivery.verdict or None,
        "reply": delivery.reply or None,
        "possible_duplicate": delivery.possible_duplicate or None,
    }
