"""Where a build's letters go: into the ledger, onto a list for `plan`, or into a folder for `preview`."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from pipeline.engine.process import Progress
from pipeline.ledger.database import open_ledger
from pipeline.ledger.records import Letter, RunKey
from pipeline.ledger.runs import Runs
from pipeline.message.wire import encoded_size

BATCH = 200
"""Letters staged in one transaction: enough that its commit costs little a letter, few enough to hold."""


@dataclass(frozen=True, slots=True)
class LedgerSink:
    """Stages letters for a run that `owner` is building; unsendable until somebody queues the run."""

    url: str
    root: Path
    key: RunKey
    owner: str

    @contextmanager
    def open(self, progress: Progress) -> Iterator["_Stage"]:
        engine = open_ledger(self.url, self.root)
        try:
            stage = _Stage(Runs(engine), self.key, self.owner, progress)
            yield stage
            stage.flush()
        finally:
            engine.dispose()


@dataclass(slots=True)
class _Stage:
    """Writes letters in batches."""

    runs: Runs
    key: RunKey
    owner: str
    progress: Progress
    batch: list[Letter] = field(default_factory=list)
    staged: int = 0

    def add(self, letter: Letter) -> None:
        self.batch.append(letter)
        if len(self.batch) == BATCH:
            self.flush()

    def flush(self) -> None:
        """All of it is in the ledger when this returns."""
        self.runs.stage(self.key, self.owner, self.batch)
        self.staged += len(self.batch)
        self.batch.clear()
        self.progress(Staged(self.staged))


@dataclass(frozen=True, slots=True)
class Staged:
    """Progress: so many letters are in the ledger."""

    messages: int


@dataclass(frozen=True, slots=True)
class Planned:
    """One message that a run would send."""

    recipients: tuple[str, ...]
    subject: str
    bytes: int
    files: tuple[str, ...]


def planned(letter: Letter) -> Planned:
    """What a person is told of a letter."""
    files = tuple(part.filename for part in letter.parts if part.disposition == "attachment")
    return Planned(letter.recipients, letter.subject, encoded_size(letter), files)


class PlanSink:
    """Reports what each message would be, and keeps nothing."""

    @contextmanager
    def open(self, progress: Progress) -> Iterator["_Plan"]:
        yield _Plan(progress)


@dataclass(frozen=True, slots=True)
class _Plan:
    progress: Progress

    def add(self, letter: Letter) -> None:
        self.progress(planned(letter))
