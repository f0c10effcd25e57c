"""Opening a ledger, and what its errors tell an operator."""

import sqlite3
import subprocess
import sys
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from sqlalchemy import Engine, insert, select, text

from pipeline.errors import LedgerError, LedgerSchemaError
from pipeline.ledger.database import open_ledger, read, write
from pipeline.ledger.schema import watermarks

PASSWORD = "canary-secret"


def test_the_default_is_a_file_below_the_root(tmp_path: Path) -> None:
    open_ledger(root=tmp_path).dispose()
    assert (tmp_path / "var" / "ledger.sqlite3").is_file()


def test_sqlite_is_durable_and_strict(tmp_path: Path) -> None:
    engine = open_ledger(root=tmp_path)
    with read(engine) as connection:
        settings = {
            name: connection.execute(text(f"PRAGMA {name}")).scalar()
            for name in ("journal_mode", "foreign_keys", "busy_timeout", "page_size")
        }
    engine.dispose()
    assert settings == {
        "journal_mode": "wal",
        "foreign_keys": 1,
        "busy_timeout": 30_000,
        "page_size": 16384,
    }


def test_only_what_lasts_waits_for_the_disk(engine: Engine) -> None:
    """Whatever the transaction before it on the same connection was."""
    said = []
    for lasting in (True, False, True, False):
        with write(engine, lasting=lasting) as connection:
            question = "PRAGMA synchronous" if engine.dialect.name == "sqlite" else "SHOW synchronous_commit"
            said.append(connection.execute(text(question)).scalar())
    assert said == ([2, 1, 2, 1] if engine.dialect.name == "sqlite" else ["on", "off", "on", "off"])


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("ledger.sqlite3", "no URL; write sqlite:///var/ledger.sqlite3 or postgresql://"),
        ("mysql://localhost/ledger", 'cannot live in "mysql"; use sqlite:///FILE or postgresql://'),
        ("sqlite://", "needs a file"),
        ("sqlite:///:memory:", "needs a file"),
        (
            f"postgresql://ledger:{PASSWORD}@127.0.0.1:1/reports",
            r"postgresql\+psycopg://ledger:\*\*\*@127.0.0.1:1/reports cannot be reached: .*is the server up",
        ),
        (f"postgresql:{PASSWORD}", "no URL"),
    ],
)
def test_a_ledger_that_cannot_be_opened(url: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(LedgerError, match=f"(?s){said}") as caught:
        open_ledger(url, tmp_path)
    assert PASSWORD not in str(caught.value)


def test_a_file_that_is_no_database(tmp_path: Path) -> None:
    (tmp_path / "ledger").write_bytes(b"a letter to the editor " * 500)
    with pytest.raises(LedgerError, match=r"ledger is not an SQLite database; move the file away"):
        open_ledger("sqlite:///ledger", tmp_path)


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "var").write_text("a file")
    with pytest.raises(LedgerError, match=r"folder .*/var cannot be created: (File exists|Not a directory)"):
        open_ledger(root=tmp_path)


def test_a_missing_driver_names_its_extra(tmp_path: Path) -> None:
    code = (
        "import sys; sys.modules['psycopg'] = None\n"
        "from pipeline.errors import MissingExtraError\n"
        "from pipeline.ledger.database import open_ledger\n"
        "try: open_ledger('postgresql://localhost/x')\n"
        "except MissingExtraError as error: print(error)\n"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert 'pip install "report-pipeline[postgres]"' in said


def test_tables_that_are_missing(empty_url: str) -> None:
    engine = open_ledger(empty_url)
    with pytest.raises(LedgerSchemaError, match="lacks tables of this version; run `pipeline migrate`"):
        _fill(engine, 1)
    engine.dispose()


def test_a_full_disk(sqlite_template: Path, tmp_path: Path) -> None:
    (tmp_path / "full").write_bytes(sqlite_template.read_bytes())
    engine = open_ledger("sqlite:///full", tmp_path)
    with read(engine) as connection:
        connection.execute(text("PRAGMA max_page_count = 1"))  # the pool hands out the same connection again
    with pytest.raises(LedgerError, match=r"full has no room: the disk is full; nothing was written"):
        _fill(engine, 5000)
    with read(engine) as connection:
        assert connection.execute(select(watermarks)).all() == []
    engine.dispose()


def test_a_locked_ledger(sqlite_template: Path, tmp_path: Path) -> None:
    file = tmp_path / "busy"
    file.write_bytes(sqlite_template.read_bytes())
    engine = open_ledger("sqlite:///busy", tmp_path)
    other = sqlite3.connect(file, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with read(engine) as connection:
        connection.execute(text("PRAGMA busy_timeout = 1"))  # the pool hands out the same connection again
        assert connection.execute(select(watermarks)).all() == []
    with pytest.raises(LedgerError, match="busy is locked: another process has been writing"):
        _fill(engine, 1)
    other.close()
    _fill(engine, 1)
    engine.dispose()


def test_a_block_that_raises_leaves_nothing(engine: Engine) -> None:
    def half() -> None:
        with write(engine) as connection:
            connection.execute(insert(watermarks), [_row(1)])
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        half()
    with read(engine) as connection:
        assert connection.execute(select(watermarks)).all() == []


@pytest.mark.parametrize(
    "instant",
    [
        datetime(2013, 2, 1, 11, 30, tzinfo=UTC),
        datetime(1969, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC),
        datetime(9999, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC),
        datetime(2013, 2, 1, 11, 30, 0, 1, tzinfo=timezone(timedelta(hours=5, minutes=45))),
    ],
)
def test_an_instant_comes_back_as_it_went_in(engine: Engine, instant: datetime) -> None:
    with write(engine) as connection:
        connection.execute(insert(watermarks), [{**_row(1), "handled_until": instant}])
    with read(engine) as connection:
        found = connection.execute(select(watermarks.c.handled_until)).scalar_one()
        earlier = select(watermarks).where(watermarks.c.handled_until < instant)
        assert connection.execute(earlier).all() == []
    assert found == instant
    assert found.tzinfo is UTC


def test_a_time_without_a_zone_is_refused(engine: Engine) -> None:
    naive = datetime(2013, 2, 1)  # noqa: DTZ001
    with pytest.raises(LedgerError, match="has no time zone"):
        _insert(engine, [{**_row(1), "handled_until": naive}])


def _row(number: int) -> dict[str, object]:
    instant = datetime(2013, 2, 1, tzinfo=UTC)
    return {"job": f"job {number}", "handled_until": instant, "schedule": "[]", "in_force_since": instant}


def _fill(engine: Engine, count: int) -> None:
    _insert(engine, [_row(number) for number in range(count)])


def _insert(engine: Engine, rows: list[dict[str, object]]) -> None:
    with write(engine) as connection:
        connection.execute(insert(watermarks), rows)
