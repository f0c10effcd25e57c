"""A run ends when the last of its deliveries has: the only place that decides it."""

from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import Connection, bindparam, exists, func, or_, select, update

from pipeline.ledger.prepared import look
from pipeline.ledger.records import Run
from pipeline.ledger.rows import to_run
from pipeline.ledger.schema import deliveries, runs
from pipeline.ledger.states import OPEN, DeliveryState, RunState, run_outcome

_LOCK = (
    select(runs.c.id)
    .where(runs.c.id.in_(bindparam("ids", expanding=True)), runs.c.state == bindparam("queued"))
    .order_by(runs.c.id)
    .with_for_update()
)
_OPEN = (
    select(runs.c.id)
    .where(runs.c.id.in_(bindparam("ids", expanding=True)))
    .where(or_(*(exists().where(deliveries.c.run_id == runs.c.id, deliveries.c.state == one) for one in sorted(OPEN))))
)
_COUNTS = (
    select(deliveries.c.state, func.count()).where(deliveries.c.run_id == bindparam("run")).group_by(deliveries.c.state)
)
_CLOSE = (
    update(runs)
    .where(runs.c.id == bindparam("run"), runs.c.state == RunState.QUEUED)
    .values(state=bindparam("outcome"), ended_at=bindparam("at"))
    .returning(runs)
)


def close_ended(connection: Connection, run_ids: Iterable[int], now: datetime) -> tuple[Run, ...]:
    """Closes those queued runs that have nothing open any more; the runs it closed, as they are now.

    The rows are locked before the question is asked: of two transactions that end the last two deliveries,
    the second waits here and then sees what the first did. Call it last in a transaction.
    """
    ids = sorted(set(run_ids))
    if not ids:
        return ()
    locked = [row.id for row in look(connection, _LOCK, ids, queued=RunState.QUEUED.value)]
    if not locked:
        return ()
    still_open = {row.id for row in look(connection, _OPEN, locked)}
    return tuple(_close(connection, run, now) for run in locked if run not in still_open)


def _close(connection: Connection, run: int, now: datetime) -> Run:
    counts = {DeliveryState(state): count for state, count in connection.execute(_COUNTS, {"run": run})}
    outcome = run_outcome(counts)
    return to_run(connection.execute(_CLOSE, {"run": run, "outcome": outcome, "at": now}).one())
