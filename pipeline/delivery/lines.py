"""The log lines of deliveries, mailers and runs: from plain values to an event and its fields. Pure."""

from collections.abc import Iterator
from datetime import datetime

from pipeline.delivery.ports import Result
from pipeline.delivery.verdict import Verdict
from pipeline.ledger.records import Delivery, Outcome, Run
from pipeline.ledger.states import DeliveryState, RunState
from pipeline.ledger.ways import Circuit

Line = tuple[str, dict[str, object]]

_EVENTS = {
    DeliveryState.SENT: "delivery.sent",
    DeliveryState.DEFERRED: "delivery.deferred",
    DeliveryState.FAILED: "delivery.failed",
    DeliveryState.EXPIRED: "delivery.expired",
    DeliveryState.UNCERTAIN: "delivery.uncertain",
    DeliveryState.SUPPRESSED: "delivery.suppressed",
    DeliveryState.HELD: "delivery.held",
}


def late_line(mailer: str, result: Result, outcome: Outcome) -> Line:
    """An answer that came after its delivery had been recovered as uncertain."""
    delivery = result.delivery
    where = {**who(delivery), "mailer": mailer, "attempt": delivery.attempts + outcome.counts}
    size = {"bytes": result.bytes, "duration_ms": outcome.duration_ms}
    return "delivery.answered_late", told({**where, **_answer(result.verdict), **size})


def attempt_line(mailer: str, result: Result, outcome: Outcome, *, resent: bool) -> Line:
    """One attempt at one delivery. `next_attempt` stands where there will be one."""
    delivery = result.delivery
    fields: dict[str, object] = {
        **who(delivery),
        "mailer": mailer,
        "attempt": delivery.attempts + outcome.counts,
        "phase": outcome.phase,
        "code": outcome.code,
        "enhanced": outcome.enhanced,
        "class": outcome.verdict,
        "rule": result.verdict.rule,
        "reply": outcome.reply,
        "bytes": result.bytes,
        "duration_ms": outcome.duration_ms,
    }
    if outcome.state is DeliveryState.DEFERRED or resent:
        fields["next_attempt"] = outcome.next_attempt_at
    if delivery.possible_duplicate:
        fields["possible_duplicate"] = True
    return _EVENTS[outcome.state], told(fields)


def refusal_line(mailer: str, result: Result, reason: str) -> Line:
    """An answer that somebody must be told of."""
    claim = result.claim
    where = {"job": claim.job, "run": claim.run, "mailer": mailer}
    return "alert.raised", told({**where, **_answer(result.verdict), "reason": reason})


def adapted_line(mailer: str, change: str, verdict: Verdict) -> Line:
    """A mailer whose server does not do what it offers."""
    return "mailer.adapted", told({"mailer": mailer, **_answer(verdict), "reason": change})


def _answer(verdict: Verdict) -> dict[str, object]:
    return {
        "phase": verdict.phase,
        "code": verdict.code,
        "enhanced": verdict.enhanced,
        "class": verdict.kind,
        "rule": verdict.rule,
        "reply": verdict.reply,
    }


def swept_line(delivery: Delivery, event: str) -> Line:
    """A delivery that ended, or became uncertain, without an attempt of ours."""
    fields: dict[str, object] = {
        **who(delivery),
        "attempt": delivery.attempts,
        "code": delivery.code,
        "enhanced": delivery.enhanced,
        "class": delivery.verdict,
        "reply": delivery.reply,
        "next_attempt": delivery.next_attempt_at,
    }
    return event, told(fields)


def suppressed_line(mailer: str, delivery: Delivery, reason: str) -> Line:
    """A delivery that ended before it was tried, because its recipient must not be mailed."""
    return "delivery.suppressed", told({**who(delivery), "mailer": mailer, "reason": reason})


def run_line(run: Run) -> Line:
    """A run of which nothing is under way any more: run.delivered, run.partly_delivered, run.undelivered, run.held."""
    fields: dict[str, object] = {
        "job": run.key.job,
        "run": str(run.key),
        "due": run.key.due,
        "messages": run.messages,
        "deliveries": run.deliveries,
    }
    if run.state is RunState.HELD:
        fields["reason"] = run.reason or "some of it waits for an operator"
    return f"run.{run.state.replace(' ', '_')}", fields


def paused_lines(circuit: Circuit, *, alert: bool) -> Iterator[Line]:
    """A circuit that opened or stays open for longer, and the alert if it is time for one."""
    fields = told(
        {
            "mailer": circuit.mailer,
            "phase": circuit.phase,
            "code": circuit.code,
            "enhanced": circuit.enhanced,
            "class": circuit.kind,
            "rule": circuit.rule,
            "reply": circuit.reply,
            "next_attempt": circuit.until,
        }
    )
    yield "mailer.paused", fields
    if alert:
        yield (
            "alert.raised",
            {**fields, "reason": f"mailer {circuit.mailer} cannot send: {circuit.kind} at {circuit.phase}"},
        )


def closed_lines(circuit: Circuit, now: datetime, reason: str = "a mail went through") -> Iterator[Line]:
    """A circuit that closed, and the end of its alert if there was one."""
    fields: dict[str, object] = {
        "mailer": circuit.mailer,
        "class": circuit.kind,
        "since": circuit.since,
        "duration_ms": round((now - circuit.since).total_seconds() * 1000),
        "reason": reason,
    }
    yield "mailer.resumed", fields
    if circuit.told:
        yield "alert.cleared", {**fields, "reason": f"mailer {circuit.mailer} sends again: {reason}"}


def who(delivery: Delivery) -> dict[str, object]:
    return {
        "job": delivery.job,
        "run": delivery.run,
        "message_id": delivery.message_id,
        "delivery": delivery.id,
        "recipient": delivery.recipient,
    }


def told(fields: dict[str, object]) -> dict[str, object]:
    """Without what is empty."""
    return {name: value for name, value in fields.items() if value is not None and value != ""}
