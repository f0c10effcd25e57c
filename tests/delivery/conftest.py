"""Fixtures of the delivery room: a bench with the real ledger, and mailers for scripted servers."""

import contextlib
import shutil
import ssl
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import trustme
from delivery_bench import QUICK, Bench, make_letter, no_artifacts
from pydantic import SecretStr
from scripted_smtp import ScriptedServer

from pipeline.delivery.mailers.smtp import smtp_mailer
from pipeline.delivery.smtp.pool import Pool
from pipeline.delivery.smtp.timeouts import Timeouts
from pipeline.jobs.model import SmtpMailer
from pipeline.ledger import migrate
from pipeline.ledger.database import open_ledger
from pipeline.ledger.records import Letter


@pytest.fixture(scope="session")
def ledger_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated SQLite file without runs; migrating anew for every test would take most of the time."""
    file = tmp_path_factory.mktemp("delivery-template") / "ledger.sqlite3"
    engine = open_ledger(f"sqlite:///{file}")
    migrate.upgrade(engine)
    engine.dispose()
    return file


@pytest.fixture
def bench(ledger_template: Path, tmp_path: Path) -> Iterator[Bench]:
    file = tmp_path / "ledger.sqlite3"
    shutil.copy(ledger_template, file)
    made = Bench(f"sqlite:///{file}")
    yield made
    made.engine.dispose()


@pytest.fixture(scope="session")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="session")
def trusting(authority: trustme.CA) -> ssl.SSLContext:
    """A client's context that trusts the throw-away authority and nobody else."""
    context = ssl.create_default_context()
    authority.configure_trust(context)
    return context


@pytest.fixture(scope="session")
def server_tls(authority: trustme.CA) -> ssl.SSLContext:
    """The context of a server that is rightly called localhost or 127.0.0.1."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost", "127.0.0.1").configure_cert(context)
    return context


MakeMailer = Callable[..., Pool]


@pytest.fixture
def mailer(trusting: ssl.SSLContext) -> Iterator[MakeMailer]:
    """Makes a real SMTP mailer for a scripted server; closed at the end."""
    with contextlib.ExitStack() as stack:

        def make(
            server: ScriptedServer,
            *,
            scheme: str = "smtp+plain",
            login: str = "",
            connections: int = 1,
            timeouts: Timeouts = QUICK,
            read_base64: Callable[[str], bytes] = no_artifacts,
            chunking: bool = True,
        ) -> Pool:
            settings = SmtpMailer(
                name="relay",
                smtp=SecretStr(f"{scheme}://{login}{server.host}:{server.port}"),
                connections=connections,
                chunking=chunking,
            )
            pool = smtp_mailer(settings, trusting, read_base64, timeouts)
            stack.callback(pool.close)
            return pool

        yield make


@pytest.fixture
def letter() -> Callable[..., Letter]:
    return make_letter
