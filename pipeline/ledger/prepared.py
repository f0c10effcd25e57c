"""The few statements that run for every mail: compiled once by SQLAlchemy, then given straight to the driver.

Of what a letter costs in the ledger, most would otherwise be the preparation of each execution anew: 24 µs a statement
where the driver takes one. Values go in and rows come out as the database keeps them: instants by `schema.micros`,
states as plain text, rows as tuples; nothing is converted here.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from operator import itemgetter
from typing import Any, TypeVar, cast

from sqlalchemy import Connection, Dialect, Executable
from sqlalchemy.exc import DBAPIError
from sqlalchemy.sql.compiler import SQLCompiler

Values = tuple[Any, ...]
_T = TypeVar("_T")


class Prepared:
    """A statement, and the order in which the values of its parameters are given.

    One with an expanding parameter `ids` is for `look` and `change`, one without for `fetch` and `run_many`.
    """

    def __init__(self, statement: Executable, *names: str) -> None:
        self.statement = statement
        self.names = names


@dataclass(frozen=True, slots=True)
class _Compiled:
    sql: str
    bound: Callable[[Values], Any]
    """From values in the statement's order to what the driver takes."""


def fetch(connection: Connection, prepared: Prepared, *values: Any) -> list[Values]:
    """The rows that it returns."""
    compiled = _compiled(prepared, connection.dialect, 0)
    return _with_cursor(connection, lambda cursor: _fetched(cursor, compiled, values))


def run_many(connection: Connection, prepared: Prepared, rows: Sequence[Values]) -> int:
    """Runs a change once for each row of values; how many rows were changed altogether."""
    if not rows:
        return 0
    compiled = _compiled(prepared, connection.dialect, 0)
    bound = list(map(compiled.bound, rows))

    def execute(cursor: Any) -> int:
        cursor.executemany(compiled.sql, bound)
        return int(cursor.rowcount)

    return _with_cursor(connection, execute)


def look(connection: Connection, prepared: Prepared, ids: Sequence[int], *values: Any) -> list[Values]:
    """The rows that a query finds for some of `ids`, which are at least one."""
    compiled, filled = _for_ids(connection, prepared, ids)
    return _with_cursor(connection, lambda cursor: _fetched(cursor, compiled, (*values, *filled)))


def change(connection: Connection, prepared: Prepared, ids: Sequence[int], *values: Any) -> int:
    """How many rows a change has changed of those of `ids`, which are at least one."""
    compiled, filled = _for_ids(connection, prepared, ids)

    def execute(cursor: Any) -> int:
        cursor.execute(compiled.sql, compiled.bound((*values, *filled)))
        return int(cursor.rowcount)

    return _with_cursor(connection, execute)


def _for_ids(connection: Connection, prepared: Prepared, ids: Sequence[int]) -> tuple[_Compiled, Values]:
    """Only so many forms are compiled as there are powers of two: the last number fills the list."""
    size = 1 << (len(ids) - 1).bit_length()
    return _compiled(prepared, connection.dialect, size), (*ids, *[ids[-1]] * (size - len(ids)))


def _with_cursor(connection: Connection, use: Callable[[Any], _T]) -> _T:
    """A defect of the database comes out as SQLAlchemy's own statements tell of it."""
    cursor = connection.connection.cursor()
    errors = cast("type[Exception]", connection.dialect.loaded_dbapi.Error)
    try:
        return use(cursor)
    except errors as error:
        raise DBAPIError.instance(None, None, error, errors, dialect=connection.dialect) from error
    finally:
        cursor.close()


def _fetched(cursor: Any, compiled: _Compiled, values: Values) -> list[Values]:
    cursor.execute(compiled.sql, compiled.bound(values))
    return cast("list[Values]", cursor.fetchall())


# A cache of a pure function: a statement and a dialect give one text, for ever.
@lru_cache(maxsize=256)
def _compiled(prepared: Prepared, dialect: Dialect, size: int) -> _Compiled:
    """For `size` numbers in `ids`; 0: the statement has none."""
    compiled = _compiler(prepared, dialect)
    given = prepared.names
    constants = {name: str(value) if isinstance(value, str) else value for name, value in compiled.params.items()}
    if size:
        state = compiled.construct_expanded_state({**constants, "ids": list(range(size))})
        sql, positions = state.statement, state.positiontup
        given += tuple(f"ids_{place}" for place in range(1, size + 1))
    else:
        sql, positions = str(compiled), compiled.positiontup
    fixed = {name: value for name, value in constants.items() if name not in {*given, "ids"}}
    return _Compiled(sql, _by_place(positions, given, fixed) if positions else _by_name(given, fixed))


@lru_cache(maxsize=64)
def _compiler(prepared: Prepared, dialect: Dialect) -> SQLCompiler:
    """Once for all sizes: compiling is what costs."""
    return cast("SQLCompiler", prepared.statement.compile(dialect=dialect))  # type: ignore[attr-defined]


def _by_place(positions: Sequence[str], given: Sequence[str], fixed: Mapping[str, Any]) -> Callable[[Values], Any]:
    """For drivers that take question marks: SQLite's."""
    known = (*given, *fixed)
    rest = tuple(fixed.values())
    if len(positions) == 1:
        (place,) = (known.index(name) for name in positions)
        return lambda values: ((*values, *rest)[place],)
    order: Callable[[Values], Any] = itemgetter(*(known.index(name) for name in positions))
    return lambda values: order(values + rest)


def _by_name(given: Sequence[str], fixed: Mapping[str, Any]) -> Callable[[Values], Any]:
    """For drivers that take names: PostgreSQL's."""
    return lambda values: {**fixed, **dict(zip(given, values, strict=True))}
