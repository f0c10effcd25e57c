"""From when on the ledger knows of all of a job's runs: what was due before may have run, and its row is pruned."""

from datetime import datetime, timedelta

from sqlalchemy import Connection, Engine, select, update

from pipeline.ledger.conflicts import insert_new
from pipeline.ledger.database import read
from pipeline.ledger.schema import histories

_TICK = timedelta(microseconds=1)


def forget_until(connection: Connection, job: str, due: datetime) -> None:
    """The row of this due time goes, in the same transaction; the history begins after it, or later."""
    begins = due + _TICK
    insert_new(connection, histories, [{"job": job, "begins_at": begins}])
    mine = (histories.c.job == job) & (histories.c.begins_at < begins)
    connection.execute(update(histories).where(mine).values(begins_at=begins))


def history_begins(engine: Engine, job: str) -> datetime | None:
    """None where nothing of it was ever pruned."""
    with read(engine) as connection:
        begins: datetime | None = connection.execute(
            select(histories.c.begins_at).where(histories.c.job == job)
        ).scalar()
    return begins
