"""The log lines of what operators do: from plain values to events and their fields. Pure."""

from collections.abc import Iterable, Iterator

from pipeline.delivery.lines import Line, closed_lines, run_line, told, who
from pipeline.ledger.operator_records import CHANGES, Acted, Action, Note, Suppression
from pipeline.ledger.records import Delivery
from pipeline.ledger.states import DeliveryState
from pipeline.ledger.ways import Circuit

_EVENTS = {
    Action.HOLD: "delivery.held",
    Action.CANCEL: "delivery.cancelled",
    Action.RELEASE: "delivery.requeued",
    Action.RESEND: "delivery.requeued",
}


def acted_lines(action: Action, note: Note, acted: Acted, changed: Iterable[Delivery]) -> Iterator[Line]:
    """Nothing for what changed nothing; else who did what, each delivery, and the run where it ended.

    `changed`: those that it moved, read one after the other as their lines are asked for.
    """
    if not acted.changed and not acted.withdrawn:
        return
    key = acted.run.key
    fields = {"action": action, "by": note.who, "job": key.job, "run": str(key), "due": key.due}
    yield "operator.acted", told({**fields, "count": len(acted.changed), "reason": note.why})
    if acted.withdrawn:
        yield "run.skipped", {"job": key.job, "run": str(key), "due": key.due, "reason": acted.run.reason}
    for delivery in changed:
        yield _EVENTS[action], _delivery(delivery, action, note)
    for run in acted.ended:
        yield run_line(run)


def suppression_line(event: str, one: Suppression, note: Note) -> Line:
    """`suppression.added` or `suppression.removed`."""
    return event, told({"recipient": one.address, "scope": one.scope, "by": note.who, "reason": note.why})


def resumed_lines(circuit: Circuit, note: Note) -> Iterator[Line]:
    """A mailer's circuit that somebody closed by hand."""
    why = f": {note.why}" if note.why else ""
    yield "operator.acted", {"action": Action.RESUME, "by": note.who, "reason": f"mailer {circuit.mailer}{why}"}
    yield from closed_lines(circuit, note.at, f"{note.who} says so{why}")


def _delivery(delivery: Delivery, action: Action, note: Note) -> dict[str, object]:
    reason = f"{action} by {note.who}{f': {note.why}' if note.why else ''}"
    # By the note, not by the row: a worker may have sent it since.
    leaves = note.at if CHANGES[action].target is DeliveryState.QUEUED else None
    fields = {**who(delivery), "next_attempt": leaves, "reason": reason}
    if delivery.possible_duplicate:
        fields["possible_duplicate"] = True
    return told(fields)
