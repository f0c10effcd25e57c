"""What all machines on one ledger must agree about: the first who says it is right."""

from sqlalchemy import Engine, select

from pipeline.ledger.conflicts import insert_new
from pipeline.ledger.database import read, write
from pipeline.ledger.schema import marks


class Marks:
    """Names with one value each, never changed. Safe to share between threads."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def find(self, name: str) -> str | None:
        with read(self._engine) as connection:
            return connection.execute(select(marks.c.value).where(marks.c.name == name)).scalar()

    def agree(self, name: str, value: str) -> str:
        """Says it, if nobody has; what was said first."""
        with write(self._engine) as connection:
            insert_new(connection, marks, [{"name": name, "value": value}], marks.c.name)
            found: str = connection.execute(select(marks.c.value).where(marks.c.name == name)).scalar_one()
        return found
