"""A process that delivers what is due and ends, for tests that kill it: LEDGER OWNERS PORT CONNECTIONS."""

import ssl
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

from pydantic import SecretStr

from pipeline.delivery.mailers.smtp import smtp_mailer
from pipeline.delivery.worker import Worker
from pipeline.engine.owner import dead_owners, hold_owner
from pipeline.jobs.model import SmtpMailer
from pipeline.ledger.database import open_ledger
from pipeline.ledger.outbox import Outbox
from pipeline.observe.log import open_log

EARLY = datetime(2013, 2, 1, 11, 30, tzinfo=UTC)
"""When the test's runs are due; time goes on from there."""


def main(ledger: str, owners: str, port: str, connections: str) -> None:
    started = time.monotonic()

    def clock() -> datetime:
        return EARLY + (datetime.now(UTC) - begun)

    begun = datetime.now(UTC)
    settings = SmtpMailer(name="relay", smtp=SecretStr(f"smtp+plain://127.0.0.1:{port}"), connections=int(connections))
    mailer = smtp_mailer(settings, ssl.create_default_context(), lambda _: b"")
    folder = Path(owners)
    with hold_owner(folder) as owner, open_log(None, None, clock=clock) as log:
        worker = Worker(
            Outbox(open_ledger(ledger)),
            {"relay": mailer},
            log,
            clock,
            owner=owner,
            dead_owners=lambda: dead_owners(folder),
        )
        while (worker.run_until_idle().waiting_until) is not None and time.monotonic() - started < 30:
            time.sleep(0.02)
        worker.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
