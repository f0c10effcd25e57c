"""`pipeline cancel`: takes back what has not left."""

from pathlib import Path

import click

from pipeline.cli.operator import find_target, finish, make_note, note_options
from pipeline.cli.workspace import open_workspace
from pipeline.ledger.operator_records import Action


@click.command()
@click.argument("target", metavar="RUN|DELIVERY")
@note_options
@click.pass_obj
def command(root: Path, target: str, by: str, why: str, *, as_json: bool) -> None:
    """Take back what has not left of RUN, or one DELIVERY by its number. A run that is due or being built is
    skipped. What was sent is sent."""
    with open_workspace(root) as workspace:
        run, delivery = find_target(workspace, target)
        note = make_note(workspace, by, why)
        acted = workspace.operations.cancel(run, note, delivery=delivery)
        finish(workspace, Action.CANCEL, note, acted, as_json=as_json)
