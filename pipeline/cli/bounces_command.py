"""`pipeline bounces`: one round through the mailbox for bounces."""

import sys
from pathlib import Path

import click

from pipeline.cli.output import json_option, print_json
from pipeline.cli.workspace import open_workspace
from pipeline.errors import UsageError


@click.command()
@json_option
@click.pass_obj
def command(root: Path, *, as_json: bool) -> None:
    """Look once through the mailbox that jobs.yaml names under "bounces": reports of mails that came back are kept
    beside their deliveries, addresses that do not exist are suppressed, and so is who unsubscribes, for that job.
    `pipeline serve` does this by itself."""
    with open_workspace(root, log_stream=sys.stdout if as_json else None) as workspace:
        found = workspace.take_in_bounces()
        if found is None:
            raise UsageError('jobs.yaml names no mailbox; write "bounces: ${BOUNCES_URL}", or the folder of a Maildir')
        counts = {
            "mails": found.mails,
            "bounced": found.bounced,
            "delayed": found.delayed,
            "suppressed": found.suppressed,
            "unmatched": found.unmatched,
            "unsubscribed": found.unsubscribed,
            "unread": found.unread,
            "known": found.known,
        }
    if as_json:
        print_json(counts)
    else:
        click.echo(", ".join(f"{count} {name}" for name, count in counts.items() if count) or "no new mails")
