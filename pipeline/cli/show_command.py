"""`pipeline show`: one run with its deliveries and attempts."""

from datetime import datetime
from itertools import islice
from pathlib import Path

import click

from pipeline.cli.deliveries_command import delivery_row
from pipeline.cli.output import counted, json_option, print_json, print_rows
from pipeline.cli.times import local
from pipeline.cli.workspace import open_workspace, zone_of
from pipeline.ledger.bouncing import Bounce
from pipeline.ledger.kept_records import Ingredient
from pipeline.ledger.looking import Which
from pipeline.ledger.operator_records import AuditLine
from pipeline.ledger.records import Attempt, Part, Run
from pipeline.wiring import Workspace

SHOWN = 50
"""Deliveries shown to a person; `pipeline deliveries --run` shows more."""
_PAGE = 500
"""Deliveries whose attempts are read together."""


@click.command()
@click.argument("run")
@json_option
@click.pass_obj
def command(root: Path, run: str, *, as_json: bool) -> None:
    """One RUN: its state, its deliveries, every attempt, its files and what it was made from. The beginning of its
    name will do."""
    with open_workspace(root) as workspace:
        found = workspace.runs.resolve(run)
        if as_json:
            _print_json(workspace, found)
        else:
            _print(workspace, found)


def _print(workspace: Workspace, run: Run) -> None:
    zone = zone_of(workspace, run.key.job)

    def told(moment: datetime | None) -> str:
        return local(moment, zone) if moment else "–"

    facts = {
        "run": str(run.key),
        "state": f"{run.state}{f': {run.reason}' if run.reason else ''}",
        "due": told(run.key.due),
        "period": f"{told(run.period_start)} until {told(run.period_end)}" if run.period_start else "–",
        "started": told(run.started_at),
        "ended": told(run.ended_at),
        "messages": f"{run.messages} to {counted(run.deliveries, 'recipient')}",
    }
    for name, value in facts.items():
        click.echo(f"{name:<10}{value}")
    click.echo()
    audit = [_audit(line) for line in workspace.operations.audit(run.key)]
    if audit:
        columns_of_audit = {"at": told, **dict.fromkeys(("by", "action", "count", "about", "reason"))}
        print_rows(audit, columns_of_audit, as_json=False, empty="")
        click.echo()
    deliveries = workspace.outbox.deliveries(run=run.key, limit=SHOWN)
    rows = [delivery_row(d) for d in deliveries]
    columns = dict.fromkeys(("delivery", "recipient", "state", "attempts", "code", "reply"))
    print_rows(rows, columns, as_json=False, empty="no deliveries")
    if run.deliveries > SHOWN:
        click.echo(f"… and {run.deliveries - SHOWN:,} more: `pipeline deliveries --run {run.key} -n {run.deliveries}`")
    bounces = [_bounce(one) for one in workspace.bounces.of_run(run.key)]
    if bounces:
        click.echo("\ncame back")
        columns_of_bounces = {
            "bounced_at": told, **dict.fromkeys(("recipient", "code", "enhanced", "class", "reply"))
        }  # fmt: skip
        print_rows(bounces, columns_of_bounces, as_json=False, empty="")
    tried = workspace.outbox.attempts_at([delivery.id for delivery in deliveries])
    for delivery in deliveries:
        attempts = tried.get(delivery.id, [])
        if len(attempts) > 1:
            click.echo(f"\nattempts at {delivery.recipient}")
            columns_of_attempts = {"at": told, **dict.fromkeys(("state", "phase", "code", "class", "reply"))}
            print_rows([_attempt(a) for a in attempts], columns_of_attempts, as_json=False, empty="none")
    for title, rows in (("artifacts", _artifacts(workspace, run)), ("made from", _ingredients(workspace, run))):
        if rows:
            click.echo(f"\n{title}")
            print_rows(rows, dict.fromkeys(rows[0]), as_json=False, empty="")


def _print_json(workspace: Workspace, run: Run) -> None:
    print_json(
        {
            "run": str(run.key),
            "job": run.key.job,
            "state": str(run.state),
            "reason": run.reason or None,
            "due": run.key.due,
            "period_start": run.period_start,
            "period_end": run.period_end,
            "messages": run.messages,
            "deliveries": run.deliveries,
        }
    )
    for line in workspace.operations.audit(run.key):
        print_json(_audit(line))
    for bounce in workspace.bounces.of_run(run.key):
        print_json(_bounce(bounce))
    deliveries = workspace.outbox.each(Which(run=str(run.key)), run.deliveries)
    while page := list(islice(deliveries, _PAGE)):
        attempts = workspace.outbox.attempts_at([delivery.id for delivery in page])
        for delivery in page:
            print_json(delivery_row(delivery))
            for attempt in attempts.get(delivery.id, ()):
                print_json(_attempt(attempt))
    for row in (*_artifacts(workspace, run), *_ingredients(workspace, run)):
        print_json(row)


def _bounce(bounce: Bounce) -> dict[str, object]:
    """A report that a sent mail did not arrive, or not yet."""
    return {
        "bounced_at": bounce.at,
        "delivery": bounce.delivery,
        "recipient": bounce.recipient,
        "code": bounce.code,
        "enhanced": bounce.enhanced or None,
        "class": bounce.kind,
        "reply": bounce.reply or None,
    }


def _audit(line: AuditLine) -> dict[str, object]:
    """What an operator did; `about` names a delivery where it was about one alone."""
    _, _, delivery = line.subject.partition("#")
    return {
        "at": line.at,
        "by": line.who,
        "action": str(line.action),
        "count": line.changed,
        "about": f"delivery {delivery}" if delivery else None,
        "reason": line.why or None,
    }


def _artifacts(workspace: Workspace, run: Run) -> list[dict[str, object]]:
    return [_artifact(part) for part in workspace.memory.artifacts(run.key)]


def _artifact(part: Part) -> dict[str, object]:
    return {"artifact": part.filename, "bytes": part.artifact.size, "sha256": part.artifact.sha256}


def _ingredients(workspace: Workspace, run: Run) -> list[dict[str, object]]:
    origin = workspace.memory.origin(run.key)
    return [_ingredient(item) for item in (origin.ingredients if origin else ())]


def _ingredient(item: Ingredient) -> dict[str, object]:
    return {"path": item.path, "bytes": item.size, "sha256": item.sha256}


def _attempt(attempt: Attempt) -> dict[str, object]:
    return {
        "delivery": attempt.delivery,
        "at": attempt.at,
        "state": str(attempt.state),
        "phase": attempt.phase,
        "code": attempt.code,
        "enhanced": attempt.enhanced or None,
        "class": attempt.verdict,
        "reply": attempt.reply,
        "duration_ms": attempt.duration_ms,
    }
