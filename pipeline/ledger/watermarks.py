"""Up to when the due times of each job have been handled: what came before has its rows in `runs`."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Engine, bindparam, select, update

from pipeline.ledger.conflicts import insert_new
from pipeline.ledger.database import read, write
from pipeline.ledger.schema import watermarks


class Watermarks:
    """One instant a job. It only ever moves forward, also when two schedulers move it."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def since(self, jobs: Sequence[str], now: datetime) -> dict[str, datetime]:
        """Job → the instant up to which it was handled. A job that is new here was handled up to `now`,
        durably."""
        found = self._read(jobs)
        new = [name for name in jobs if name not in found]
        if new:
            rows = [{"job": name, "handled_until": now} for name in sorted(new)]
            with write(self._engine) as connection:
                insert_new(connection, watermarks, rows, watermarks.c.job)
            found |= self._read(new)
        return found

    def put(self, jobs: Sequence[str], until: datetime) -> None:
        """All due times up to `until` have their rows."""
        if not jobs:
            return
        forward = (
            update(watermarks)
            .where(watermarks.c.job == bindparam("of_job"), watermarks.c.handled_until < until)
            .values(handled_until=until)
        )
        with write(self._engine) as connection:
            connection.execute(forward, [{"of_job": name} for name in sorted(jobs)])

    def _read(self, jobs: Sequence[str]) -> dict[str, datetime]:
        wanted = set(jobs)
        with read(self._engine) as connection:
            rows = connection.execute(select(watermarks)).all()
        return {row.job: row.handled_until for row in rows if row.job in wanted}
