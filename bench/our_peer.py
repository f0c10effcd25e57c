"""The pipeline: composed, stored, then delivered. `python -m bench.our_peer PORT MAILS FILE`.

Everything that a real run does between its datasets and its last reply, in this one process: letters
rendered, staged in batches and queued in the ledger (SQLite, WAL, synchronous=FULL), claimed, intents
journaled before the dot, results and delivery log written. A kill at any moment loses nothing.
"""

import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Any

from bench.meter import Meter
from bench.workload import HTML, SENDER, SUBJECT, TEXT, read_people
from pipeline.engine.sinks import BATCH
from pipeline.engine.terms import terms_of
from pipeline.jobs.scalars import Mailbox
from pipeline.ledger.records import Letter, RunKey
from pipeline.ledger.states import DeliveryState
from pipeline.message.compose import Composer
from pipeline.message.facts import Recipients, RunFacts
from pipeline.schedule.period import parse_period, period_for
from pipeline.wiring import Workspace

OWNER = "bench"
CONNECTIONS = 10
JOBS = """
defaults: {{from: {sender}}}
mailers:
  sink: {{smtp: "smtp+plain://127.0.0.1:{port}", connections: {connections}}}
jobs:
  w1:
    data: {{people: people.csv}}
    message: {{subject: "{subject}", template: w1}}
    each: people
    delivery: {{mailer: sink}}
"""


@dataclass(frozen=True)
class Bare:
    """A report without datasets, charts and files: all that is shown stands in the reader's row."""

    datasets: Mapping[str, Any] = field(default_factory=dict)
    charts: Mapping[str, Any] = field(default_factory=dict)
    files: tuple[Any, ...] = ()


def write_project(root: Path, port: int) -> None:
    """A project of one job that mails to the sink."""
    yaml = JOBS.format(sender=SENDER, port=port, connections=CONNECTIONS, subject=SUBJECT)
    (root / "jobs.yaml").write_text(yaml, encoding="utf-8")
    (root / "people.csv").write_text("name,email\n", encoding="utf-8")
    (root / "templates").mkdir()
    (root / "templates/w1.html").write_text(HTML, encoding="utf-8")
    (root / "templates/w1.txt").write_text(TEXT, encoding="utf-8")


def letters(composer: Composer, readers: list[dict[str, Any]]) -> Iterator[Letter]:
    report = Bare()
    for reader in readers:
        yield composer.letter(report, Recipients(to=(Mailbox(reader["email"]),)), reader)


def main(port: int, mails: int, file: Path) -> None:
    """One run of `mails` letters; fails unless the ledger says that every one was sent."""
    readers = read_people(file, mails)
    with tempfile.TemporaryDirectory() as folder:
        write_project(Path(folder), port)
        with Workspace(Path(folder), environ={}) as workspace, workspace.worker() as worker:
            job = workspace.project.jobs["w1"]
            key = RunKey("w1", datetime(2026, 1, 5, 6, 30, tzinfo=UTC))
            runs, period = workspace.runs, period_for(parse_period(job.period), key.due, job.timezone)
            with Meter(mails):
                now = datetime.now(UTC)
                runs.ensure(key, now)
                runs.start(key, OWNER, now + timedelta(hours=1), now, period=(period.start, period.end))
                composer = Composer(job, workspace.project, RunFacts(key, period, key.due))
                made = letters(composer, readers)
                while batch := list(islice(made, BATCH)):
                    runs.stage(key, OWNER, batch)
                runs.queue(key, OWNER, terms_of(job, key, datetime.now(UTC), asked=True), datetime.now(UTC))
                worker.run_until_idle()
            counts = workspace.outbox.counts(run=key)
            if counts.get(DeliveryState.SENT) != mails:
                raise SystemExit(f"not all were sent: {counts}")


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3]))
