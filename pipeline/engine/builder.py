"""One run from due to queued, skipped or failed: leased in the ledger, built in a child, told to the log."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from pipeline.engine.build import BuildRequest, Sink, Summary, build, run_period
from pipeline.engine.owner import hold_owner
from pipeline.engine.process import Children, Limits, Progress
from pipeline.engine.sinks import LedgerSink
from pipeline.engine.terms import terms_of
from pipeline.errors import BuildCancelledError, PipelineError
from pipeline.jobs.model import Job, Project
from pipeline.jobs.scalars import Mailbox
from pipeline.ledger.records import Run, RunKey
from pipeline.ledger.runs import Runs
from pipeline.observe.log import Emit

LEASE = timedelta(seconds=60)
"""How long a builder that says nothing is believed to live, on machines that cannot see that it died."""
BEAT_SECONDS = 15.0


@dataclass(frozen=True, slots=True)
class Folders:
    """Where the project's state lives."""

    root: Path
    artifacts: Path
    owners: Path


class Builder:
    """Builds runs of a project. Safe to use from several threads, each for a run of its own."""

    def __init__(
        self,
        *,
        runs: Runs,
        ledger_url: str,
        folders: Folders,
        children: Children,
        clock: Callable[[], datetime],
        emit: Emit,
    ) -> None:
        self._runs = runs
        self._ledger_url = ledger_url
        self._folders = folders
        self._children = children
        self._clock = clock
        self._emit = emit

    def rehearse(self, project: Project, key: RunKey, sink: Sink, on_progress: Progress) -> Summary:
        """Builds the run into another sink; the ledger learns nothing of it. Raises ReportError."""
        request = BuildRequest(project, key, self._folders.artifacts, sink)
        return self._call(project.jobs[key.job], request, on_progress)

    def build(
        self,
        project: Project,
        key: RunKey,
        *,
        only_to: tuple[Mailbox, ...] = (),
        asked: bool = False,
        on_progress: Progress = lambda _: None,
    ) -> Run | None:
        """Builds a due run and returns it as it then is; None when another builder has it.

        Raises no ReportError: a run that cannot be built is failed in the ledger, with the reason. Raises
        BuildCancelledError when the service is stopping; the run is due again then.
        """
        job = project.jobs[key.job]
        period = run_period(job, key)
        with hold_owner(self._folders.owners) as owner:
            now = self._clock()
            run = self._runs.start(key, owner, now + LEASE, now, period=(period.start, period.end))
            if run is None:
                return None
            self._tell("run.started", run, period_start=period.start, period_end=period.end)
            try:
                with self._beating(key, owner):
                    sink = LedgerSink(self._ledger_url, self._folders.root, key, owner)
                    request = BuildRequest(project, key, self._folders.artifacts, sink, only_to)
                    summary = self._call(job, request, on_progress)
                return self._queue(job, key, owner, summary, asked=asked)
            except BuildCancelledError:
                self._runs.recover(self._clock(), dead={owner})
                raise
            except PipelineError as error:
                failed = self._runs.fail(key, str(error), self._clock(), owner=owner)
                self._tell("run.failed", failed, reason=failed.reason)
                self._emit(
                    "alert.raised",
                    job=key.job,
                    run=str(key),
                    reason=failed.reason,
                    recipient=job.owner.address,
                )
                return failed

    def _call(self, job: Job, request: BuildRequest, on_progress: Progress) -> Summary:
        summary: Summary = self._children.call(build, request, Limits(job.timeout, job.memory), on_progress)
        return summary

    def _queue(self, job: Job, key: RunKey, owner: str, summary: Summary, *, asked: bool) -> Run:
        for refusal in summary.refused:
            self._emit(
                "run.recipient_refused", job=key.job, run=str(key), recipient=refusal.address,
                reason=f"row {refusal.row}: {refusal.reason}",
            )  # fmt: skip
        now = self._clock()
        if not summary.messages:
            skipped = self._runs.skip(key, "its audience is empty", now, owner=owner)
            self._tell("run.skipped", skipped, reason=skipped.reason)
            return skipped
        queued = self._runs.queue(key, owner, terms_of(job, key, now, asked=asked), now)
        for message_id, recipients in self._runs.message_ids(key):
            self._emit("message.queued", job=key.job, run=str(key), message_id=message_id, deliveries=recipients)
        self._tell("run.queued", queued, messages=queued.messages, deliveries=queued.deliveries, bytes=summary.bytes)
        return queued

    def _tell(self, event: str, run: Run, **fields: object) -> None:
        self._emit(event, job=run.key.job, run=str(run.key), due=run.key.due, **fields)

    @contextmanager
    def _beating(self, key: RunKey, owner: str) -> Iterator[None]:
        """Keeps the lease while the block runs."""
        done = threading.Event()

        def beat() -> None:
            while not done.wait(BEAT_SECONDS):
                if not self._runs.beat(key, owner, self._clock() + LEASE):
                    return  # lost: staging and queueing will be refused, and say so

        thread = threading.Thread(target=beat, name=f"beat {key}", daemon=True)
        thread.start()
        try:
            yield
        finally:
            done.set()
            thread.join()
