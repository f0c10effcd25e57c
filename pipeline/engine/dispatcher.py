"""Works off the due runs of the ledger: the earliest first, a bounded number at once, one at a time of each job."""

import threading
import time
from collections.abc import Callable
from datetime import datetime, timedelta

from pipeline.engine.builder import Builder
from pipeline.errors import BuildCancelledError, LedgerError, place_and_words
from pipeline.jobs.model import Project
from pipeline.ledger.records import Run, RunKey
from pipeline.ledger.runs import Runs
from pipeline.observe.log import Emit

ATTEMPTS = 3
"""Builds of one run that may die (kill, power) before it is given up: a report must not crash the service for ever."""
RECHECK_SECONDS = 5.0
"""How long an idle builder waits before it looks again for what other processes have made due."""


def stale(run: Run, project: Project, now: datetime) -> str:
    """Why a due run is not to be built any more; empty if it is. Pure."""
    job = project.jobs.get(run.key.job)
    if job is None:
        return "its job is no longer in jobs.yaml"
    if run.builds >= ATTEMPTS:
        return f"its builder died {run.builds} times"
    grace = max((entry.grace for entry in job.schedule), default=None)
    waiting_since = max(run.created_at, run.not_before or run.created_at)  # what waits for fresh data is not late
    if grace is not None and now - waiting_since > grace:
        return f"it has been waiting since {run.created_at:%Y-%m-%d %H:%M} UTC, longer than its grace"
    return ""


class Dispatcher:
    """A few threads that build what is due, until stopped. `wake` tells them that there is something new."""

    def __init__(
        self,
        *,
        runs: Runs,
        builder: Builder,
        project: Callable[[], Project],
        clock: Callable[[], datetime],
        emit: Emit,
        size: int,
        built: Callable[[], None] = lambda: None,
    ) -> None:
        """`built` is called after each build: its letters may be in the outbox."""
        self._runs = runs
        self._builder = builder
        self._project = project
        self._clock = clock
        self._emit = emit
        self._built = built
        self._changed = threading.Condition()
        self._stopping = False
        self._building: dict[str, RunKey] = {}
        """Job → its run that one of these threads has in hand."""
        self._said_waiting: set[RunKey] = set()
        self._threads = [
            threading.Thread(target=self._work, name=f"builder-{number}", daemon=True) for number in range(1, size + 1)
        ]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def wake(self) -> None:
        with self._changed:
            self._changed.notify_all()

    def stop(self, timeout: timedelta) -> bool:
        """Takes nothing new and waits for what is under way; whether all of it ended in time."""
        with self._changed:
            self._stopping = True
            self._changed.notify_all()
        deadline = time.monotonic() + timeout.total_seconds()
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))
        return not any(thread.is_alive() for thread in self._threads)

    # --- a builder's thread -----------------------------------------------------------------------------------

    def _work(self) -> None:
        while True:
            try:
                run = self._take()
                if run is None:
                    return
                self._build(run)
            except BuildCancelledError:
                return
            except LedgerError as error:
                self._rest(f"the ledger: {error}")
            except Exception as error:  # noqa: BLE001 - a full disk, a defect: no run may take a builder from all others
                self._rest(f"a builder rests and tries again: {place_and_words(error)}")

    def _rest(self, reason: str) -> None:
        self._emit("service.error", reason=reason)
        with self._changed:
            if not self._stopping:
                self._changed.wait(RECHECK_SECONDS)

    def _take(self) -> Run | None:
        """The next run to build, its job marked busy; None when stopping."""
        with self._changed:
            while not self._stopping:
                run = self._next()
                if run is not None:
                    self._building[run.key.job] = run.key
                    return run
                self._changed.wait(RECHECK_SECONDS)
            return None

    def _next(self) -> Run | None:
        busy = self._building.keys() | self._runs.busy_jobs()
        in_hand = set(self._building.values())
        for run in self._runs.due(self._clock(), limit=1000):
            if run.key.job not in busy:
                return run
            if run.key not in in_hand | self._said_waiting:
                self._said_waiting.add(run.key)
                self._emit(
                    "run.waiting", job=run.key.job, run=str(run.key), due=run.key.due,
                    reason="an earlier run of this job is still being built",
                )  # fmt: skip
        return None

    def _build(self, run: Run) -> None:
        project = self._project()
        try:
            reason = stale(run, project, self._clock())
            if reason:
                self._runs.skip(run.key, reason, self._clock())
                self._emit("run.skipped", job=run.key.job, run=str(run.key), due=run.key.due, reason=reason)
            else:
                self._builder.build(project, run.key)
                self._built()
        finally:
            with self._changed:
                self._building.pop(run.key.job, None)
                self._said_waiting.discard(run.key)
                self._changed.notify_all()
