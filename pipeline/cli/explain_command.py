"""`pipeline explain`: which rule decides about a server's answer, and what would happen."""

from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import click

from pipeline.cli.output import json_option, print_json, utc
from pipeline.cli.workspace import find_mailers, open_workspace
from pipeline.errors import UsageError

if TYPE_CHECKING:
    from datetime import datetime

    from pipeline.delivery.explaining import Explained
    from pipeline.ledger.records import Terms

PHASES = ("greeting", "ehlo", "starttls", "auth", "mail", "rcpt", "data", "dot")


@click.command()
@click.argument("answer", nargs=-1, required=True)
@click.option("--phase", type=click.Choice(PHASES), help="Where the server said so; default: wherever it might.")
@click.option("--mailer", "name", metavar="NAME", help="With this mailer's rules, of rules.yaml and its provider.")
@json_option
@click.pass_obj
def command(root: Path, answer: tuple[str, ...], phase: str | None, name: str | None, *, as_json: bool) -> None:
    """What would become of ANSWER, a server's words like "550 5.7.1 Relaying denied": the rule that decides, the
    class, what is done about it, and when the next attempt would be. Looks at nothing but the rules."""
    from pipeline.delivery.explaining import PHASES as ALL  # noqa: PLC0415 - brings the delivery room
    from pipeline.delivery.explaining import explain, read_answer  # noqa: PLC0415
    from pipeline.delivery.ownrules import own_rules  # noqa: PLC0415
    from pipeline.delivery.provider_rules import provider_rules  # noqa: PLC0415
    from pipeline.delivery.smtp.reply import GarbageError  # noqa: PLC0415
    from pipeline.delivery.verdict import Phase  # noqa: PLC0415
    from pipeline.jobs.replyrules import load_reply_rules  # noqa: PLC0415

    words = " ".join(answer)
    try:
        reply = read_answer(words)
    except GarbageError as error:
        raise UsageError(f'"{words}" is no answer ({error}); paste it whole, like "550 5.7.1 denied"') from None
    with open_workspace(root) as workspace:
        own = own_rules(load_reply_rules(root), name)
        if name is not None:
            find_mailers(workspace.project, name)
            own += provider_rules(workspace.project.mailers[name])
        now = workspace.clock()
    phases = [Phase(phase)] if phase else list(ALL)
    for found in explain(reply, phases, own, _usual_terms(now), name or "", now):
        if as_json:
            print_json(_facts(found))
        else:
            _tell(found)


def _usual_terms(now: "datetime") -> "Terms":
    from pipeline.jobs.mailing import DeliveryTerms  # noqa: PLC0415
    from pipeline.ledger.records import Terms  # noqa: PLC0415

    usual = DeliveryTerms()
    waits = tuple(wait.total_seconds() for wait in usual.retry.waits)
    return Terms("", now + timedelta(days=1), usual.priority, waits, usual.on_uncertain)


def _facts(found: "Explained") -> dict[str, object]:
    verdict = found.verdict
    return {
        "phase": [str(phase) for phase in found.phases],
        "code": verdict.code,
        "enhanced": verdict.enhanced or None,
        "rule": verdict.rule,
        "class": str(verdict.kind),
        "scope": str(verdict.scope),
        "action": str(verdict.action),
        "wait": verdict.wait or None,
        "next_attempt": found.next_attempt,
        "pause_until": found.pause_until,
        "alerts_at": found.alerts_at or None,
    }


def _tell(found: "Explained") -> None:
    verdict = found.verdict
    click.secho(f"at {', '.join(found.phases)}", bold=True)
    click.echo(f"  rule    {verdict.rule}")
    click.echo(f"  class   {verdict.kind}, concerning the {verdict.scope}")
    click.echo(f"  action  {verdict.action}: {found.meaning}")
    if found.next_attempt is not None:
        click.echo(f"  next    {utc(found.next_attempt)} at the first time, spread a little")
    if found.pause_until is not None:
        told = "at once" if found.alerts_at == 1 else f"at number {found.alerts_at} in a row"
        click.echo(f"  pause   until {utc(found.pause_until)} at first, longer each time; somebody is told {told}")
