"""Many rows into one table, with nothing between them and the driver: SQLAlchemy would look at every value."""

from collections.abc import Sequence
from itertools import chain
from typing import Any

from sqlalchemy import Connection, Table

_VALUES = 900
"""The most in one statement: every SQLite takes 999."""


def insert_rows(connection: Connection, table: Table, columns: Sequence[str], rows: Sequence[tuple[Any, ...]]) -> None:
    """Values as the driver stores them, in the order of `columns`: bytes, and whole microseconds for times.

    Many rows a statement, because SQLite's driver takes Python's lock back after each: beside a thread that computes
    it waits for its turn every time, so that a statement a row made a batch last five times as long.
    """
    mark = "?" if connection.dialect.paramstyle == "qmark" else "%s"
    names = ", ".join(table.c[column].name for column in columns)
    marks = f"({', '.join([mark] * len(columns))})"
    most = _VALUES // len(columns)
    for start in range(0, len(rows), most):
        some = rows[start : start + most]
        values = ", ".join([marks] * len(some))
        connection.exec_driver_sql(f"INSERT INTO {table.name} ({names}) VALUES {values}", tuple(chain(*some)))
