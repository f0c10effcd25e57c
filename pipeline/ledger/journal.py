"""The journal of deliveries: the intent before a final dot may be written, and the outcome after its
reply."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import Connection, bindparam, select, update

from pipeline.errors import IllegalTransitionError, LedgerError
from pipeline.ledger.closing import close_ended
from pipeline.ledger.prepared import Prepared, Values, change, look, run_many
from pipeline.ledger.records import Journaled, Outcome
from pipeline.ledger.schema import attempts, deliveries, micros, runs
from pipeline.ledger.states import DELIVERY_TRANSITIONS, ENDED, DeliveryState

SENDING = DeliveryState.SENDING
WAITING = (DeliveryState.QUEUED, DeliveryState.DEFERRED)
NOT_TAKEN = (*WAITING, SENDING)
"""What may be intended: also anew, by an owner that knows that its letter was not taken."""


class _Held(NamedTuple):
    """What the journal must know of a delivery that its owner has."""

    id: int
    run: int
    state: str
    attempts: int
    owner: str | None
    lease_until: int
    possible_duplicate: bool
    on_uncertain: str


_LOOK = Prepared(
    select(
        deliveries.c.id,
        deliveries.c.run_id,
        deliveries.c.state,
        deliveries.c.attempts,
        deliveries.c.owner,
        deliveries.c.lease_until,
        deliveries.c.possible_duplicate,
        runs.c.on_uncertain,
    )
    .join(runs, runs.c.id == deliveries.c.run_id)
    .where(deliveries.c.id.in_(bindparam("ids", expanding=True)))
    .order_by(deliveries.c.id)
    .with_for_update(of=deliveries)
)
_INTEND = Prepared(
    update(deliveries)
    .where(deliveries.c.id.in_(bindparam("ids", expanding=True)))
    .values(state=DeliveryState.SENDING.value, next_attempt_at=None, updated_at=bindparam("now")),
    "now",
)
_mine = (
    deliveries.c.id == bindparam("of_id"),
    deliveries.c.owner == bindparam("by_owner"),
    deliveries.c.state == bindparam("was"),
)
_SETTLE = Prepared(
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
    ),
    "of_id", "by_owner", "was", "to", "tried", "next",
    "reply_code", "reply_enhanced", "reply_verdict", "reply_text", "maybe_twice", "now",
)  # fmt: skip
_UNCERTAIN = select(deliveries.c.id).where(
    deliveries.c.id.in_(bindparam("ids", expanding=True)), deliveries.c.state == DeliveryState.UNCERTAIN
)
_GIVE_BACK = Prepared(
    update(deliveries)
    .where(*_mine)
    .values(
        state=DeliveryState.QUEUED.value,
        next_attempt_at=bindparam("next"),
        owner=None,
        lease_until=None,
        updated_at=bindparam("now"),
    ),
    "of_id", "by_owner", "was", "next", "now",
)  # fmt: skip
_TOLD = (
    "delivery_id", "at", "state", "phase", "code", "enhanced", "verdict", "reply", "duration_ms", "counts",
)  # fmt: skip
_ATTEMPT = Prepared(attempts.insert().inline().values({name: bindparam(name) for name in _TOLD}), *_TOLD)


def journal(
    connection: Connection, intents: Sequence[int], outcomes: Sequence[Outcome], owner: str, now: datetime
) -> Journaled:
    """Writes intents, then outcomes, of deliveries that the owner has claimed; see `Outbox.journal`."""
    at = micros(now)
    ours = _look(connection, intents, outcomes, owner)
    intended = _intend(connection, [ours[one] for one in dict.fromkeys(intents) if one in ours], at)
    states = {number: SENDING if number in intended else DeliveryState(held.state) for number, held in ours.items()}
    there = [outcome for outcome in outcomes if outcome.delivery in ours]
    kept = [outcome for outcome in there if not _is_stale(outcome, ours[outcome.delivery], states[outcome.delivery])]
    for outcome in kept:
        _refuse_illegal(outcome, states[outcome.delivery])
    tried = [outcome for outcome in kept if outcome.state is not DeliveryState.QUEUED]
    untried = [outcome for outcome in kept if outcome.state is DeliveryState.QUEUED]
    become = [_after(outcome, ours[outcome.delivery]) for outcome in tried]
    _apply(
        connection,
        _SETTLE,
        [
            _settlement(one, ours[one.delivery], states[one.delivery], to, owner, at)
            for one, to in zip(tried, become, strict=True)
        ],
    )
    _apply(connection, _GIVE_BACK, [_return(one, states[one.delivery], owner, at) for one in untried])
    run_many(connection, _ATTEMPT, [_attempt(outcome) for outcome in tried])
    late = _keep_late(connection, [outcome for outcome in outcomes if outcome.delivery not in ours])
    ended = {ours[one.delivery].run for one, to in zip(tried, become, strict=True) if to in ENDED}
    return Journaled(
        intended=intended,
        lost=(frozenset(intents) - intended) | ({o.delivery for o in outcomes} - {o.delivery for o in kept}),
        resent=frozenset(one.delivery for one, to in zip(tried, become, strict=True) if to is not one.state),
        ended=close_ended(connection, ended, now),
        late=late,
    )


def _keep_late(connection: Connection, outcomes: Sequence[Outcome]) -> frozenset[int]:
    """Answers of a server about deliveries that somebody has recovered as uncertain since.

    No state changes: the run may have ended by it, and its owner been told. But who looks whether the mail arrived
    finds the answer.
    """
    definite = {outcome.delivery: outcome for outcome in outcomes if outcome.code is not None}
    if not definite:
        return frozenset()
    found = frozenset(connection.execute(_UNCERTAIN, {"ids": list(definite)}).scalars())
    # What recovered it has charged the attempt.
    run_many(connection, _ATTEMPT, [_attempt(replace(definite[one], counts=False)) for one in sorted(found)])
    return found


def after_uncertain(on_uncertain: str) -> DeliveryState:
    """What becomes of a delivery whose outcome nobody can know: the run says."""
    return DeliveryState.QUEUED if on_uncertain == "resend" else DeliveryState.UNCERTAIN


def _look(connection: Connection, intents: Sequence[int], outcomes: Sequence[Outcome], owner: str) -> dict[int, _Held]:
    """Those of the deliveries that the owner has, locked."""
    ids = [outcome.delivery for outcome in outcomes]
    if len(set(ids)) < len(ids):
        raise LedgerError("a delivery has two outcomes in one batch; write the first before the second happens")
    # Whose they are is asked here: in the query it would let SQLite read all that the owner has, by its index.
    held = (_Held(*row) for row in look(connection, _LOOK, [*ids, *intents]))
    return {one.id: one for one in held if one.owner == owner}


def _intend(connection: Connection, ours: Sequence[_Held], at: int) -> frozenset[int]:
    free = [held.id for held in ours if held.state in NOT_TAKEN and held.lease_until > at]
    if free:
        _hold(change(connection, _INTEND, free, at), len(free))
    return frozenset(free)


def _is_stale(outcome: Outcome, held: _Held, state: DeliveryState) -> bool:
    """The answer to an intent that was recovered since, as a possible duplicate, and claimed by the same
    owner again: the owner slept past its lease. It is lost like any that comes too late."""
    answer = outcome.state in (DeliveryState.SENT, DeliveryState.UNCERTAIN)
    return answer and bool(held.possible_duplicate) and state in WAITING


def _refuse_illegal(outcome: Outcome, was: DeliveryState) -> None:
    if outcome.state not in DELIVERY_TRANSITIONS[was]:
        raise IllegalTransitionError(
            f'delivery {outcome.delivery} is "{was}" and cannot become "{outcome.state}"; nothing was written'
        )
    if outcome.state is DeliveryState.DEFERRED and outcome.next_attempt_at is None:
        raise LedgerError(f"delivery {outcome.delivery} is deferred without a time; it would wait for ever")


def _after(outcome: Outcome, held: _Held) -> DeliveryState:
    """What the delivery becomes."""
    uncertain = outcome.state is DeliveryState.UNCERTAIN
    return after_uncertain(held.on_uncertain) if uncertain else outcome.state


def _settlement(  # noqa: PLR0917 - handed on as they come
    outcome: Outcome, held: _Held, was: DeliveryState, to: DeliveryState, owner: str, at: int
) -> Values:
    """The values of `_SETTLE`."""
    again = outcome.state is DeliveryState.UNCERTAIN and to is DeliveryState.QUEUED
    return (
        outcome.delivery,
        owner,
        was.value,
        to.value,
        held.attempts + outcome.counts,
        micros(outcome.next_attempt_at or outcome.at) if to in WAITING else None,
        outcome.code,
        outcome.enhanced,
        str(outcome.verdict),
        outcome.reply,
        bool(held.possible_duplicate) or again,
        at,
    )


def _return(outcome: Outcome, was: DeliveryState, owner: str, at: int) -> Values:
    """The values of `_GIVE_BACK`."""
    return outcome.delivery, owner, was.value, micros(outcome.next_attempt_at or outcome.at), at


def _attempt(outcome: Outcome) -> Values:
    """The values of `_ATTEMPT`."""
    return (
        outcome.delivery,
        micros(outcome.at),
        outcome.state.value,
        str(outcome.phase),
        outcome.code,
        outcome.enhanced,
        str(outcome.verdict),
        outcome.reply,
        outcome.duration_ms,
        outcome.counts,
    )


def _apply(connection: Connection, prepared: Prepared, rows: Sequence[Values]) -> None:
    _hold(run_many(connection, prepared, rows), len(rows))


def _hold(changed: int, meant: int) -> None:
    if changed != meant:
        # The rows were locked when they were looked at, so this is a defect: rather nothing than half of it.
        raise LedgerError(f"{meant - changed} deliveries changed hands within one transaction")
