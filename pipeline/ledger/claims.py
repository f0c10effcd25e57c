"""Who may work on which deliveries, and until when: claims, their leases, and what is left to claim.

A claimed delivery keeps its state and has an owner and a lease; with them it leaves the index of waiting
ones, so that a claim costs what it claims, however much waits or was ever sent.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import ColumnElement, Connection, bindparam, select, update

from pipeline.ledger import enclosures
from pipeline.ledger.limits import Room
from pipeline.ledger.prepared import Prepared, Values, fetch, look
from pipeline.ledger.records import Claim, Delivery, Letter
from pipeline.ledger.schema import deliveries, instant, messages, micros, runs
from pipeline.ledger.states import DeliveryState, RunState
from pipeline.ledger.turns import Turn, first_due, next_runs
from pipeline.ledger.ways import Asking

_waiting = deliveries.alias("waiting")
_NEXT = select(runs.c.expires_at, first_due().label("first")).where(
    runs.c.state == RunState.QUEUED, runs.c.mailer == bindparam("mailer"), first_due().is_not(None)
)
_LARGE = 1_000_000
"""More recipients than a message has."""


class _Taken(NamedTuple):
    """What a claim tells of a delivery."""

    id: int
    message_id: int
    recipient: str
    state: str
    attempts: int
    next_attempt_at: int
    code: int | None
    enhanced: str
    verdict: str
    reply: str
    possible_duplicate: bool
    updated_at: int


def _claim(condition: ColumnElement[bool], of: str) -> Prepared:
    picked = (
        select(_waiting.c.id)
        .where(_waiting.c.owner.is_(None), _waiting.c.next_attempt_at <= bindparam("now"), condition)
        .order_by(_waiting.c.next_attempt_at, _waiting.c.id)
        .limit(bindparam("most"))
        .with_for_update(skip_locked=True)
        .cte("picked")  # because PostgreSQL may run a plain subquery with a limit more than once
    )
    change = (
        update(deliveries)
        .where(deliveries.c.id.in_(select(picked.c.id)))
        .values(owner=bindparam("by_owner"), lease_until=bindparam("until"))
        .returning(*(deliveries.c[name] for name in _Taken._fields))
    )
    return Prepared(change, of, "most", "now", "by_owner", "until")


_CLAIM = _claim(_waiting.c.run_id == bindparam("run"), "run")
_CLAIM_REST = _claim(_waiting.c.message_id == bindparam("message"), "message")
_MESSAGES = Prepared(
    select(
        messages.c.id,
        messages.c.enclosure_id,
        messages.c.message_id,
        messages.c.sender,
        messages.c.headers,
        messages.c.text,
        messages.c.html,
        messages.c.subject,
    ).where(messages.c.id.in_(bindparam("ids", expanding=True)))
)


def claim(connection: Connection, asking: Asking, room: Room) -> list[Claim]:
    """Takes up to `asking.limit` messages that are due, with all of their deliveries that are due.

    The jobs of the best priority share the limit and take turns, beginning behind `asking.after`. Where there is not
    room for all recipients of a message, it takes some of them.
    """
    claims: list[Claim] = []
    several, one = (_LARGE if most is None else most for most in (room.of_several, room.of_one))
    times_and_owner = micros(asking.now), asking.owner, micros(asking.until)
    after = asking.after
    progress = True
    while progress and (left := min(asking.limit - len(claims), several)) > 0:
        found = next_runs(connection, asking.mailer, asking.now, left, after)
        progress = False
        share = -(-left // max(1, len(found)))
        for run in found:
            most = min(share, asking.limit - len(claims), several)
            if most <= 0:
                break
            taken = _take(connection, run.id, most, one, times_and_owner)
            claims += _with_letters(connection, run, taken)
            several, one = several - len(taken), one - len(taken)
            progress = progress or bool(taken)
            after = run.job
    return claims


def _take(connection: Connection, number: int, most: int, room: int, common: Values) -> list[_Taken]:
    found = map(_Taken._make, fetch(connection, _CLAIM, number, most, *common))
    rows = sorted(found, key=lambda taken: (taken.next_attempt_at, taken.id))
    if len(rows) == most < room:  # the limit may have cut the last message in two
        rest = fetch(connection, _CLAIM_REST, rows[-1].message_id, room - most, *common)
        rows += map(_Taken._make, sorted(rest))
    return rows


def _with_letters(connection: Connection, run: Turn, taken: Sequence[_Taken]) -> list[Claim]:
    by_message: dict[int, list[_Taken]] = {}
    for one in taken:
        by_message.setdefault(one.message_id, []).append(one)
    if not by_message:
        return []
    found = {number: rest for number, *rest in look(connection, _MESSAGES, list(by_message))}
    parts = enclosures.load(connection, {enclosure for enclosure, *_ in found.values()} - {None})
    claims = []
    for number, mine in by_message.items():
        enclosure, message_id, sender, headers, text, html, subject = found[number]
        people = tuple(one.recipient for one in mine)
        letter = Letter(message_id, sender, people, headers, text, html, parts.get(enclosure, ()), subject)
        claimed = tuple(_delivery(one, run.key, run.job, message_id) for one in mine)
        claims.append(Claim(number, run.key, run.job, letter, run.terms, claimed))
    return claims


def _delivery(taken: _Taken, run: str, job: str, message_id: str) -> Delivery:
    return Delivery(
        taken.id,
        taken.message_id,
        run,
        job,
        message_id,
        taken.recipient,
        DeliveryState(taken.state),
        taken.attempts,
        instant(taken.next_attempt_at),
        taken.code,
        taken.enhanced,
        taken.verdict,
        taken.reply,
        bool(taken.possible_duplicate),
        instant(taken.updated_at),
    )


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


def next_due(connection: Connection, mailer: str, now: datetime) -> datetime | None:
    """The next instant, not before `now`, at which a waiting delivery is due or expires; None: nothing
    waits."""
    times = [min(row.first, row.expires_at) for row in connection.execute(_NEXT, {"mailer": mailer})]
    return max(now, min(times)) if times else None
