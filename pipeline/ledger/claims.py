"""Who may work on which deliveries, and until when: claims, their leases, and what is left to claim.

A claimed delivery keeps its state and has an owner and a lease; with them it leaves the index of waiting
ones, so that a claim costs what it claims, however much waits or was ever sent.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Update, bindparam, func, select, update

from pipeline.ledger import enclosures
from pipeline.ledger.records import Claim, Delivery, Letter
from pipeline.ledger.rows import AnyRow, delivery, to_terms
from pipeline.ledger.schema import UtcTime, deliveries, messages, runs
from pipeline.ledger.states import DeliveryState, RunState

_waiting = deliveries.alias("waiting")

# A scalar of its own for each run, never a join: the planner has no choice but to look into the index once a
# run.
_first_due = (
    select(func.min(_waiting.c.next_attempt_at, type_=UtcTime))
    .where(_waiting.c.run_id == runs.c.id, _waiting.c.owner.is_(None), _waiting.c.next_attempt_at.is_not(None))
    .scalar_subquery()
)
_has_due: tuple[ColumnElement[bool], ...] = (
    runs.c.state == RunState.QUEUED,
    runs.c.expires_at > bindparam("now"),
    _first_due <= bindparam("now"),
)
_RUNS = (
    select(runs)
    .where(runs.c.mailer == bindparam("mailer"), *_has_due)
    .order_by(runs.c.priority, runs.c.due, runs.c.id)
    .limit(bindparam("most"))
)
_MAILERS = select(runs.c.mailer).where(*_has_due).distinct()
_NEXT = select(runs.c.expires_at, _first_due.label("first")).where(
    runs.c.state == RunState.QUEUED, runs.c.mailer == bindparam("mailer"), _first_due.is_not(None)
)


def _claim(*conditions: ColumnElement[bool], limited: bool) -> Update:
    due = (
        select(_waiting.c.id)
        .where(_waiting.c.owner.is_(None), _waiting.c.next_attempt_at <= bindparam("now"), *conditions)
        .order_by(_waiting.c.next_attempt_at, _waiting.c.id)
        .with_for_update(skip_locked=True)
    )
    # A common table expression, because PostgreSQL may run a plain subquery with a limit more than once.
    picked = (due.limit(bindparam("most")) if limited else due).cte("picked")
    return (
        update(deliveries)
        .where(deliveries.c.id.in_(select(picked.c.id)))
        .values(owner=bindparam("by_owner"), lease_until=bindparam("until"))
        .returning(deliveries)
    )


_CLAIM = _claim(_waiting.c.run_id == bindparam("run"), limited=True)
_CLAIM_REST = _claim(_waiting.c.message_id == bindparam("message"), limited=False)
_MESSAGES = select(messages).where(messages.c.id.in_(bindparam("ids", expanding=True)))


def claim(
    connection: Connection, mailer: str, owner: str, *, now: datetime, until: datetime, limit: int
) -> list[Claim]:
    """Takes up to `limit` messages that are due, with all of their deliveries that are due."""
    claims: list[Claim] = []
    for run in connection.execute(_RUNS, {"mailer": mailer, "now": now, "most": limit}).all():
        if len(claims) >= limit:
            break
        terms = {"by_owner": owner, "until": until, "now": now, "most": limit - len(claims)}
        taken = _take(connection, {**terms, "run": run.id})
        claims += _with_letters(connection, run, taken)
    return claims


def _take(connection: Connection, values: dict[str, Any]) -> list[AnyRow]:
    rows = list(connection.execute(_CLAIM, values).all())
    rows.sort(key=lambda row: (row.next_attempt_at, row.id))
    if len(rows) == values["most"]:  # the limit may have cut the last message in two
        rest = connection.execute(_CLAIM_REST, {**values, "message": rows[-1].message_id}).all()
        rows += sorted(rest, key=lambda row: row.id)
    return rows


def _with_letters(connection: Connection, run: AnyRow, taken: Sequence[AnyRow]) -> list[Claim]:
    by_message: dict[int, list[AnyRow]] = {}
    for row in taken:
        by_message.setdefault(row.message_id, []).append(row)
    if not by_message:
        return []
    found = {row.id: row for row in connection.execute(_MESSAGES, {"ids": list(by_message)})}
    parts = enclosures.load(connection, {row.enclosure_id for row in found.values()} - {None})
    terms = to_terms(run)
    return [
        Claim(
            message=number,
            run=run.key,
            job=run.job,
            letter=_letter(found[number], rows, parts.get(found[number].enclosure_id, ())),
            terms=terms,
            deliveries=tuple(_delivery(row, run, found[number].message_id) for row in rows),
        )
        for number, rows in by_message.items()
    ]


def _letter(message: AnyRow, rows: Sequence[AnyRow], parts: enclosures.Parts) -> Letter:
    return Letter(
        message_id=message.message_id,
        sender=message.sender,
        recipients=tuple(row.recipient for row in rows),
        headers=message.headers,
        text=message.text,
        html=message.html,
        parts=parts,
        subject=message.subject,
    )


def _delivery(row: AnyRow, run: AnyRow, message_id: str) -> Delivery:
    return delivery(row, run.key, run.job, message_id, DeliveryState(row.state))


# --- leases -------------------------------------------------------------------------------------------------

_RELEASE = (
    update(deliveries)
    .where(deliveries.c.owner == bindparam("by_owner"), deliveries.c.state != DeliveryState.SENDING)
    .values(owner=None, lease_until=None)
)
_EXTEND = update(deliveries).where(deliveries.c.owner == bindparam("by_owner")).values(lease_until=bindparam("until"))


def release(connection: Connection, owner: str) -> int:
    """Gives back what the owner claimed and did not begin to send."""
    return connection.execute(_RELEASE, {"by_owner": owner}).rowcount


def extend(connection: Connection, owner: str, until: datetime) -> int:
    """Moves the end of all of the owner's leases."""
    return connection.execute(_EXTEND, {"by_owner": owner, "until": until}).rowcount


def owners(connection: Connection) -> set[str]:
    """Who holds claims."""
    query = select(deliveries.c.owner).where(deliveries.c.owner.is_not(None)).distinct()
    return set(connection.execute(query).scalars())


# --- what is left -------------------------------------------------------------------------------------------


def mailers_with_work(connection: Connection, now: datetime) -> list[str]:
    """Mailers for which a claim would find something."""
    return sorted(connection.execute(_MAILERS, {"now": now}).scalars())


def next_due(connection: Connection, mailer: str, now: datetime) -> datetime | None:
    """The next instant, not before `now`, at which a waiting delivery is due or expires; None: nothing
    waits."""
    times = [min(row.first, row.expires_at) for row in connection.execute(_NEXT, {"mailer": mailer})]
    return max(now, min(times)) if times else None
