"""What becomes of a delivery after an attempt: from a mailer's result to the outcome that the ledger
keeps. Pure."""

from collections.abc import Container
from dataclasses import replace
from datetime import datetime

from pipeline.delivery.ports import Result
from pipeline.delivery.retry import next_attempt
from pipeline.delivery.verdict import Action, Kind, Phase
from pipeline.ledger.records import Claim, Delivery, Outcome
from pipeline.ledger.states import DeliveryState

_STATES = {
    Action.ACCEPT: DeliveryState.SENT,
    Action.FAIL: DeliveryState.FAILED,
    Action.ASK: DeliveryState.UNCERTAIN,
}


def settle(result: Result, now: datetime, draw: float) -> Outcome:
    """The outcome of one attempt. `draw` in [0, 1) spreads the next one.

    What is to be retried is deferred, or expired where its next attempt would come too late. RATE, AUTH and
    the like are not charged. An uncertain one carries the time at which it would be sent again, if its run
    says so.
    """
    verdict, terms = result.verdict, result.claim.terms
    charged = verdict.action not in {Action.WAIT, Action.PAUSE, Action.AGAIN, Action.SPLIT}
    state = _STATES.get(verdict.action, DeliveryState.DEFERRED)
    when: datetime | None = None
    if state in {DeliveryState.DEFERRED, DeliveryState.UNCERTAIN}:
        when = next_attempt(terms, result.delivery.attempts + charged, verdict, now, draw)
    if when is None and state is DeliveryState.DEFERRED:
        state = DeliveryState.EXPIRED
    if when is None and state is DeliveryState.UNCERTAIN:
        when = terms.expires_at
    return Outcome(
        delivery=result.delivery.id,
        state=state,
        at=now,
        duration_ms=result.duration_ms,
        phase=verdict.phase,
        code=verdict.code,
        enhanced=verdict.enhanced,
        verdict=verdict.kind,
        reply=verdict.reply,
        next_attempt_at=when,
        counts=charged,
    )


def untried(delivery: Delivery, now: datetime) -> Outcome:
    """The outcome of a delivery that was taken and is given back: it waits as before."""
    when = delivery.next_attempt_at or now
    return Outcome(delivery.id, DeliveryState.QUEUED, now, 0, "local", None, "", "", "", when, counts=False)


def suppressed(delivery: Delivery, now: datetime, reason: str) -> Outcome:
    """The outcome of a delivery whose recipient must not be mailed."""
    return Outcome(
        delivery.id, DeliveryState.SUPPRESSED, now, 0, Phase.LOCAL, None, "", Kind.LOCAL, reason, counts=False
    )


def without(claim: Claim, gone: Container[int]) -> Claim | None:
    """The claim with the rest of its deliveries; None where there is no rest."""
    left = tuple(delivery for delivery in claim.deliveries if delivery.id not in gone)
    if len(left) == len(claim.deliveries):
        return claim
    letter = replace(claim.letter, recipients=tuple(delivery.recipient for delivery in left))
    return replace(claim, letter=letter, deliveries=left) if left else None
