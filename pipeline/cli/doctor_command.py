"""`pipeline doctor`: whether a mailer's way out works, and what DNS says of the sender's domain. Sends nothing."""

from pathlib import Path

import click

from pipeline.cli.output import json_option, print_json
from pipeline.cli.workspace import find_mailers, open_workspace

_COLOURS = {"ok": "green", "warn": "yellow", "wrong": "red"}


@click.command()
@click.argument("mailer", required=False)
@click.option("--no-dns", is_flag=True, help="Leave SPF, DKIM and DMARC out.")
@click.option("--resolver", metavar="ADDRESS", default="", help="Ask this name server, like 192.0.2.1 or 127.0.0.1:53.")
@json_option
@click.pass_obj
def command(root: Path, mailer: str | None, resolver: str, *, no_dns: bool, as_json: bool) -> int:
    """Look at MAILER, or at all: name, connection, TLS, certificate, login, size, round trip; SPF, DKIM and DMARC of
    the domains that its jobs send from. Sends nothing. Exit 1 where something is wrong."""
    with open_workspace(root) as workspace:
        wrong = 0
        for name in find_mailers(workspace.project, mailer):
            if not as_json:
                click.secho(name, bold=True)
            for finding in workspace.examine(name, resolver, with_dns=not no_dns):
                wrong += finding.level == "wrong"
                if as_json:
                    print_json(
                        {"event": "doctor.finding", "mailer": name, "check": finding.check, "result": finding.level,
                         "reason": finding.text, "advice": finding.advice or None}
                    )  # fmt: skip
                    continue
                click.echo(f"  {click.style(finding.level.ljust(5), fg=_COLOURS[finding.level])}  "
                           f"{finding.check.ljust(11)}  {finding.text}")  # fmt: skip
                if finding.advice:
                    click.echo(f"         {' ' * 11}  → {finding.advice}")
    return 1 if wrong else 0
