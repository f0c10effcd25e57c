"""What is too old to keep: whole runs that have ended, with their messages, and what then nothing refers to any more.

In small transactions, so that nobody waits for long. Never what is open, held or uncertain, and never what a later run
may ask for: each job's latest run, its latest that went out, that was built to its end, and that failed.
"""

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Column, ColumnElement, Connection, Engine, delete, exists, func, select

from pipeline.ledger.database import read, write
from pipeline.ledger.histories import forget_until
from pipeline.ledger.schema import UtcTime, artifacts, deliveries, enclosures, messages, origins, parts, runs
from pipeline.ledger.staging import remove_some
from pipeline.ledger.states import ABANDONED, DeliveryState, RunState

_PAGE = 500
_WENT_OUT = (RunState.DELIVERED, RunState.PARTLY_DELIVERED)
_ENDED = sorted({*_WENT_OUT, RunState.UNDELIVERED, *ABANDONED})
_KEPT = sorted(set(DeliveryState) - {
    DeliveryState.SENT, DeliveryState.FAILED, DeliveryState.EXPIRED, DeliveryState.SUPPRESSED, DeliveryState.CANCELLED,
    DeliveryState.STAGED,
})  # fmt: skip
"""A run with one of these is somebody's business still."""
_OF_RUN = select(runs.c.state, runs.c.job, runs.c.due, runs.c.variant)


@dataclass(frozen=True, slots=True)
class OldRun:
    """A run that may go, and what goes with it."""

    id: int
    key: str
    messages: int
    bytes: int
    """Of its messages' headers and bodies."""


class Pruning:
    """Removes what is old from one ledger. Safe beside everything that works on it."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def old_runs(self, before: datetime) -> Iterator[OldRun]:
        """Runs due before then that may go, in pages."""
        with read(self._engine) as connection:
            needed = _needed(connection)
        busy = exists().where(deliveries.c.run_id == runs.c.id, deliveries.c.state.in_(_KEPT))
        size = func.length(messages.c.headers) + func.length(messages.c.text) + func.length(messages.c.html)
        octets = select(func.coalesce(func.sum(size), 0)).where(messages.c.run_id == runs.c.id).scalar_subquery()
        query = (
            select(runs.c.id, runs.c.key, runs.c.job, runs.c.due, runs.c.variant, runs.c.messages, octets.label("size"))
            .where(runs.c.due < before, runs.c.ended_at < before, runs.c.state.in_(_ENDED), ~busy)
            .order_by(runs.c.id)
            .limit(_PAGE)
        )
        after = 0
        while True:
            with read(self._engine) as connection:
                page = connection.execute(query.where(runs.c.id > after)).all()
            for row in page:
                if row.variant or (row.job, row.due) not in needed:
                    yield OldRun(row.id, row.key, row.messages, int(row.size))
            if len(page) < _PAGE:
                return
            after = page[-1].id

    def remove(self, run: OldRun, stopping: Callable[[], bool] = lambda: False) -> bool:
        """Its messages some at a time, then itself; False where it is under way again, and stays, or it is `stopping`:
        then the next time goes on with it."""
        while not stopping():
            with write(self._engine) as connection:
                row = connection.execute(_OF_RUN.where(runs.c.id == run.id).with_for_update()).one_or_none()
                if row is None or row.state not in _ENDED:
                    return False
                if not remove_some(connection, run.id):
                    if not row.variant:
                        forget_until(connection, row.job, row.due)
                    connection.execute(delete(runs).where(runs.c.id == run.id))
                    return True
        return False

    def forget_files(self, stopping: Callable[[], bool] = lambda: False) -> int:
        """Removes rows of files that no message refers to any more; how many files those were."""
        self._in_steps(enclosures.c.id, ~exists().where(messages.c.enclosure_id == enclosures.c.id), stopping)
        return self._in_steps(artifacts.c.sha256, ~exists().where(parts.c.sha256 == artifacts.c.sha256), stopping)

    def unknown(self, names: Collection[str]) -> set[str]:
        """Those SHA-256 of which the ledger has no row; at most a page at once."""
        with read(self._engine) as connection:
            known = connection.execute(select(artifacts.c.sha256).where(artifacts.c.sha256.in_(names))).scalars()
            return set(names) - set(known)

    def _in_steps(self, name: Column[Any], unused: ColumnElement[bool], stopping: Callable[[], bool]) -> int:
        """What a build is about to name is locked by it, and passed over. What one has named since it was found to be
        unused is asked for again once it is locked, when no other can come in between."""
        find = select(name).where(unused).limit(_PAGE).with_for_update(skip_locked=True)
        removed = 0
        while not stopping():
            with write(self._engine) as connection:
                found = list(connection.execute(find).scalars())
                if found:
                    removed += connection.execute(delete(name.table).where(name.in_(found), unused)).rowcount
            if len(found) < _PAGE:
                break
        return removed


def _needed(connection: Connection) -> set[tuple[str, datetime]]:
    """(job, due time) of the runs that later ones, and people, look back at."""
    latest = select(runs.c.job, func.max(runs.c.due, type_=UtcTime)).where(runs.c.variant == "").group_by(runs.c.job)
    built = latest.join(origins, origins.c.run_id == runs.c.id)
    queries = (
        latest,
        latest.where(runs.c.state == RunState.FAILED),
        built,
        built.where(runs.c.state.in_([*_WENT_OUT, RunState.QUEUED])),
    )
    return {(job, due) for query in queries for job, due in connection.execute(query)}
