"""The few statements that run for every mail: compiled once by SQLAlchemy, then given straight to the driver.

For a statement with a handful of parameters, most of the time would otherwise go to preparing its execution anew.
Values must be as the database keeps them: instants by `schema.micros`, states as plain text; nothing is converted here.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, cast

from sqlalchemy import Connection, Dialect, Executable, Select
from sqlalchemy.sql.compiler import SQLCompiler

from pipeline.ledger.rows import AnyRow


@dataclass(frozen=True, slots=True)
class _Compiled:
    sql: str
    constants: Mapping[str, Any]
    names: tuple[str, ...]
    """In the order of the question marks; empty where the driver takes parameters by name."""

    def bound(self, values: Mapping[str, Any]) -> Any:
        """The parameters as the driver wants them."""
        everything = {**self.constants, **values}
        return tuple(map(everything.__getitem__, self.names)) if self.names else everything


def run_many(connection: Connection, statement: Executable, changes: Sequence[Mapping[str, Any]]) -> int:
    """Runs a change once for each mapping of parameters; how many rows were changed altogether."""
    if not changes:
        return 0
    compiled = _compiled(statement, connection.dialect)
    return connection.exec_driver_sql(compiled.sql, [compiled.bound(values) for values in changes]).rowcount


def look(connection: Connection, query: Select[Any], ids: Sequence[int], **values: Any) -> Sequence[AnyRow]:
    """The rows of a query with an expanding parameter `ids`, and others by name, as they are in the database.

    Only so many forms of it are compiled as there are powers of two: the last number fills the list.
    """
    size = 1 << (len(ids) - 1).bit_length()
    padded = [*ids, *[ids[-1]] * (size - len(ids))]
    compiled = _compiled_for(query, connection.dialect, size)
    numbers = {f"ids_{place}": number for place, number in enumerate(padded, 1)}
    rows: Sequence[AnyRow] = connection.exec_driver_sql(compiled.sql, compiled.bound({**numbers, **values})).all()
    return rows


# Caches of pure functions: a statement and a dialect give one text, for ever.
@lru_cache(maxsize=256)
def _compiled(statement: Executable, dialect: Dialect) -> _Compiled:
    compiled = cast("SQLCompiler", statement.compile(dialect=dialect))  # type: ignore[attr-defined]
    constants = {name: str(value) if isinstance(value, str) else value for name, value in compiled.params.items()}
    return _Compiled(str(compiled), constants, tuple(compiled.positiontup or ()))


@lru_cache(maxsize=256)
def _compiled_for(query: Select[Any], dialect: Dialect, size: int) -> _Compiled:
    compiled = query.compile(dialect=dialect)
    constants = {name: str(value) if isinstance(value, str) else value for name, value in compiled.params.items()}
    state = compiled.construct_expanded_state({**constants, "ids": list(range(size))})
    return _Compiled(state.statement, constants, tuple(state.positiontup or ()))
