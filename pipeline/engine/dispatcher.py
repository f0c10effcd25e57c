"""Works off the due runs of the ledger: the earliest first, a bounded number at once, one at a time of each job."""

import threading
import time
from collections.abc import Callable
from datetime import datetime, timedelta

from pipeline.engine.builder import Builder
from pipeline.errors import BuildCancelledError, LedgerError, place_and_words
from pipeline.jobs.model import Job, Project
from pipeline.ledger.records import Run, RunKey
from pipeline.ledger.runs import Runs
from pipeline.ledger.states import RunState
from pipeline.observe.log import Emit

ATTEMPTS = 3
"""Builds of one run that may die (kill, power) before it is given up: a report must not crash the service for ever."""
RECHECK_SECONDS = 5.0
"""How long an idle builder waits before it looks again for what other processes have made due."""


Given = tuple[RunState, str]
"""What a due run becomes that is not to be built any more, and why."""


def given_up(run: Run, project: Project, now: datetime, later: Run | None = None) -> Given | None:
    """What becomes of a due run instead of a report; None where it is to be built. Pure.

    `later` is the latest run of the same job that is due too.
    """
    job = project.jobs.get(run.key.job)
    if job is None:
        return RunState.SKIPPED, "its job is no longer in jobs.yaml"
    if run.builds >= ATTEMPTS:
        return RunState.FAILED, f"its builder died {run.builds} times"
    grace = max((entry.grace for entry in job.schedule), default=None)
    waiting_since = max(run.created_at, run.not_before or run.created_at)  # what waits for fresh data is not late
    if grace is not None and now - waiting_since > grace:
        if not job.enabled:
            return RunState.SKIPPED, "its job is disabled (enabled: false) until after its grace"
        since = f"{run.created_at:%Y-%m-%d %H:%M} UTC"
        return RunState.MISSED, f"it has been waiting for a builder since {since}, longer than its grace"
    if later is not None and _gives_way(run, later, job):
        return RunState.OVERLAPPED, f"it was still waiting to be built when {later.key} became due"
    return None


def _gives_way(run: Run, later: Run, job: Job) -> bool:
    """Whether a later due time takes a run's place, as it does of those that pass while nothing runs. What was begun,
    or waits for fresh data, is built all the same."""
    begun = run.builds > 0 or run.not_before is not None
    everything = any(entry.missed == "all" for entry in job.schedule)
    return bool(job.schedule) and not begun and not everything and run.created_at < later.created_at


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
                taken = self._take()
                if taken is None:
                    return
                self._work_off(*taken)
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

    def _take(self) -> tuple[Run, Given | None] | None:
        """The next run to build or to give up, its job marked busy; None when stopping."""
        with self._changed:
            while not self._stopping:
                found = self._next()
                if found is not None:
                    self._building[found[0].key.job] = found[0].key
                    return found
                self._changed.wait(RECHECK_SECONDS)
            return None

    def _next(self) -> tuple[Run, Given | None] | None:
        busy = self._building.keys() | self._runs.busy_jobs()
        in_hand = set(self._building.values())
        project, now = self._project(), self._clock()
        due = self._runs.due(now, limit=1000)
        latest = {run.key.job: run for run in due}
        for run in due:
            if run.key.job not in busy:
                given = given_up(run, project, now, latest[run.key.job])
                if given is None and not project.jobs[run.key.job].enabled:
                    continue  # it waits for whoever disabled its job, as long as its grace
                return run, given
            if run.key not in in_hand | self._said_waiting:
                self._said_waiting.add(run.key)
                self._emit(
                    "run.waiting", job=run.key.job, run=str(run.key), due=run.key.due,
                    reason="an earlier run of this job is still being built",
                )  # fmt: skip
        return None

    def _give_up(self, key: RunKey, state: RunState, reason: str) -> None:
        if state is RunState.FAILED:
            self._builder.give_up(self._project(), key, reason)
            self._built()
            return
        self._runs.abandon(key, state, reason, self._clock())
        self._emit(f"run.{state}", job=key.job, run=str(key), due=key.due, reason=reason)

    def _work_off(self, run: Run, given: Given | None) -> None:
        try:
            if given is None:
                self._builder.build(self._project(), run.key)
                self._built()
            else:
                self._give_up(run.key, *given)
        finally:
            with self._changed:
                self._building.pop(run.key.job, None)
                self._said_waiting.discard(run.key)
                self._changed.notify_all()
