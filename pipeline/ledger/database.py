"""Opens the ledger's database, and turns what its driver complains of into errors with advice."""

import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import chain, repeat
from pathlib import Path
from typing import cast

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import (
    ArgumentError,
    DBAPIError,
    IntegrityError,
    InterfaceError,
    OperationalError,
    SQLAlchemyError,
)
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.pool import ConnectionPoolEntry

from pipeline.errors import LedgerError, LedgerSchemaError, LedgerUnavailableError, MissingExtraError

DEFAULT_URL = "sqlite:///var/ledger.sqlite3"
_PAGE, _LOG = 16384, 64 * 2**20
"""Octets of a page of SQLite's, and of its write-ahead log before that is worked into the file."""
_WAIT = 30.0
"""Seconds that a connection waits for another's write (SQLite's busy_timeout)."""
_PAUSES = (0.0002,) * 50 + (0.001,) * 100 + (0.01,)
"""Seconds between two tries to begin a write; the last repeats."""


def open_ledger(url: str = DEFAULT_URL, root: Path = Path()) -> Engine:
    """The ledger at `url`: `sqlite:///FILE` (relative to `root`; its folder is created) or `postgresql://…`.

    One engine may be shared by threads; a child process opens its own. The tables are `migrate`'s business.
    Raises LedgerError when there is no such database, MissingExtraError when PostgreSQL's driver is not
    installed.
    """
    try:
        parsed = make_url(url)
    except ArgumentError:
        # The text is not quoted: it may hold a password.
        raise LedgerError(
            "the ledger's address is no URL; write sqlite:///var/ledger.sqlite3 or postgresql://user@host/name"
        ) from None
    backend = parsed.get_backend_name()
    if backend == "sqlite":
        engine = _sqlite(parsed, root)
    elif backend in ("postgresql", "postgres"):
        engine = _postgresql(parsed)
    else:
        raise LedgerError(f'the ledger cannot live in "{backend}"; use sqlite:///FILE or postgresql://…')
    try:
        with read(engine):
            pass
    except LedgerError:
        engine.dispose()
        raise
    return engine


@contextmanager
def read(engine: Engine) -> Iterator[Connection]:
    """One transaction that only reads: a consistent view that waits for nobody. Raises LedgerError."""
    with _translated(engine), engine.connect() as connection, connection.begin():
        yield connection


@contextmanager
def write(engine: Engine, *, lasting: bool = True) -> Iterator[Connection]:
    """One transaction that writes: all of it is durable when the block ends, or nothing of it happened.

    Where it is not `lasting`, its end waits for no disk: a loss of power undoes it unless a lasting transaction, of
    whatever process, ended after it, since both databases write one log in order. What others do, or a crash of this
    process, undoes nothing.

    On SQLite it is the only writer from its first statement on (BEGIN IMMEDIATE), so that it never fails
    half-way for another's sake. Raises LedgerError; IntegrityError is left to those who know what it means.
    """
    with _translated(engine), engine.connect() as plain:
        connection = plain.execution_options(pipeline_writes=True, pipeline_lasting=lasting)
        with connection.begin():
            yield connection


def _sqlite(url: URL, root: Path) -> Engine:
    if not url.database or url.database == ":memory:":
        raise LedgerError("the ledger needs a file, like sqlite:///var/ledger.sqlite3: it must survive a restart")
    file = (root / url.database).resolve()
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise LedgerUnavailableError(
            f"the ledger's folder {file.parent} cannot be created: {error.strerror}"
        ) from error
    engine = create_engine(
        url.set(drivername="sqlite", database=str(file)),
        connect_args={"isolation_level": None, "timeout": _WAIT},  # None: our BEGIN, not one of the driver's
        hide_parameters=True,
    )
    event.listen(engine, "connect", _set_pragmas)
    event.listen(engine, "begin", _begin)
    return engine


def _set_pragmas(connection: sqlite3.Connection, _record: ConnectionPoolEntry) -> None:
    # The page size counts only for a new file. In the usual 4096 a letter of 10 kB is four pages of overflow, each with
    # two writes to the log; in this it is one page.
    # 64 MB between two checkpoints, not 8: each stops the writer until two files are on the disk.
    for pragma in (
        f"page_size = {_PAGE}",
        "journal_mode = WAL",
        "foreign_keys = ON",
        "cache_size = -4096",
        f"wal_autocheckpoint = {_LOG // _PAGE}",
        f"journal_size_limit = {_LOG}",
    ):
        connection.execute(f"PRAGMA {pragma}")


