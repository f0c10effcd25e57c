"""`pipeline release`: sends what is held or uncertain."""

from pathlib import Path

import click

from pipeline.cli.operator import find_target, finish, fresh_terms, make_note, note_options
from pipeline.cli.workspace import open_workspace
from pipeline.ledger.operator_records import Action


@click.command()
@click.argument("target", metavar="RUN|DELIVERY")
@note_options
@click.pass_obj
def command(root: Path, target: str, by: str, why: str, *, as_json: bool) -> None:
    """Send what is held of RUN, or one DELIVERY by its number. What is uncertain is sent too, with the same
    Message-ID: somebody may get it twice. A run whose time is over gets the time that its job gives a new one."""
    with open_workspace(root) as workspace:
        run, delivery = find_target(workspace, target)
        note = make_note(workspace, by, why)
        terms = fresh_terms(workspace, run, note)
        acted = workspace.operations.release(run, note, terms, delivery=delivery)
        finish(workspace, Action.RELEASE, note, acted, as_json=as_json)
