"""Works off the due runs of the ledger: the earliest first, a bounded number at once, one at a time of each job."""

import math
import threading
import time
from collections.abc import Callable
from datetime import datetime, timedelta

from pipeline.engine.builder import ATTEMPTS, Builder
from pipeline.errors import BuildCancelledError, IllegalTransitionError, LedgerError, place_and_words
from pipeline.jobs.model import Job, Project
from pipeline.ledger.records import Run, RunKey, Turn
from pipeline.ledger.runs import Runs
from pipeline.ledger.states import RunState
from pipeline.observe.log import Emit

RECHECK_SECONDS = 5.0
"""How long an idle builder waits before it looks again for what other processes have made due."""
_LONGEST_REST = 300.0
"""Seconds that a run which raised is left alone, at most."""

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
        return RunState.FAILED, f"its builder died {ATTEMPTS} times"
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
    """A few threads that build what is due, until stopped. `wake` tells them that there is something new.

    What is due is read some runs ahead, the first of each job, so that ten thousand due runs are not read ten thousand
    times; what is no longer so when its turn comes, the ledger refuses to start. A run that raises rests, the longer
    the more often: whatever is wrong with it is not the others' trouble.
    """

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
        judges: bool = True,
        recheck: float = RECHECK_SECONDS,
    ) -> None:
        """`built` is called after each build: its letters may be in the outbox. `judges`: whether a run may end unbuilt
        because of what the project here says of its job; one that does not plan leaves it to one that does."""
        self._runs = runs
        self._builder = builder
        self._project = project
        self._clock = clock
        self._emit = emit
        self._built = built
        self._judges = judges
        self._recheck = recheck
        self._reading = threading.Lock()
        """Held by the thread that asks the ledger; never while `_changed` is."""
        self._changed = threading.Condition()
        """Guards everything below."""
        self._stopping = False
        self._wakes = 0
        self._building: dict[str, RunKey] = {}
        """Job → its run that one of these threads has in hand."""
        self._ahead: list[Turn] = []
        self._read_at = -math.inf
        self._resting: dict[RunKey, tuple[int, float]] = {}
        """Run that raised → how often, and until when (monotonic) it is left alone."""
        self._said_waiting: dict[str, RunKey] = {}
        self._threads = [
            threading.Thread(target=self._work, name=f"builder-{number}", daemon=True) for number in range(1, size + 1)
        ]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def wake(self) -> None:
        with self._changed:
            self._wakes += 1
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
                self._changed.wait(self._recheck)

    def _take(self) -> tuple[Run, Given | None] | None:
        """The next run to build or to give up, its job marked busy; None when stopping."""
        while True:
            with self._changed:
                if self._stopping:
                    return None
                seen = self._wakes
            found = self._next()
            if found is not None:
                return found
            with self._changed:
                if self._wakes == seen and not self._stopping:
                    self._changed.wait(self._recheck)

    def _next(self) -> tuple[Run, Given | None] | None:
        found = self._pick() if time.monotonic() - self._read_at < self._recheck else None
        if found is not None:
            return found
        with self._reading:
            self._read()
            return self._pick()

    def _pick(self) -> tuple[Run, Given | None] | None:
        """One of the runs that were read ahead."""
        project, now = self._project(), self._clock()
        with self._changed:
            for number, turn in enumerate(self._ahead):
                run = turn.run
                if run.key.job in self._building or self._rests(run.key):
                    continue
                given = given_up(run, project, now, turn.later)
                if given is not None and given[0] is not RunState.FAILED and not self._judges:
                    continue  # jobs.yaml may be an older one here
                if given is None and not project.jobs[run.key.job].enabled:
                    continue  # it waits for whoever disabled its job, as long as its grace
                del self._ahead[number]
                self._building[run.key.job] = run.key
                return run, given
        return None

    def _rests(self, key: RunKey) -> bool:
        return key in self._resting and self._resting[key][1] > time.monotonic()

    def _read(self) -> None:
        """What is due of each job that nobody builds for. What one of these threads has in hand may still look due."""
        with self._changed:
            in_hand = dict(self._building)
        turns = self._runs.turns(self._clock(), limit=1000)
        free = [turn for turn in turns if not turn.busy and turn.run.key.job not in in_hand]
        with self._changed:
            self._ahead, self._read_at = free, time.monotonic()
        for turn in turns:
            run = turn.run
            job = run.key.job
            waits = turn.busy or job in in_hand
            if waits and in_hand.get(job) != run.key and self._said_waiting.get(job) != run.key:
                self._said_waiting[job] = run.key
                self._emit(
                    "run.waiting", job=job, run=str(run.key), due=run.key.due,
                    reason="an earlier run of this job is still being built",
                )  # fmt: skip

    def _give_up(self, key: RunKey, state: RunState, reason: str) -> None:
        if state is RunState.FAILED:
            self._builder.give_up(self._project(), key, reason)
            self._built()
            return
        self._runs.abandon(key, state, reason, self._clock())
        self._emit(f"run.{state}", job=key.job, run=str(key), due=key.due, reason=reason)

    def _work_off(self, run: Run, given: Given | None) -> None:
        try:
            if run.key.job in self._runs.busy_jobs():
                return  # another process has begun with a run of this job since it was read
            if given is None:
                self._builder.build(self._project(), run.key)
                self._built()
            else:
                self._give_up(run.key, *given)
        except IllegalTransitionError:
            pass  # it was cancelled, or built by another process, since it was read
        except Exception:
            with self._changed:
                times, _ = self._resting.get(run.key, (0, 0.0))
                until = time.monotonic() + min(self._recheck * 2**times, _LONGEST_REST)
                self._resting[run.key] = (times + 1, until)
            raise
        else:
            self._resting.pop(run.key, None)
        finally:
            with self._changed:
                self._building.pop(run.key.job, None)
                self._changed.notify_all()
