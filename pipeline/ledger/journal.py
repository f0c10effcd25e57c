"""The journal of deliveries: the intent before a final dot may be written, and the outcome after its
reply."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, bindparam, select, update

from pipeline.errors import IllegalTransitionError, LedgerError
from pipeline.ledger.closing import close_ended
from pipeline.ledger.prepared import look, run_many
from pipeline.ledger.records import Journaled, Outcome
from pipeline.ledger.rows import AnyRow
from pipeline.ledger.schema import attempts, deliveries, micros, runs
from pipeline.ledger.states import DELIVERY_TRANSITIONS, ENDED, DeliveryState

SENDING = DeliveryState.SENDING
WAITING = (DeliveryState.QUEUED, DeliveryState.DEFERRED)
NOT_TAKEN = (*WAITING, SENDING)
"""What may be intended: also anew, by an owner that knows that its letter was not taken."""

_INTEND = (
    update(deliveries)
    .where(deliveries.c.id == bindparam("of_id"), deliveries.c.owner == bindparam("by_owner"))
    .values(state=DeliveryState.SENDING.value, next_attempt_at=None, updated_at=bindparam("now"))
)
_LOOK = (
    select(
        deliveries.c.id,
        deliveries.c.run_id,
        deliveries.c.state,
        deliveries.c.attempts,
        deliveries.c.lease_until,
        deliveries.c.possible_duplicate,
        runs.c.on_uncertain,
    )
    .join(runs, runs.c.id == deliveries.c.run_id)
    .where(deliveries.c.id.in_(bindparam("ids", expanding=True)), deliveries.c.owner == bindparam("by_owner"))
    .order_by(deliveries.c.id)
    .with_for_update(of=deliveries)
)
_mine = (
    deliveries.c.id == bindparam("of_id"),
    deliveries.c.owner == bindparam("by_owner"),
    deliveries.c.state == bindparam("was"),
)
_SETTLE = (
    update(deliveries)
    .where(*_mine)
    .values(
        state=bindparam("to"),
        attempts=bindparam("tried"),
        next_attempt_at=bindparam("next"),
        owner=None,
        lease_until=None,
        code=bindparam("reply_code"),
        enhanced=bindparam("reply_enhanced"),
        verdict=bindparam("reply_verdict"),
        reply=bindparam("reply_text"),
        possible_duplicate=bindparam("maybe_twice"),
        updated_at=bindparam("now"),
    )
)
_GIVE_BACK = (
    update(deliveries)
    .where(*_mine)
    .values(
        state=bindparam("to"),
        next_attempt_at=bindparam("next"),
        owner=None,
        lease_until=None,
        updated_at=bindparam("now"),
    )
)
_ATTEMPT = attempts.insert().inline().values({c.name: bindparam(c.name) for c in attempts.c if not c.primary_key})


def journal(
    connection: Connection, intents: Sequence[int], outcomes: Sequence[Outcome], owner: str, now: datetime
) -> Journaled:
    """Writes intents, then outcomes, of deliveries that the owner has claimed; see `Outbox.journal`."""
    ours = _look(connection, intents, outcomes, owner)
    intended = _intend(connection, [ours[one] for one in dict.fromkeys(intents) if one in ours], owner, now)
    states = {number: SENDING if number in intended else DeliveryState(row.state) for number, row in ours.items()}
    there = [outcome for outcome in outcomes if outcome.delivery in ours]
    kept = [outcome for outcome in there if not _is_stale(outcome, ours[outcome.delivery], states[outcome.delivery])]
    for outcome in kept:
        _refuse_illegal(outcome, states[outcome.delivery])
    tried = [outcome for outcome in kept if outcome.state is not DeliveryState.QUEUED]
    settled = [_settlement(one, ours[one.delivery], states[one.delivery], owner, now) for one in tried]
    _apply(connection, _SETTLE, settled)
    untried = [outcome for outcome in kept if outcome.state is DeliveryState.QUEUED]
    _apply(connection, _GIVE_BACK, [_return(outcome, states[outcome.delivery], owner, now) for outcome in untried])
    run_many(connection, _ATTEMPT, [_attempt(outcome) for outcome in tried])
    ended = close_ended(connection, (ours[s["of_id"]].run_id for s in settled if s["to"] in ENDED), now)
    return Journaled(
        intended=intended,
        lost=(frozenset(intents) - intended) | ({o.delivery for o in outcomes} - {o.delivery for o in kept}),
        resent=frozenset(s["of_id"] for o, s in zip(tried, settled, strict=True) if s["to"] != o.state),
        ended=ended,
    )


def after_uncertain(on_uncertain: str) -> DeliveryState:
    """What becomes of a delivery whose outcome nobody can know: the run says."""
    return DeliveryState.QUEUED if on_uncertain == "resend" else DeliveryState.UNCERTAIN


def _look(connection: Connection, intents: Sequence[int], outcomes: Sequence[Outcome], owner: str) -> dict[int, AnyRow]:
    """Those of the deliveries that the owner has, locked."""
    ids = [outcome.delivery for outcome in outcomes]
    if len(set(ids)) < len(ids):
        raise LedgerError("a delivery has two outcomes in one batch; write the first before the second happens")
    return {row.id: row for row in look(connection, _LOOK, [*ids, *intents], by_owner=owner)}


def _intend(connection: Connection, ours: Sequence[AnyRow], owner: str, now: datetime) -> frozenset[int]:
    at = micros(now)
    free = [row.id for row in ours if row.state in NOT_TAKEN and row.lease_until > at]
    _apply(connection, _INTEND, [{"of_id": number, "by_owner": owner, "now": at} for number in free])
    return frozenset(free)


def _is_stale(outcome: Outcome, row: AnyRow, state: DeliveryState) -> bool:
    """The answer to an intent that was recovered since, as a possible duplicate, and claimed by the same
    owner again: the owner slept past its lease. It is lost like any that comes too late."""
    answer = outcome.state in (DeliveryState.SENT, DeliveryState.UNCERTAIN)
    return answer and bool(row.possible_duplicate) and state in WAITING


def _refuse_illegal(outcome: Outcome, was: DeliveryState) -> None:
    if outcome.state not in DELIVERY_TRANSITIONS[was]:
        raise IllegalTransitionError(
            f'delivery {outcome.delivery} is "{was}" and cannot become "{outcome.state}"; nothing was written'
        )
    if outcome.state is DeliveryState.DEFERRED and outcome.next_attempt_at is None:
        raise LedgerError(f"delivery {outcome.delivery} is deferred without a time; it would wait for ever")


def _settlement(outcome: Outcome, row: AnyRow, was: DeliveryState, owner: str, now: datetime) -> dict[str, Any]:
    to, duplicate = outcome.state, bool(row.possible_duplicate)
    if to is DeliveryState.UNCERTAIN:
        to = after_uncertain(row.on_uncertain)
        duplicate = duplicate or to is DeliveryState.QUEUED
    return {
        "of_id": outcome.delivery,
        "by_owner": owner,
        "was": was.value,
        "to": to.value,
        "tried": row.attempts + outcome.counts,
        "next": micros(outcome.next_attempt_at or outcome.at) if to in WAITING else None,
        "reply_code": outcome.code,
        "reply_enhanced": outcome.enhanced,
        "reply_verdict": str(outcome.verdict),
        "reply_text": outcome.reply,
        "maybe_twice": duplicate,
        "now": micros(now),
    }


def _return(outcome: Outcome, was: DeliveryState, owner: str, now: datetime) -> dict[str, Any]:
    return {
        "of_id": outcome.delivery,
        "by_owner": owner,
        "was": was.value,
        "to": DeliveryState.QUEUED.value,
        "next": micros(outcome.next_attempt_at or outcome.at),
        "now": micros(now),
    }


def _attempt(outcome: Outcome) -> dict[str, Any]:
    return {
        "delivery_id": outcome.delivery,
        "at": micros(outcome.at),
        "state": outcome.state.value,
        "phase": str(outcome.phase),
        "code": outcome.code,
        "enhanced": outcome.enhanced,
        "verdict": str(outcome.verdict),
        "reply": outcome.reply,
        "duration_ms": outcome.duration_ms,
        "counts": outcome.counts,
    }


def _apply(connection: Connection, statement: Any, changes: Sequence[Mapping[str, Any]]) -> None:
    changed = run_many(connection, statement, changes)
    if changed != len(changes):
        # The rows were locked when they were looked at, so this is a defect: rather nothing than half of it.
        raise LedgerError(f"{len(changes) - changed} deliveries changed hands within one transaction")
