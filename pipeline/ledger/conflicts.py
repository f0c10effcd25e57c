"""INSERT … ON CONFLICT DO NOTHING: the one statement that SQLAlchemy spells differently for each database."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Column, Connection, Table
from sqlalchemy.dialects import postgresql, sqlite


def insert_new(
    connection: Connection, table: Table, rows: Sequence[dict[str, Any]], returning: Column[Any] | None = None
) -> set[Any]:
    """Inserts the rows that no unique constraint forbids; the values of `returning` in those that were new.

    A row that another transaction is inserting is waited for. Give rows in a fixed order, lest two wait for
    each other.
    """
    insert = (postgresql if connection.dialect.name == "postgresql" else sqlite).insert(table)
    statement = insert.on_conflict_do_nothing()
    if returning is None:
        connection.execute(statement, rows)
        return set()
    return set(connection.execute(statement.returning(returning), rows).scalars())
