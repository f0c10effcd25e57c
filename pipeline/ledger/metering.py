"""What was sent through a mailer, kept for its limits: written in the transactions that hand letters out and take
outcomes in.

A mailer without limits leaves nothing here. What was sent before it had some is counted once from the attempts, when a
process begins to work for it (`begin`).
"""

from collections.abc import Iterable, Mapping
from datetime import datetime

from sqlalchemy import BigInteger, Connection, bindparam, cast, delete, func, literal_column, select
from sqlalchemy.dialects import postgresql, sqlite

from pipeline.ledger.conflicts import insert_new
from pipeline.ledger.limits import DAY, HOUR, MINUTE, Pace, frees_at, used_in
from pipeline.ledger.schema import attempts, deliveries, instant, micros, paces, runs, usage
from pipeline.ledger.ways import Limits, Usage

_KEPT = DAY + 2 * MINUTE
_MINUTE = 60_000_000
_PACE = select(paces).where(paces.c.mailer == bindparam("of_mailer")).with_for_update()
_IN_HAND = (
    select(func.count())
    .select_from(deliveries)
    .join(runs, runs.c.id == deliveries.c.run_id)
    .where(deliveries.c.owner.is_not(None), runs.c.mailer == bindparam("of_mailer"))
)
_USED = select(usage.c.minute, usage.c.recipients).where(
    usage.c.mailer == bindparam("of_mailer"), usage.c.minute > bindparam("since")
)
_METERED = select(paces.c.mailer).where(paces.c.mailer.in_(bindparam("names", expanding=True)))
_at = cast(attempts.c.at, BigInteger)
_its_minute = _at - _at % literal_column(str(_MINUTE))  # written out: PostgreSQL must see that both are the same
_ATTEMPTED = (
    select(_its_minute.label("minute"), func.count().label("recipients"))
    .select_from(runs)
    .join(deliveries, deliveries.c.run_id == runs.c.id)
    .join(attempts, attempts.c.delivery_id == deliveries.c.id)
    .where(
        runs.c.mailer == bindparam("of_mailer"),
        (runs.c.ended_at.is_(None)) | (runs.c.ended_at > bindparam("since")),
        attempts.c.at > bindparam("since"),
    )
    .group_by(_its_minute)
)


def lock(connection: Connection, mailer: str) -> Pace:
    """The mailer's pace; whoever else wants to hand out its letters waits until the transaction's end."""
    row = connection.execute(_PACE, {"of_mailer": mailer}).one_or_none()
    if row is None:
        insert_new(connection, paces, [{"mailer": mailer, "next_at": None, "recent": []}])
        row = connection.execute(_PACE, {"of_mailer": mailer}).one()
    return Pace(row.next_at, tuple((instant(at), count) for at, count in row.recent))


def keep(connection: Connection, mailer: str, pace: Pace) -> None:
    """The mailer's new pace."""
    recent = [[micros(at), count] for at, count in pace.recent]
    connection.execute(paces.update().where(paces.c.mailer == mailer).values(next_at=pace.next_at, recent=recent))


def in_hand(connection: Connection, mailer: str) -> int:
    """Recipients that workers hold. To be read before `used`: an outcome in between counts twice, never not at all."""
    return int(connection.execute(_IN_HAND, {"of_mailer": mailer}).scalar_one())


def used(connection: Connection, mailer: str, now: datetime) -> dict[datetime, int]:
    """Minute → recipients, of the last day."""
    rows = connection.execute(_USED, {"of_mailer": mailer, "since": now - _KEPT})
    return {row.minute: row.recipients for row in rows}


def charge(connection: Connection, mailer: str, recipients: int, now: datetime) -> None:
    """Counts attempts that have an outcome, whatever it is: some providers count what they refuse."""
    if recipients:
        _add(connection, {mailer: recipients}, now)


def charge_dead(connection: Connection, mailers: Mapping[str, int], now: datetime) -> None:
    """Counts what dead workers may have sent, for those mailers that have limits."""
    metered = connection.execute(_METERED, {"names": list(mailers)}).scalars()
    _add(connection, {name: mailers[name] for name in sorted(metered)}, now)


def begin(connection: Connection, mailer: str, now: datetime) -> None:
    """Counts what the attempts know of the last day and the meter does not: it was sent while there were no limits."""
    lock(connection, mailer)
    connection.execute(delete(usage).where(usage.c.mailer == mailer, usage.c.minute <= now - _KEPT))
    found = connection.execute(_ATTEMPTED, {"of_mailer": mailer, "since": now - _KEPT})
    known = used(connection, mailer, now)
    missing = {row.minute: row.recipients - known.get(instant(row.minute), 0) for row in found}
    rows = [
        {"mailer": mailer, "minute": instant(minute), "recipients": count}
        for minute, count in missing.items()
        if count > 0
    ]
    _upsert(connection, rows)


def summary(connection: Connection, mailer: str, limits: Limits, now: datetime) -> Usage:
    """How much of the limits is used, for people."""
    held = in_hand(connection, mailer)
    minutes = used(connection, mailer, now)
    hour, day = (used_in(window, minutes, now) for window in (HOUR, DAY))
    full = [
        frees_at(limit - held, window, counted, now)
        for limit, window, counted in ((limits.per_hour, HOUR, hour), (limits.per_day, DAY, day))
        if limit and sum(counted.values()) + held >= limit
    ]
    return Usage(sum(hour.values()), sum(day.values()), held, max(full, default=None))


def _add(connection: Connection, mailers: Mapping[str, int], now: datetime) -> None:
    minute = instant(micros(now) // _MINUTE * _MINUTE)
    _upsert(connection, ({"mailer": name, "minute": minute, "recipients": n} for name, n in mailers.items()))


def _upsert(connection: Connection, rows: Iterable[Mapping[str, object]]) -> None:
    values = list(rows)
    if not values:
        return
    insert = (postgresql if connection.dialect.name == "postgresql" else sqlite).insert(usage)
    summed = usage.c.recipients + insert.excluded.recipients
    statement = insert.on_conflict_do_update(index_elements=["mailer", "minute"], set_={"recipients": summed})
    connection.execute(statement, values)
