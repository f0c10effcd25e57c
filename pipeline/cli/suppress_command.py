"""`pipeline suppress`: addresses that must not be mailed."""

import re
from pathlib import Path

import click

from pipeline.cli.operator import make_note, note_options
from pipeline.cli.output import json_option, print_json, print_rows, utc
from pipeline.cli.workspace import open_workspace
from pipeline.errors import UsageError
from pipeline.ledger.operator_records import Note, Suppression
from pipeline.wiring import Workspace

_SCOPE = re.compile(r"all|(job|mailer):[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_COLUMNS = {"recipient": None, "scope": None, "since": utc, "by": None, "reason": None}


@click.group()
def command() -> None:
    """Addresses that must not be mailed: their deliveries end as suppressed, everyone else gets theirs."""


@command.command()
@click.argument("address")
@click.option("--scope", default="all", show_default=True, help="all, job:NAME or mailer:NAME.")
@note_options
@click.pass_obj
def add(root: Path, address: str, scope: str, by: str, why: str, *, as_json: bool) -> None:
    """Mail ADDRESS no more. What is in the outbox for it is not sent either."""
    _check_scope(scope)
    with open_workspace(root) as workspace:
        note = make_note(workspace, by, why)
        one = Suppression(_address(address), scope, note.at, note.who, note.why)
        if workspace.suppressions.add(one.address, scope, note):
            _log(workspace, "suppression.added", one, note)
            said = f"{one.address} gets no mail from now on ({scope})"
        else:
            said = f"{one.address} was suppressed before ({scope}); nothing changed"
        _say(workspace, one.address, said, as_json=as_json)


@command.command()
@click.argument("address")
@click.option("--scope", help="Only this scope; default: whatever stands against the address.")
@note_options
@click.pass_obj
def remove(root: Path, address: str, scope: str | None, by: str, why: str, *, as_json: bool) -> None:
    """Mail ADDRESS again. Deliveries that ended as suppressed stay so; `pipeline resend RUN --failed` sends them."""
    if scope is not None:
        _check_scope(scope)
    with open_workspace(root) as workspace:
        note = make_note(workspace, by, why)
        gone = workspace.suppressions.remove(_address(address), scope, note)
        for one in gone:
            _log(workspace, "suppression.removed", one, note)
        said = f"{address} may be mailed again" if gone else f"nothing stood against {address}; nothing changed"
        _say(workspace, address, said, as_json=as_json)


@command.command("list")
@click.argument("address", required=False)
@json_option
@click.pass_obj
def list_them(root: Path, address: str | None, *, as_json: bool) -> None:
    """Who must not be mailed, since when, and why; of ADDRESS alone, if given."""
    with open_workspace(root) as workspace:
        rows = [_row(one) for one in workspace.suppressions.find(address)]
        print_rows(rows, _COLUMNS, as_json=as_json, empty="nobody is suppressed")


def _address(text: str) -> str:
    from pipeline.jobs.scalars import parse_mailbox  # noqa: PLC0415 - brings the address validator

    try:
        return parse_mailbox(text).address.lower()
    except ValueError as error:
        raise UsageError(str(error)) from None


def _check_scope(scope: str) -> None:
    if _SCOPE.fullmatch(scope) is None:
        raise UsageError(f'--scope "{scope}" is none; write all, job:NAME or mailer:NAME')


def _log(workspace: Workspace, event: str, one: Suppression, note: Note) -> None:
    from pipeline.delivery.operator_lines import suppression_line  # noqa: PLC0415

    name, fields = suppression_line(event, one, note)
    workspace.log.emit(name, **fields)


def _say(workspace: Workspace, address: str, said: str, *, as_json: bool) -> None:
    """With --json: what stands against the address now, if anything does."""
    if not as_json:
        click.echo(said)
        return
    for one in workspace.suppressions.find(address):
        print_json(_row(one))


def _row(one: Suppression) -> dict[str, object]:
    return {"recipient": one.address, "scope": one.scope, "since": one.at, "by": one.who, "reason": one.why or None}
