"""Brings the ledger's tables to this version, and refuses to work with any other."""

from typing import TYPE_CHECKING

from sqlalchemy import Connection, Engine, column, inspect, select, table, text

from pipeline.errors import LedgerSchemaError
from pipeline.ledger.database import read, write

if TYPE_CHECKING:
    from alembic.config import Config

HEAD = "0001"
"""The revision that this version of the code works with; alembic (slow to import) is only needed to get
there."""

_LOCK = 7_252_016_093
"""A number of our own for PostgreSQL's advisory locks; any will do, as long as it never changes."""


def upgrade(engine: Engine) -> bool:
    """Creates or upgrades the tables; True if something was to be done. All of it happens, or nothing.

    Several processes may call it at once: one works, the others wait and then find it done.
    Raises LedgerSchemaError when the ledger is of a later version.
    """
    with write(engine) as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
        found = _revision(connection)
        if found == HEAD:
            return False
        from alembic import command  # noqa: PLC0415 - 0.1 s and 10 MB that nobody needs whose ledger is up to date

        config = configuration(connection)
        _refuse_unknown(config, found)
        command.upgrade(config, "head")
    return True


def current(engine: Engine) -> str | None:
    """The revision that the ledger has; None where there are no tables yet."""
    with read(engine) as connection:
        return _revision(connection)


def require_current(engine: Engine) -> None:
    """Raises LedgerSchemaError, with what to do, unless the ledger is of this version."""
    found = current(engine)
    if found is None:
        raise LedgerSchemaError("the ledger has no tables yet; run `pipeline migrate`")
    if found != HEAD:
        raise LedgerSchemaError(
            f"the ledger's tables are of revision {found}, this version needs {HEAD}; make a "
            "backup, then run `pipeline migrate`"
        )


def configuration(connection: Connection) -> "Config":
    """Alembic's settings without its file: our folder of migrations, and the connection to use."""
    from alembic.config import Config  # noqa: PLC0415

    config = Config()
    config.set_main_option("script_location", "pipeline.ledger:migrations")
    config.attributes["connection"] = connection
    return config


def _refuse_unknown(config: "Config", found: str | None) -> None:
    from alembic.script import ScriptDirectory  # noqa: PLC0415

    known = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
    if found is not None and found not in known:
        raise LedgerSchemaError(
            f"the ledger's tables are of revision {found}, which this version does not know; install the "
            "version that wrote it, or a later one"
        )


def _revision(connection: Connection) -> str | None:
    if not inspect(connection).has_table("alembic_version"):
        return None
    return connection.execute(select(column("version_num")).select_from(table("alembic_version"))).scalar()
