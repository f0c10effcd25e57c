"""Who may work on which deliveries, and until when: claims, their leases, and what is left to claim.

A claimed delivery keeps its state and has an owner and a lease; with them it leaves the index of waiting
ones, so that a claim costs what it claims, however much waits or was ever sent.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Update, bindparam, select, update

from pipeline.ledger import enclosures
from pipeline.ledger.limits import EVERYTHING, Room
from pipeline.ledger.records import Claim, Delivery, Letter
from pipeline.ledger.rows import AnyRow, delivery, to_terms
from pipeline.ledger.schema import deliveries, messages, runs
from pipeline.ledger.states import DeliveryState, RunState
from pipeline.ledger.turns import first_due, has_due, next_runs

_waiting = deliveries.alias("waiting")
_MAILERS = select(runs.c.mailer).where(has_due()).distinct()
_NEXT = select(runs.c.expires_at, first_due().label("first")).where(
    runs.c.state == RunState.QUEUED, runs.c.mailer == bindparam("mailer"), first_due().is_not(None)
)
_LARGE = 1_000_000
"""More recipients than a message has."""


def _claim(*conditions: ColumnElement[bool]) -> Update:
    picked = (
        select(_waiting.c.id)
        .where(_waiting.c.owner.is_(None), _waiting.c.next_attempt_at <= bindparam("now"), *conditions)
        .order_by(_waiting.c.next_attempt_at, _waiting.c.id)
        .limit(bindparam("most"))
        .with_for_update(skip_locked=True)
        .cte("picked")  # because PostgreSQL may run a plain subquery with a limit more than once
    )
    return (
        update(deliveries)
        .where(deliveries.c.id.in_(select(picked.c.id)))
        .values(owner=bindparam("by_owner"), lease_until=bindparam("until"))
        .returning(deliveries)
    )


_CLAIM = _claim(_waiting.c.run_id == bindparam("run"))
_CLAIM_REST = _claim(_waiting.c.message_id == bindparam("message"))
_MESSAGES = select(messages).where(messages.c.id.in_(bindparam("ids", expanding=True)))


def claim(
    connection: Connection,
    mailer: str,
    owner: str,
    *,
    now: datetime,
    until: datetime,
    limit: int,
    after: str = "",
    room: Room = EVERYTHING,
) -> list[Claim]:
    """Takes up to `limit` messages that are due, with all of their deliveries that are due.

    The jobs of the best priority share the limit and take turns, beginning behind `after`. Where there is not room
    for all recipients of a message, it takes some of them.
    """
    claims: list[Claim] = []
    several, one = (_LARGE if most is None else most for most in (room.of_several, room.of_one))
    terms = {"by_owner": owner, "until": until, "now": now}
    progress = True
    while progress and (left := min(limit - len(claims), several)) > 0:
        found = next_runs(connection, mailer, now, left, after)
        progress = False
        share = -(-left // max(1, len(found)))
        for run in found:
            most = min(share, limit - len(claims), several)
            if most <= 0:
                break
            taken = _take(connection, {**terms, "run": run.id, "most": most}, one)
            claims += _with_letters(connection, run, taken)
            several, one = several - len(taken), one - len(taken)
            progress = progress or bool(taken)
            after = run.job
    return claims


def _take(connection: Connection, values: dict[str, Any], room: int) -> list[AnyRow]:
    rows = list(connection.execute(_CLAIM, values).all())
    rows.sort(key=lambda row: (row.next_attempt_at, row.id))
    if len(rows) == values["most"] < room:  # the limit may have cut the last message in two
        whole = {**values, "message": rows[-1].message_id, "most": room - len(rows)}
        rows += sorted(connection.execute(_CLAIM_REST, whole).all(), key=lambda row: row.id)
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