def _begin(connection: Connection) -> None:
    options = connection.get_execution_options()
    cursor = cast("sqlite3.Cursor", connection.connection.cursor())
    try:
        if options.get("pipeline_writes", False):
            # FULL, not WAL's customary NORMAL: what lasts must survive the plug being pulled.
            cursor.execute(f"PRAGMA synchronous = {'FULL' if options['pipeline_lasting'] else 'NORMAL'}")
            _begin_to_write(cursor)
        else:
            cursor.execute("BEGIN")
    except sqlite3.Error as error:
        raise DBAPIError.instance("BEGIN", None, error, sqlite3.Error, dialect=connection.dialect) from error
    finally:
        cursor.close()


def _begin_to_write(cursor: sqlite3.Cursor) -> None:
    """Waits for other writers as long as the connection would, but in steps of their own length.

    SQLite's own wait sleeps for 1 to 100 ms, where most writes take less than one: of two processes that send from one
    ledger, each slept more than it worked.
    """
    (wait,) = cursor.execute("PRAGMA busy_timeout").fetchone()
    until = time.monotonic() + wait / 1000
    cursor.execute("PRAGMA busy_timeout = 0")
    try:
        pauses = chain(_PAUSES, repeat(_PAUSES[-1]))
        while not _begun(cursor, last=time.monotonic() >= until):
            time.sleep(next(pauses))
    finally:
        cursor.execute(f"PRAGMA busy_timeout = {wait}")


def _begun(cursor: sqlite3.Cursor, *, last: bool) -> bool:
    try:
        cursor.execute("BEGIN IMMEDIATE")
    except sqlite3.OperationalError as error:
        if last or error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY:
            raise
        return False
    return True


def _postgresql(url: URL) -> Engine:
    try:
        engine = create_engine(
            url.set(drivername="postgresql+psycopg"),
            connect_args={"connect_timeout": 10, "application_name": "report-pipeline"},
            pool_pre_ping=True,  # a database that was restarted costs nobody an error
            hide_parameters=True,
        )
    except ModuleNotFoundError:
        raise MissingExtraError("a ledger on PostgreSQL", "postgres") from None
    event.listen(engine, "begin", _begin_on_server)
    return engine


def _begin_on_server(connection: Connection) -> None:
    if not connection.get_execution_options().get("pipeline_lasting", True):
        connection.exec_driver_sql("SET LOCAL synchronous_commit = off")


@contextmanager
def _translated(engine: Engine) -> Iterator[None]:
    try:
        yield
    except IntegrityError:
        raise
    except DBAPIError as error:
        raise _explain(engine, error) from error
    except PoolTimeoutError as error:
        raise LedgerUnavailableError(f"the ledger {place_of(engine)} has no connection left: {error}") from error
    except SQLAlchemyError as error:
        raise LedgerError(f"the ledger {place_of(engine)} failed: {error}") from error


def place_of(engine: Engine) -> str:
    """Where the ledger is, for people: its file, or its URL without the password."""
    if engine.dialect.name == "sqlite":
        return str(engine.url.database)
    return engine.url.render_as_string(hide_password=True)


_ADVICE = (
    (
        "database is locked",
        "is locked: another process has been writing for {wait:.0f} s; end it, or try again",
    ),
    ("disk is full", "has no room: the disk is full; nothing was written. Free some space and start again"),
    ("No space left", "has no room: the disk is full; nothing was written. Free some space and start again"),
    ("readonly database", "cannot be written: give this user the right to write the file and its folder"),
    ("unable to open", "cannot be opened: is it a file, and may this user read and write it and its folder?"),
    ("not a database", "is not an SQLite database; move the file away, or name another in the ledger's URL"),
    ("malformed", "is damaged; restore it from a backup (docs/ledger.md)"),
)


def _explain(engine: Engine, error: DBAPIError) -> LedgerError:
    place, said = place_of(engine), str(error.orig).strip()
    if "no such table" in said or "no such column" in said or type(error.orig).__name__.startswith("Undefined"):
        return LedgerSchemaError(f"the ledger {place} lacks tables of this version; run `pipeline migrate`")
    for sign, advice in _ADVICE:
        if sign in said:
            return LedgerUnavailableError(f"the ledger {place} {advice.format(wait=_WAIT)}")
    if isinstance(error, OperationalError) and engine.dialect.name == "postgresql":
        return LedgerUnavailableError(
            f"the ledger {place} cannot be reached: {said}; is the server up, and the URL right?"
        )
    lost = isinstance(error, (OperationalError, InterfaceError))  # the database or the way to it, not the statement
    return (LedgerUnavailableError if lost else LedgerError)(f"the ledger {place} failed: {said}")
