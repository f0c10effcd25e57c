"""SQL files on any SQLAlchemy URL, or on DuckDB. One statement, its parameters bound, in a transaction that
only reads."""

from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import sqlalchemy as sa

from pipeline.errors import MissingExtraError, SourceError
from pipeline.jobs.model import SqlData
from pipeline.report import frames, project, sqltext
from pipeline.report.model import Datasets, Facts
from pipeline.report.sources import bound, duck
from pipeline.report.sources.loaded import Loaded


def load(source: SqlData, facts: Facts, earlier: Datasets, urls: Mapping[str, str]) -> Loaded:
    """Raises SourceError with the database's own words; never the URL, which may hold a password."""
    path = project.find(facts.root, source.sql)
    url = urls.get(source.source)
    if url is None:
        raise SourceError(f'there is no source "{source.source}"{project.near_miss(source.source, urls)}')
    sql = path.read_text(encoding="utf-8-sig").strip().removesuffix(";")
    run = duck.query if url == "duckdb" else _query
    return Loaded(run(sql, source, facts, earlier, url), (project.fingerprint(facts.root, path),))


def _query(sql: str, source: SqlData, facts: Facts, _earlier: Datasets, url: str) -> Any:
    where = f"{source.sql} on {source.source}"
    try:
        engine = sa.create_engine(url, poolclass=sa.NullPool)
    except ModuleNotFoundError as error:
        if error.name in {"psycopg", "psycopg2"}:
            raise MissingExtraError(f'the source "{source.source}"', "postgres") from error
        raise SourceError(f"{where}: the driver {error.name} is not installed; pip install it") from error
    except sa.exc.ArgumentError as error:
        raise SourceError(f'the URL of source "{source.source}" cannot be read; see SQLAlchemy\'s') from error
    dialect = engine.dialect.name
    statement = sqltext.parse(sql, nested_comments=dialect not in {"sqlite", "mysql", "mariadb"})
    values = bound.pick(statement, bound.values(facts), source.sql)
    if dialect == "sqlite":
        values = {name: _sqlite(value) for name, value in values.items()}
    try:
        with engine.connect() as connection:
            _read_only(connection, dialect, facts.zone)
            result = connection.execute(sa.text(statement.for_sqlalchemy()), values)
            names, rows = list(result.keys()), result.fetchall()
            connection.rollback()
    except sa.exc.ResourceClosedError:
        raise SourceError(f"{where}: returns no rows; write one SELECT") from None
    except sa.exc.SQLAlchemyError as error:
        raise SourceError(f"{where}: {_words(error)}") from error
    finally:
        engine.dispose()
    return frames.from_rows(names, (tuple(map(_plain, row)) for row in rows), where)


def _read_only(connection: Any, dialect: str, zone: str) -> None:
    """A report never changes data. PostgreSQL also gets the job's zone, so that wall-clock values compare
    rightly with `timestamptz` columns, and times come back in it."""
    if dialect == "postgresql":
        connection.execute(sa.text("SET TRANSACTION READ ONLY"))
        connection.execute(sa.text("SELECT set_config('TimeZone', :zone, true)"), {"zone": zone})
    elif dialect == "sqlite":
        connection.execute(sa.text("PRAGMA query_only = ON"))


def _sqlite(value: bound.Value) -> Any:
    """SQLite has no times, just text that must compare as text: `2013-01-01 06:00:00`, as its own functions
    write."""
    if isinstance(value, datetime):
        return value.isoformat(" ")
    return value.isoformat() if isinstance(value, date) else value


def _plain(value: Any) -> Any:
    """Decimals of a database (every average is one) are floats, as `pandas.read_sql` does it: analysts
    compute on."""
    return float(value) if isinstance(value, Decimal) else value


def _words(error: Exception) -> str:
    """The driver's message, without SQLAlchemy's copy of the statement and its values."""
    return str(getattr(error, "orig", None) or error).strip()
