"""The pipeline: composed, stored, then delivered. `python -m bench.our_peer WORKLOAD PORT MAILS FOLDER [PROCESSES]`.

Everything that a real run does between its datasets and its last reply: letters rendered, staged in batches and queued
in the ledger (SQLite, WAL, synchronous=FULL), claimed, intents journaled before the dot, results and delivery log
written. A kill at any moment loses nothing. Several processes share one ledger: each builds a run and delivers.
"""

import multiprocessing
import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from bench.meter import Meter
from bench.workload import SENDER, SUBJECT, TEXT, WORKLOADS, Workload, html, read_people
from pipeline.delivery import worker as _delivery
from pipeline.delivery.mailers import local as _local
from pipeline.delivery.mailers import smtp as _smtp
from pipeline.engine.sinks import LedgerSink
from pipeline.engine.terms import terms_of
from pipeline.jobs.scalars import Mailbox
from pipeline.ledger.records import Artifact, Letter, RunKey
from pipeline.ledger.states import DeliveryState
from pipeline.message.compose import Composer
from pipeline.message.facts import Recipients, RunFacts
from pipeline.report.artifacts import ArtifactStore
from pipeline.schedule.period import parse_period, period_for
from pipeline.wiring import Workspace

LOADED = (_delivery, _local, _smtp)
"""What a Workspace imports when it is asked for a worker: before the clock starts, as with every peer."""
OWNER = "bench"
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
class Picture:
    """A picture inside the message."""

    artifact: Artifact
    name: str = "picture"
    title: str = "Delays"
    alt: str = "Delays"
    width: int = 100
    height: int = 100


@dataclass(frozen=True)
class File:
    """A file of the message."""

    artifact: Artifact
    filename: str = "report.xlsx"
    name: str = "report"
    rows: int = 0


@dataclass(frozen=True)
class Bare:
    """A report without datasets: all that is shown stands in the reader's row."""

    charts: Mapping[str, Picture] = field(default_factory=dict)
    files: tuple[File, ...] = ()
    datasets: Mapping[str, Any] = field(default_factory=dict)
    views: Mapping[str, Any] = field(default_factory=dict)


def write_project(root: Path, port: int, workload: Workload) -> None:
    """A project of one job that mails to the sink."""
    yaml = JOBS.format(sender=SENDER, port=port, connections=workload.connections, subject=SUBJECT)
    (root / "jobs.yaml").write_text(yaml, encoding="utf-8")
    (root / "people.csv").write_text("name,email\n", encoding="utf-8")
    (root / "templates").mkdir()
    (root / "templates/w1.html").write_text(
        html("{{ charts.picture.src }}" if workload.files else ""), encoding="utf-8"
    )
    (root / "templates/w1.txt").write_text(TEXT, encoding="utf-8")


def letters(composer: Composer, report: Bare, readers: list[dict[str, Any]]) -> Iterator[Letter]:
    for reader in readers:
        yield composer.letter(report, Recipients(to=(Mailbox(reader["email"]),)), reader)


def report_of(workspace: Workspace, folder: Path, *, files: bool) -> Bare:
    """With the workbook and the picture, where they are wanted, put into the store."""
    if not files:
        return Bare()
    store = ArtifactStore(workspace.artifacts)
    picture = store.put((folder / "picture.png").read_bytes(), "image/png")
    workbook = store.put((folder / "report.xlsx").read_bytes(), "application/vnd.ms-excel")
    return Bare({"picture": Picture(picture)}, (File(workbook),))


def build(workspace: Workspace, key: RunKey, folder: Path, readers: list[dict[str, Any]], *, files: bool) -> None:
    """From the readers to a queued run."""
    job, runs = workspace.project.jobs["w1"], workspace.runs
    period, now = period_for(parse_period(job.period), key.due, job.timezone), datetime.now(UTC)
    runs.ensure(key, now)
    runs.start(key, OWNER, now + timedelta(hours=1), now, period=(period.start, period.end))
    composer = Composer(job, workspace.project, RunFacts(key, period, key.due))
    report = report_of(workspace, folder, files=files)
    with LedgerSink(workspace.ledger_url, workspace.root, key, OWNER).open(lambda _: None) as stage:
        for letter in letters(composer, report, readers):
            stage.add(letter)
    runs.queue(key, OWNER, terms_of(job, key, datetime.now(UTC), asked=True), datetime.now(UTC))


def work(root: Path, number: int, folder: Path, readers: list[dict[str, Any]], ready: Any, files: bool) -> None:  # noqa: FBT001
    """One process: a run of its own, then whatever is in the outbox."""
    key = RunKey("w1", datetime(2026, 1, 5, 6, 30, number, tzinfo=UTC))
    with Workspace(root, environ={}) as workspace, workspace.worker() as worker:
        ready.wait()
        build(workspace, key, folder, readers, files=files)
        worker.run_until_idle()


def make_ledger(root: Path) -> None:
    """In a process of its own: what makes the tables is not loaded where the ledger is there."""
    with Workspace(root, environ={}) as workspace:
        assert workspace.engine


def main(workload: str, port: int, mails: int, folder: Path, processes: int = 1) -> None:
    """One run of `mails` letters; fails unless the ledger says that every one was sent."""
    readers, kind = read_people(folder, mails), WORKLOADS[workload]
    fork = multiprocessing.get_context("fork")
    ready = fork.Barrier(processes)
    with tempfile.TemporaryDirectory() as place:
        root = Path(place)
        write_project(root, port, kind)
        made = fork.Process(target=make_ledger, args=(root,))
        made.start()
        made.join()
        parts = [readers[number::processes] for number in range(processes)]
        others = [
            fork.Process(target=work, args=(root, number, folder, part, ready, kind.files))
            for number, part in enumerate(parts[1:], 1)
        ]
        for other in others:
            other.start()
        with Meter(mails):
            work(root, 0, folder, parts[0], ready, kind.files)
            for other in others:
                other.join()
        with Workspace(root, environ={}) as workspace:
            counts = workspace.outbox.counts()
        if counts.get(DeliveryState.SENT) != mails:
            raise SystemExit(f"not all were sent: {counts}")


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), Path(sys.argv[4]), int((*sys.argv, "1")[5]))
