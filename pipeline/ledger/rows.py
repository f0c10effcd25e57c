"""Rows become records here; the queries that several modules share."""

from typing import Any, TypeAlias

from sqlalchemy import Row, Select, case, select

from pipeline.ledger.records import Attempt, Delivery, Run, RunKey, Terms
from pipeline.ledger.schema import deliveries, messages, runs
from pipeline.ledger.states import UNSENDABLE, DeliveryState, RunState

AnyRow: TypeAlias = Row[*tuple[Any, ...]]
"""A row of any query."""

delivery_state = case(
    (
        runs.c.state.in_(sorted(UNSENDABLE)) & (deliveries.c.state == DeliveryState.QUEUED),
        DeliveryState.STAGED,
    ),
    else_=deliveries.c.state,
)
"""A delivery's state as people read it: what is stored as queued is staged until its run is queued."""

DELIVERIES: Select[Any] = (
    select(
        deliveries,
        runs.c.key,
        runs.c.job,
        messages.c.message_id.label("rfc_message_id"),
        delivery_state.label("visible_state"),
    )
    .join(runs, runs.c.id == deliveries.c.run_id)
    .join(messages, messages.c.id == deliveries.c.message_id)
)
"""All that a `Delivery` is made of."""


def to_run(row: AnyRow) -> Run:
    """A row of `runs`."""
    return Run(
        key=RunKey(row.job, row.due, row.variant),
        state=RunState(row.state),
        reason=row.reason,
        period_start=row.period_start,
        period_end=row.period_end,
        messages=row.messages,
        deliveries=row.deliveries,
        created_at=row.created_at,
        started_at=row.started_at,
        ended_at=row.ended_at,
        builds=row.builds,
        not_before=row.not_before,
    )


def to_terms(row: AnyRow) -> Terms:
    """The terms of a queued run."""
    return Terms(
        mailer=row.mailer,
        expires_at=row.expires_at,
        priority=row.priority,
        retry_seconds=tuple(row.retry_seconds),
        on_uncertain=row.on_uncertain,
    )


def to_delivery(row: AnyRow) -> Delivery:
    """A row of `DELIVERIES`."""
    return Delivery(
        id=row.id,
        message=row.message_id,
        run=row.key,
        job=row.job,
        message_id=row.rfc_message_id,
        recipient=row.recipient,
        state=DeliveryState(row.visible_state),
        attempts=row.attempts,
        next_attempt_at=row.next_attempt_at,
        code=row.code,
        enhanced=row.enhanced,
        verdict=row.verdict,
        reply=row.reply,
        possible_duplicate=row.possible_duplicate,
        updated_at=row.updated_at,
    )


def to_attempt(row: AnyRow) -> Attempt:
    """A row of `attempts`."""
    return Attempt(
        delivery=row.delivery_id,
        at=row.at,
        state=DeliveryState(row.state),
        phase=row.phase,
        code=row.code,
        enhanced=row.enhanced,
        verdict=row.verdict,
        reply=row.reply,
        duration_ms=row.duration_ms,
        counts=row.counts,
    )
