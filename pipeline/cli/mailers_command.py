"""`pipeline mailers`: the ways out, and what stands in the way."""

from collections.abc import Iterator
from pathlib import Path

import click

from pipeline.cli.operator import make_note, note_options
from pipeline.cli.output import human_size, print_json, utc
from pipeline.cli.workspace import find_mailers, open_workspace
from pipeline.errors import UsageError
from pipeline.jobs.model import LocalMailer, Mailer
from pipeline.ledger.ways import Circuit, Limits, Usage, Waiting
from pipeline.wiring import Workspace

_SECURITY = {"starttls": "STARTTLS", "tls": "TLS", "plain": "plain, this machine only"}


@click.command()
@click.argument("name", required=False)
@click.option("--resume", is_flag=True, help="Send again now, whatever NAME rests for: somebody has put it right.")
@note_options
@click.pass_obj
def command(root: Path, name: str | None, by: str, why: str, *, resume: bool, as_json: bool) -> None:
    """Each mailer, or NAME alone: its way out, its circuit, what its limits leave, and what waits for it."""
    with open_workspace(root) as workspace:
        if resume:
            _resume(workspace, name, by, why, as_json=as_json)
            return
        for mailer in find_mailers(workspace.project, name):
            facts = _facts(workspace, mailer)
            if as_json:
                print_json(facts)
                continue
            click.secho(mailer, bold=True)
            for label, text in _lines(workspace, mailer, facts):
                click.echo(f"  {label.ljust(8)} {text}")


def _resume(workspace: Workspace, name: str | None, by: str, why: str, *, as_json: bool) -> None:
    from pipeline.delivery.operator_lines import resumed_lines  # noqa: PLC0415 - brings the delivery room

    if name is None:
        raise UsageError("--resume needs the mailer's name")
    find_mailers(workspace.project, name)
    note = make_note(workspace, by, why)
    circuit = workspace.outbox.resume(name, note)
    for event, fields in resumed_lines(circuit, note) if circuit else ():
        workspace.log.emit(event, **fields)
    if as_json:
        print_json({"mailer": name, "action": "resume", "by": note.who, "reason": note.why or None,
                    "count": int(circuit is not None)})  # fmt: skip
    elif circuit is None:
        click.echo(f"{name} does not rest; nothing changed")
    else:
        click.echo(f"{name} sends again: `pipeline serve` within a second, or `pipeline deliver` now")


def _facts(workspace: Workspace, name: str) -> dict[str, object]:
    mailer, limits, now = workspace.project.mailers[name], workspace.limits.get(name, Limits()), workspace.clock()
    circuit, waiting = workspace.outbox.circuit(name), workspace.outbox.waiting(name, now)
    usage = workspace.outbox.usage(name, limits, now) if limits.any else Usage()
    state = "closed" if circuit is None else "open" if now < circuit.until else "probing"
    return {
        "mailer": name,
        "way": way_out(mailer),
        "circuit": state,
        **(_circuit(circuit) if circuit else {}),
        **_limits(mailer, limits, usage),
        "waiting": waiting.deliveries,
        "next_due": _next_due(circuit, usage, waiting),
    }


def way_out(mailer: Mailer) -> str:
    """Where it leads, without any secret."""
    from pipeline.delivery.smtp.relay import relay_of  # noqa: PLC0415 - brings the delivery room

    if isinstance(mailer, LocalMailer):
        return f"the folder {mailer.local}"
    relay = relay_of(mailer)
    many = f"up to {mailer.connections} connections" if mailer.connections > 1 else "one connection"
    return f"{relay}, {_SECURITY[relay.security]}, {many}"


def _circuit(circuit: Circuit) -> dict[str, object]:
    return {
        "since": circuit.since,
        "until": circuit.until,
        "failures": circuit.failures,
        "class": circuit.kind,
        "phase": circuit.phase,
        "code": circuit.code,
        "enhanced": circuit.enhanced or None,
        "rule": circuit.rule,
        "reply": circuit.reply or None,
    }


def _limits(mailer: Mailer, limits: Limits, usage: Usage) -> dict[str, object]:
    if isinstance(mailer, LocalMailer):
        return {}
    facts: dict[str, object] = {"per_second": limits.per_second, "message_size": mailer.limits.message_size}
    for key, limit, used in (("hour", limits.per_hour, usage.last_hour), ("day", limits.per_day, usage.last_day)):
        if limit:
            taken = used + usage.in_hand
            facts |= {f"per_{key}": limit, f"{key}_used": taken, f"{key}_left": max(0, limit - taken)}
    return {**facts, "room_at": usage.again_at}


def _next_due(circuit: Circuit | None, usage: Usage, waiting: Waiting) -> object:
    if waiting.next_due is None:
        return None
    held = [time for time in (circuit.until if circuit else None, usage.again_at) if time is not None]
    return max([waiting.next_due, *held])


def _lines(workspace: Workspace, name: str, facts: dict[str, object]) -> Iterator[tuple[str, str]]:
    yield "way out", str(facts["way"])
    yield "circuit", _said(workspace.outbox.circuit(name), str(facts["circuit"]))
    limits = list(_limit_words(facts))
    yield "limits", "; ".join(limits) or "none"
    due = facts["next_due"]
    when = f", the next at {utc(due)}" if due else ""  # type: ignore[arg-type]
    yield "waiting", f"{facts['waiting']}{when}"


def _said(circuit: Circuit | None, state: str) -> str:
    if circuit is None:
        return "closed"
    code = " ".join(str(part) for part in (circuit.code, circuit.enhanced) if part)
    answer = f"{code} {circuit.reply}".strip()
    until = f"open until {utc(circuit.until)}" if state == "open" else "probing: one letter goes, the rest waits"
    times = f", {circuit.failures} times in a row" if circuit.failures > 1 else ""
    return f"{until} because of {circuit.kind} at {circuit.phase} since {utc(circuit.since)}{times}: {answer}"


def _limit_words(facts: dict[str, object]) -> Iterator[str]:
    if facts.get("per_second"):
        yield f"{facts['per_second']} a second"
    for key in ("hour", "day"):
        if f"per_{key}" in facts:
            yield f"{facts[f'{key}_used']} of {facts[f'per_{key}']} used in the last {key}, {facts[f'{key}_left']} left"
    size = facts.get("message_size")
    if isinstance(size, int):
        yield f"messages up to {human_size(size)}"
