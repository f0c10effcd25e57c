"""One run that somebody asked for: made, built and followed until every delivery has ended."""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Literal

from pipeline.errors import LedgerError, UsageError
from pipeline.ledger.records import Run, RunKey
from pipeline.ledger.states import ABANDONED, OPEN, DeliveryState, RunState
from pipeline.wiring import Workspace

if TYPE_CHECKING:
    from pipeline.jobs.model import Job
    from pipeline.jobs.scalars import Mailbox

POLL_SECONDS = 1.0
"""Between two looks at a run that another process is building or sending."""


@dataclass(frozen=True, slots=True)
class Followed:
    """How a run ended, and whether this call made it happen."""

    run: Run
    counts: dict[DeliveryState, int]
    already: bool
    """It had ended before: nothing was sent now."""
    as_meant: bool
    """What jobs.yaml says: all was sent; or its gate found it not worth sending; or it waits for a review."""


def run_key(workspace: Workspace, job: "Job", due: datetime, *, only_to: tuple["Mailbox", ...], again: bool) -> RunKey:
    """The key to build under: the real one, or the next number of a test or of a repetition."""
    kind: Literal["test", "again"] | None = "test" if only_to else "again" if again else None
    key = RunKey(job.name, due)
    if kind != "test" and workspace.runs.get(key) is None:
        history = workspace.runs.history_begins(job.name)
        forgotten = history is not None and due < history
        if forgotten and kind is None:
            raise UsageError(f"{key} may have been sent: runs of that time were pruned. --again sends it all the same")
        if kind == "again" and not forgotten:
            raise UsageError(f"{key} never ran; leave --again out")
    if kind is None:
        return key
    return workspace.runs.next_variant(job.name, due, kind)


def follow(
    workspace: Workspace,
    key: RunKey,
    *,
    only_to: tuple["Mailbox", ...] = (),
    on_progress: Callable[[object], None] = lambda _: None,
) -> Followed:
    """Builds the run if it is not built, delivers, and returns when nothing of it is open any more.

    A failed or skipped run is built again: who asks has seen why. Waits where another process has it in hand.
    Raises LedgerError, MailerError.
    """
    run, created = workspace.runs.ensure(key, workspace.clock())
    if run.state in ABANDONED:
        run = workspace.runs.reopen(key, workspace.clock())
    already = run.state in (RunState.HELD, RunState.DELIVERED, RunState.PARTLY_DELIVERED, RunState.UNDELIVERED)
    if created or not already:
        run = _built(workspace, run, only_to, on_progress)
        if run.state is RunState.QUEUED:
            _deliver(workspace, key, on_progress)
            run = _now(workspace, key)
        elif _notices(workspace, key):
            with workspace.worker() as worker:
                worker.run_until_idle()  # once: what is deferred, the next `serve` or `deliver` goes on with
    return Followed(run, workspace.outbox.counts(run=key), already, _as_meant(workspace, run))


def _as_meant(workspace: Workspace, run: Run) -> bool:
    if run.state is RunState.DELIVERED:
        return True
    origin = workspace.memory.origin(run.key)
    passed = origin is not None and origin.passed
    job = workspace.project.jobs.get(run.key.job)
    reviewed = run.state is RunState.HELD and job is not None and job.review is not None
    return passed and (run.state is RunState.SKIPPED or reviewed)


def _built(
    workspace: Workspace, run: Run, only_to: tuple["Mailbox", ...], on_progress: Callable[[object], None]
) -> Run:
    while run.state in (RunState.DUE, RunState.BUILDING):
        if run.not_before is not None and run.not_before > workspace.clock():
            on_progress(run)
            threading.Event().wait(POLL_SECONDS)  # its data is not fresh yet; another process may look first
            run = _now(workspace, run.key)
            continue
        built = workspace.builder.build(
            workspace.project, run.key, only_to=only_to, asked=True, on_progress=on_progress
        )
        if built is not None:
            run = built
            continue
        on_progress(run)
        threading.Event().wait(POLL_SECONDS)  # another process is building it: its news comes by the ledger alone
        run = _now(workspace, run.key)
    return run


def _notices(workspace: Workspace, key: RunKey) -> bool:
    """Whether the run's owner is still to be told something."""
    return any(
        run.key.variant.startswith("notice-") and run.key.due == key.due for run in workspace.runs.open_runs(key.job)
    )


def _deliver(workspace: Workspace, key: RunKey, on_progress: Callable[[object], None]) -> None:
    with workspace.worker() as worker:
        while True:
            worker.run_until_idle()
            counts = workspace.outbox.counts(run=key)
            on_progress(counts)
            if not any(counts.get(state, 0) for state in OPEN):
                return
            threading.Event().wait(POLL_SECONDS)  # deferred, or in another worker's hands


def _now(workspace: Workspace, key: RunKey) -> Run:
    run = workspace.runs.get(key)
    if run is None:
        raise LedgerError(f"run {key} has vanished from the ledger while it was followed")
    return run
