"""`pipeline migrate`: brings the ledger's tables to this version."""

from pathlib import Path

import click

from pipeline.cli.output import json_option, print_json
from pipeline.cli.workspace import open_workspace


@click.command()
@json_option
@click.pass_obj
def command(root: Path, *, as_json: bool) -> None:
    """Bring the ledger to this version: all of it, or nothing. Make a backup first."""
    from pipeline.ledger.database import open_ledger  # noqa: PLC0415
    from pipeline.ledger.migrate import HEAD, upgrade  # noqa: PLC0415

    with open_workspace(root) as workspace:
        engine = open_ledger(workspace.ledger_url, workspace.root)
        try:
            changed = upgrade(engine)
        finally:
            engine.dispose()
    if as_json:
        print_json({"event": "ledger.migrated", "revision": HEAD, "changed": changed})
    else:
        click.echo(f"the ledger is {'now ' if changed else 'already '}of revision {HEAD}")
