"""A bench: the real ledger on SQLite, a clock that can be turned, the real worker, and a record of what
it logged."""

import io
import json
import random
import threading
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from pipeline.delivery.ports import Mailer
from pipeline.delivery.smtp.timeouts import Timeouts
from pipeline.delivery.worker import Worked, Worker
from pipeline.ledger.database import open_ledger
from pipeline.ledger.outbox import Outbox
from pipeline.ledger.records import Delivery, Letter, Part, RunKey, Terms
from pipeline.ledger.runs import Runs
from pipeline.observe.log import open_log

NOW = datetime(2013, 2, 1, 11, 30, tzinfo=UTC)
QUICK = Timeouts(connect=2, greeting=0.4, command=0.4, data=0.4, block=0.4, dot=0.4, quit=0.2, idle=5)
"""Real timeouts, short enough for a test that waits for one."""


def make_letter(
    number: int,
    recipients: Sequence[str] = (),
    *,
    text: str = "Hello,\r\n.\r\n..\r\ngrüße\r\n",
    html: str = "<p>Hello</p>\r\n.dot\r\n",
    parts: tuple[Part, ...] = (),
    sender: str = "reports@example.com",
) -> Letter:
    """A letter as the message room stages it."""
    to = tuple(recipients) or (f"person{number}@example.com",)
    message_id = f"<letter-{number}@example.com>"
    headers = (
        f"From: Reports <{sender}>\r\nTo: {', '.join(to)}\r\nSubject: Letter {number}\r\n"
        f"Message-ID: {message_id}\r\nDate: Fri, 01 Feb 2013 11:30:00 +0000\r\n"
    )
    return Letter(message_id, sender, to, headers.encode(), text.encode(), html.encode(), parts, f"Letter {number}")


def no_artifacts(sha256: str) -> bytes:
    raise FileNotFoundError(2, "No such file or directory", sha256)


@dataclass
class Bench:
    """One ledger and the clock of everybody who works on it."""

    url: str
    now: datetime = NOW
    secrets: Sequence[str] = ()

    def __post_init__(self) -> None:
        self.stream = io.StringIO()
        self.log = open_log(None, self.stream, clock=self.clock, secrets=self.secrets)
        self.emit = self.log.emit
        self.engine = open_ledger(self.url)
        self.outbox = Outbox(self.engine)
        self.runs = Runs(self.engine)
        self._runs = 0
        self._workers = 0

    def clock(self) -> datetime:
        return self.now

    @property
    def events(self) -> list[dict[str, Any]]:
        """The log's lines, as the real log wrote them: what is not on the list of events raises."""
        return [json.loads(line) for line in self.stream.getvalue().splitlines()]

    def queue(self, letters: Sequence[Letter], **terms: Any) -> RunKey:
        """A queued run of these letters. Terms: mailer, expires (timedelta), retry, on_uncertain,
        priority."""
        self._runs += 1
        key = RunKey(f"job{self._runs}", NOW)
        self.runs.ensure(key, NOW)
        self.runs.start(key, "builder", NOW + timedelta(hours=1), NOW, period=(NOW, NOW))
        self.runs.stage(key, "builder", letters)
        self.runs.queue(
            key,
            "builder",
            Terms(
                mailer=terms.get("mailer", "relay"),
                expires_at=NOW + terms.get("expires", timedelta(hours=12)),
                priority=terms.get("priority", 5),
                retry_seconds=terms.get("retry", (60.0, 300.0, 3600.0)),
                on_uncertain=terms.get("on_uncertain", "resend"),
            ),
            NOW,
        )
        return key

    def worker(self, mailers: Mapping[str, Mailer], **options: Any) -> Worker:
        self._workers += 1
        return Worker(
            self.outbox,
            mailers,
            self.log,
            self.clock,
            owner=f"worker-{self._workers}",
            chance=random.Random(1),
            **{"sleep": lambda _: None, **options},
        )

    def deliver(self, mailer: Mailer) -> Worked:
        """Once, until nothing is due at the bench's time."""
        worker = self.worker({mailer.name: mailer})
        try:
            return worker.run_until_idle()
        finally:
            worker.close()

    def race(self, *workers: Worker) -> None:
        """All at once, each in a thread, until nothing is due."""
        threads = [threading.Thread(target=worker.run_until_idle) for worker in workers]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)
        for worker in workers:
            worker.close()

    def deliver_all(self, mailer: Mailer, *, rounds: int = 100) -> None:
        """Turns the clock to whatever is due next until nothing waits any more."""
        worker = self.worker({mailer.name: mailer})
        try:
            for _ in range(rounds):
                waiting = worker.run_until_idle().waiting_until
                if waiting is None:
                    return
                self.now = max(self.now, waiting)
            raise AssertionError(f"still waiting after {rounds} rounds: {self.states()}")
        finally:
            worker.close()

    # --- looking ------------------------------------------------------------------------------------------

    def deliveries(self) -> list[Delivery]:
        return sorted(self.outbox.deliveries(limit=10_000), key=lambda delivery: delivery.id)

    def states(self) -> Counter[str]:
        return Counter(str(delivery.state) for delivery in self.deliveries())

    def state_of(self, recipient: str) -> str:
        return next(str(d.state) for d in self.deliveries() if d.recipient == recipient)

    def named(self, event: str) -> list[dict[str, Any]]:
        return [line for line in self.events if line["event"] == event]
