"""What nobody works on any more: claims of the dead, intents without an outcome, messages past their time."""

from collections import Counter
from collections.abc import Collection
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, bindparam, select, update

from pipeline.ledger import metering
from pipeline.ledger.closing import close_ended
from pipeline.ledger.journal import WAITING, after_uncertain
from pipeline.ledger.records import Delivery, Swept
from pipeline.ledger.rows import DELIVERIES, AnyRow, to_delivery
from pipeline.ledger.schema import attempts, deliveries, runs
from pipeline.ledger.states import DeliveryState, RunState

_FREE = (
    update(deliveries)
    .where(deliveries.c.id.in_(bindparam("ids", expanding=True)), deliveries.c.state.in_(WAITING))
    .values(owner=None, lease_until=None)
)
_SETTLE = (
    update(deliveries)
    .where(deliveries.c.id == bindparam("of_id"), deliveries.c.state == DeliveryState.SENDING)
    .values(
        state=bindparam("to"),
        next_attempt_at=bindparam("next"),
        owner=None,
        lease_until=None,
        attempts=deliveries.c.attempts + 1,
        code=None,
        enhanced="",
        verdict="AMBIGUOUS",
        reply=bindparam("said"),
        possible_duplicate=bindparam("maybe_twice"),
        updated_at=bindparam("now"),
    )
)
_OVERDUE = (
    select(deliveries.c.id)
    .join(runs, runs.c.id == deliveries.c.run_id)
    .where(
        runs.c.state == RunState.QUEUED,
        runs.c.expires_at <= bindparam("now"),
        deliveries.c.owner.is_(None),
        deliveries.c.next_attempt_at.is_not(None),
    )
    # In no order: each step would sort all that is overdue for its part of it.
    .limit(bindparam("most"))
    .with_for_update(of=deliveries, skip_locked=True)
)
_EXPIRE = (
    update(deliveries)
    .where(deliveries.c.id.in_(bindparam("ids", expanding=True)), deliveries.c.state.in_(WAITING))
    .values(state=DeliveryState.EXPIRED, next_attempt_at=None, updated_at=bindparam("now"))
)


def recover(
    connection: Connection, now: datetime, dead: Collection[str], limit: int, living: Collection[str] = ()
) -> Swept:
    """Takes up to `limit` deliveries from owners that are gone; see `Outbox.recover`."""
    over = (deliveries.c.lease_until <= now) & deliveries.c.owner.not_in(sorted(living))
    gone = over | deliveries.c.owner.in_(sorted(dead))
    rows = connection.execute(
        select(deliveries.c.id, deliveries.c.state, deliveries.c.owner, deliveries.c.run_id, runs.c.on_uncertain)
        .add_columns(deliveries.c.possible_duplicate, runs.c.mailer)
        .join(runs, runs.c.id == deliveries.c.run_id)
        .where(deliveries.c.owner.is_not(None), gone)
        .order_by(deliveries.c.owner, deliveries.c.id)  # by owner first: in the order of the index of owned ones
        .limit(limit)
        .with_for_update(of=deliveries, skip_locked=True)
    ).all()
    unsent = [row.id for row in rows if row.state != DeliveryState.SENDING]
    if unsent:
        connection.execute(_FREE, {"ids": unsent})
    unknown = [row for row in rows if row.state == DeliveryState.SENDING]
    if not unknown:
        return Swept((), (), more=len(rows) == limit)
    connection.execute(_SETTLE, [_settlement(row, now) for row in unknown])
    connection.execute(attempts.insert(), [_attempt(row, now) for row in unknown])
    metering.charge_dead(connection, Counter(row.mailer for row in unknown), now)
    ended = close_ended(connection, (row.run_id for row in unknown), now)
    return Swept(_read(connection, [row.id for row in unknown]), ended, more=len(rows) == limit)


def expire(connection: Connection, now: datetime, limit: int) -> Swept:
    """Ends up to `limit` waiting deliveries whose run's time is over; see `Outbox.expire`."""
    ids = list(connection.execute(_OVERDUE, {"now": now, "most": limit}).scalars())
    if not ids:
        return Swept((), ())
    connection.execute(_EXPIRE, {"ids": ids, "now": now})
    touched = connection.execute(select(deliveries.c.run_id).where(deliveries.c.id.in_(ids)).distinct()).scalars()
    ended = close_ended(connection, touched, now)
    return Swept(_read(connection, ids), ended, more=len(ids) == limit)


def _said(row: AnyRow) -> str:
    return f"the process that was sending it ({row.owner}) ended before the outcome was known"


def _settlement(row: AnyRow, now: datetime) -> dict[str, Any]:
    to = after_uncertain(row.on_uncertain)
    again = to is DeliveryState.QUEUED
    return {
        "of_id": row.id,
        "to": to,
        "next": now if again else None,
        "said": _said(row),
        "maybe_twice": row.possible_duplicate or again,
        "now": now,
    }


def _attempt(row: AnyRow, now: datetime) -> dict[str, Any]:
    return {
        "delivery_id": row.id,
        "at": now,
        "state": DeliveryState.UNCERTAIN,
        "phase": "dot",
        "code": None,
        "enhanced": "",
        "verdict": "AMBIGUOUS",
        "reply": _said(row),
        "duration_ms": 0,
        "counts": True,
    }


def _read(connection: Connection, ids: Collection[int]) -> tuple[Delivery, ...]:
    rows = connection.execute(DELIVERIES.where(deliveries.c.id.in_(ids)).order_by(deliveries.c.id))
    return tuple(to_delivery(row) for row in rows)
