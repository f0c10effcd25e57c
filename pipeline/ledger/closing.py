"""A run ends when the last of its deliveries has, and is held where one waits for a person: the only place that
decides it."""

from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import Connection, bindparam, exists, func, or_, select, update

from pipeline.ledger.prepared import Prepared, look
from pipeline.ledger.records import Run
from pipeline.ledger.rows import to_run
from pipeline.ledger.schema import deliveries, runs
from pipeline.ledger.states import OPEN, DeliveryState, RunState, run_outcome

_LOCK = Prepared(
    select(runs.c.id, runs.c.state)
    .where(
        runs.c.id.in_(bindparam("ids", expanding=True)),
        or_(runs.c.state == RunState.QUEUED, runs.c.state == RunState.HELD),
    )
    .order_by(runs.c.id)
    .with_for_update()
)
_OPEN = Prepared(
    select(runs.c.id)
    .where(runs.c.id.in_(bindparam("ids", expanding=True)))
    .where(or_(*(exists().where(deliveries.c.run_id == runs.c.id, deliveries.c.state == one) for one in sorted(OPEN))))
)
_COUNTS = (
    select(deliveries.c.state, func.count()).where(deliveries.c.run_id == bindparam("run")).group_by(deliveries.c.state)
)
_CLOSE = (
    update(runs)
    .where(runs.c.id == bindparam("run"))
    .values(state=bindparam("outcome"), ended_at=bindparam("at"))
    .returning(runs)
)


def close_ended(connection: Connection, run_ids: Iterable[int], now: datetime) -> tuple[Run, ...]:
    """Closes those queued or held runs that have nothing open any more; the runs whose state it changed, as they are
    now.

    The rows are locked before the question is asked: of two transactions that end the last two deliveries,
    the second waits here and then sees what the first did. Call it last in a transaction.
    """
    ids = sorted(set(run_ids))
    if not ids:
        return ()
    locked = {run: RunState(state) for run, state in look(connection, _LOCK, ids)}
    if not locked:
        return ()
    still_open = {run for (run,) in look(connection, _OPEN, list(locked))}
    closed = (_close(connection, run, before, now) for run, before in locked.items() if run not in still_open)
    return tuple(run for run in closed if run is not None)


def _close(connection: Connection, run: int, before: RunState, now: datetime) -> Run | None:
    counts = {DeliveryState(state): count for state, count in connection.execute(_COUNTS, {"run": run})}
    outcome = run_outcome(counts)
    if outcome is before:
        return None
    at = None if outcome is RunState.HELD else now
    return to_run(connection.execute(_CLOSE, {"run": run, "outcome": outcome, "at": at}).one())
