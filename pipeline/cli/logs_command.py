"""`pipeline logs`: delivery log lines for people."""

import json
import time
from pathlib import Path

import click

from pipeline.cli.output import counted, json_option, on_terminal
from pipeline.cli.times import parse_since
from pipeline.cli.workspace import open_workspace
from pipeline.observe.events import LEVELS
from pipeline.observe.people import format_line
from pipeline.observe.reader import Wanted, follow, history, select


@click.command()
@click.option("-f", "--follow", "following", is_flag=True, help="Go on with new lines as they come.")
@click.option("--job", metavar="JOB", help="Only of this job.")
@click.option("--run", metavar="RUN", help="Only of this run.")
@click.option("--recipient", metavar="ADDRESS", help="Only about this address.")
@click.option("--event", metavar="EVENT", help="Only these: delivery.sent, delivery, or run.*ed.")
@click.option("--level", type=click.Choice(LEVELS), help="This level or a more serious one.")
@click.option("--since", metavar="TIME", help="Since then: 2 hours, or a time (UTC).")
@json_option
@click.pass_obj
def command(
    root: Path,
    job: str | None,
    run: str | None,
    recipient: str | None,
    event: str | None,
    level: str | None,
    since: str | None,
    *,
    following: bool,
    as_json: bool,
) -> None:
    """The delivery log's lines, for people, in this machine's time; --json prints them as they are."""
    with open_workspace(root) as workspace:
        wanted = Wanted(
            job=job,
            run=run,
            recipient=recipient,
            event=event,
            level=level,  # type: ignore[arg-type] # click lets only LEVELS through
            since=parse_since(since, workspace.clock()) if since else None,
        )
        lines = follow(workspace.log_file, time.sleep) if following else history(workspace.log_file)
        torn, shown = 0, 0

        def on_garbage(_: str) -> None:
            nonlocal torn
            torn += 1

        for record in select(lines, wanted, on_garbage):
            shown += 1
            if as_json:
                click.echo(json.dumps(record, ensure_ascii=False))
            else:
                click.echo(format_line(record, colour=on_terminal()))
        if not (shown or as_json):
            click.echo("no such lines")
        if torn:
            click.echo(f"{counted(torn, 'line')} of the log could not be read", err=True)
