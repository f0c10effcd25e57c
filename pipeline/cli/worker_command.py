"""`pipeline worker`: more hands on another machine, until SIGTERM or Ctrl-C."""

from pathlib import Path

import click

from pipeline.cli.lasting import run_lasting


@click.command()
@click.option("--builds", type=click.IntRange(1, 64), default=2, show_default=True, help="Reports built at once.")
@click.option("--json", "as_json", is_flag=True, help="The log as JSON lines on a terminal too.")
@click.pass_obj
def command(root: Path, builds: int, *, as_json: bool) -> int:
    """Builds and delivers what a `pipeline serve` on another machine has planned, until SIGTERM or Ctrl-C. Both need
    the same project, the same ledger on PostgreSQL (LEDGER_URL) and the same folder of artifacts (ARTIFACTS)."""
    from pipeline.helper import Helper  # noqa: PLC0415

    return run_lasting(root, lambda workspace: Helper(workspace, builds=builds), as_json=as_json)
