"""The tables after a migration are those that the code means, on both databases, whoever migrates."""

import subprocess
import sys
from collections.abc import Iterator

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, inspect, text

from pipeline.errors import LedgerSchemaError
from pipeline.ledger import migrate
from pipeline.ledger.database import open_ledger, read, write
from pipeline.ledger.schema import metadata

MIGRATE = """
import sys
from pipeline.ledger import database, migrate
print(migrate.upgrade(database.open_ledger(sys.argv[1])))
"""


@pytest.fixture
def empty(empty_url: str) -> Iterator[Engine]:
    engine = open_ledger(empty_url)
    yield engine
    engine.dispose()


def test_a_new_ledger_says_what_to_do_then_works(empty: Engine) -> None:
    assert migrate.current(empty) is None
    with pytest.raises(LedgerSchemaError, match="no tables yet; run `pipeline migrate`"):
        migrate.require_current(empty)
    assert migrate.upgrade(empty) is True
    assert migrate.upgrade(empty) is False
    assert migrate.current(empty) == migrate.HEAD
    migrate.require_current(empty)


def test_the_migrated_tables_are_those_of_the_schema(empty: Engine) -> None:
    migrate.upgrade(empty)
    with read(empty) as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, metadata) == []


def test_constraints_and_partial_indexes_are_those_of_the_schema(empty: Engine) -> None:
    """Alembic does not compare these; the database's own description does."""

    def described(engine: Engine) -> dict[str, list[str]]:
        found = inspect(engine)
        option = f"{engine.dialect.name}_where"
        return {
            table: sorted(
                [f"{one['name']}: {one['sqltext']}" for one in found.get_check_constraints(table)]
                + [f"{one['name']}: {one['dialect_options'].get(option)}" for one in found.get_indexes(table)]
            )
            for table in metadata.tables
        }

    migrate.upgrade(empty)
    migrated = described(empty)
    with write(empty) as connection:
        metadata.drop_all(connection)
        metadata.create_all(connection)
    assert migrated == described(empty)
    assert any("waiting_has_time" in line for line in migrated["deliveries"])
    assert any("owner IS NOT NULL" in line for line in migrated["deliveries"])


def test_down_and_up_again(empty: Engine) -> None:
    from alembic import command

    migrate.upgrade(empty)
    with write(empty) as connection:
        command.downgrade(migrate.configuration(connection), "base")
    assert inspect(empty).get_table_names() == ["alembic_version"]
    assert migrate.upgrade(empty) is True


def test_a_ledger_of_a_later_version_is_left_alone(empty: Engine) -> None:
    migrate.upgrade(empty)
    with write(empty) as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(LedgerSchemaError, match="of revision 9999, this version needs 0001"):
        migrate.require_current(empty)
    with pytest.raises(LedgerSchemaError, match="9999, which this version does not know"):
        migrate.upgrade(empty)


def test_two_processes_migrate_at_once(empty_url: str) -> None:
    command = [sys.executable, "-W", "error::DeprecationWarning", "-c", MIGRATE, empty_url]
    racers = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(3)]
    said = sorted(racer.communicate()[0].strip() for racer in racers)
    assert said == ["False", "False", "True"]


def test_head_is_the_last_migration(engine: Engine) -> None:
    with read(engine) as connection:
        scripts = ScriptDirectory.from_config(migrate.configuration(connection))
    assert scripts.get_heads() == [migrate.HEAD]
