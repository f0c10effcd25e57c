"""Builders in turn: no run, and no slow ledger, keeps the others from theirs."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from projects import make_project

from pipeline.engine.dispatcher import Dispatcher
from pipeline.ledger.records import Run, RunKey
from pipeline.ledger.runs import Runs
from pipeline.ledger.states import RunState
from pipeline.wiring import Workspace

NOW = datetime(2026, 3, 2, 7, 0, tzinfo=UTC)
EACH = "{schedule: {every: 1 hour, missed: all}, data: reports/data/sales.csv, to: b@example.com}"
JOBS = "defaults: {from: a@example.com}\njobs:\n" + "".join(f"  {name}: {EACH}\n" for name in ("bad", "good", "late"))
PATIENCE = 30


class Bench:
    """Stands where a Builder does: notes what it is given and skips it, or raises what it was told to."""

    def __init__(self, runs: Runs) -> None:
        self.runs = runs
        self.raises: dict[str, Exception] = {}
        self.built: list[RunKey] = []
        self.tried: list[RunKey] = []
        self.news = threading.Condition()

    def build(self, _project: object, key: RunKey) -> Run | None:
        with self.news:
            self.tried.append(key)
            self.news.notify_all()
        if key.job in self.raises:
            raise self.raises[key.job]
        run = self.runs.start(key, f"bench {key}", NOW + timedelta(minutes=1), NOW)
        if run is not None:
            self.runs.skip(key, "done", NOW)
            with self.news:
                self.built.append(key)
                self.news.notify_all()
        return run

    def until(self, done: Callable[[], bool]) -> bool:
        with self.news:
            return self.news.wait_for(done, PATIENCE)


class Scene:
    def __init__(self, folder: Path) -> None:
        self.workspace = Workspace(make_project(folder, JOBS), clock=lambda: NOW, environ={})
        self.bench = Bench(self.workspace.runs)
        self.events: list[tuple[str, str]] = []

    def due(self, job: str, hours: int = 0) -> RunKey:
        key = RunKey(job, NOW + timedelta(hours=hours))
        self.workspace.runs.ensure(key, NOW)
        return key

    @contextmanager
    def working(self, runs: Runs | None = None, recheck: float = 0.05, **more: Any) -> Iterator[Dispatcher]:
        bench: Any = self.bench
        dispatcher = Dispatcher(
            runs=runs or self.workspace.runs,
            builder=bench,
            project=lambda: self.workspace.project,
            clock=lambda: NOW,
            emit=lambda event, /, **fields: self.events.append((event, str(fields.get("reason")))),
            size=1,
            recheck=recheck,
            **more,
        )
        dispatcher.start()
        try:
            yield dispatcher
        finally:
            assert dispatcher.stop(timedelta(seconds=PATIENCE))


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    made = Scene(tmp_path)
    yield made
    made.workspace.close()


def test_a_run_that_raises_before_it_begins_rests_longer_each_time_and_starves_nobody(scene: Scene) -> None:
    scene.bench.raises["bad"] = ZeroDivisionError("a defect")
    bad, good = scene.due("bad"), [scene.due("good", hours=hours) for hours in range(1, 40)]
    with scene.working():
        assert scene.bench.until(lambda: len(scene.bench.built) == len(good))
        assert scene.bench.built == good
        scene.bench.raises.clear()
        assert scene.bench.until(lambda: bad in scene.bench.built)
    assert 1 < scene.bench.tried.count(bad) < len(good)  # it doubles: never as often as the others
    assert ("service.error", "a builder rests and tries again") in {(event, why[:31]) for event, why in scene.events}


def test_what_was_cancelled_since_it_was_read_is_no_error(scene: Scene) -> None:
    keys = [scene.due(job) for job in ("bad", "good", "late")]
    first = threading.Event()

    class Cancels(Runs):
        def turns(self, now: datetime, limit: int = 1000) -> Any:
            found = super().turns(now, limit)
            if not first.is_set():
                first.set()
                self.skip(keys[1], "cancelled", NOW)
            return found

    with scene.working(Cancels(scene.workspace.engine)):
        assert scene.bench.until(lambda: len(scene.bench.built) == 2)
    assert scene.bench.built == [keys[0], keys[2]]
    assert scene.events == []


def test_a_job_that_another_process_has_begun_with_waits(scene: Scene) -> None:
    scene.due("bad")
    one, two = scene.due("good", 1), scene.due("good", 2)
    first = threading.Event()

    class Elsewhere(Runs):
        def turns(self, now: datetime, limit: int = 1000) -> Any:
            found = super().turns(now, limit)
            if not first.is_set():
                first.set()
                assert self.start(two, "elsewhere", NOW + timedelta(minutes=1), NOW)
            return found

    with scene.working(Elsewhere(scene.workspace.engine)):
        assert scene.bench.until(lambda: len(scene.bench.built) == 1)
        scene.workspace.runs.skip(two, "done", NOW)
        assert scene.bench.until(lambda: one in scene.bench.built)
    assert scene.bench.tried.count(one) == 1


def test_a_slow_ledger_holds_up_neither_a_wake_up_nor_a_stop(scene: Scene) -> None:
    asked, answer = threading.Event(), threading.Event()

    class Slow(Runs):
        def turns(self, now: datetime, limit: int = 1000) -> Any:
            asked.set()
            answer.wait(PATIENCE)
            return super().turns(now, limit)

    with scene.working(Slow(scene.workspace.engine)) as dispatcher:
        assert asked.wait(PATIENCE)
        woken = threading.Thread(target=dispatcher.wake)
        woken.start()
        woken.join(5)
        held_up = woken.is_alive()
        answer.set()
        assert not held_up


def test_many_due_runs_are_read_once_and_built_in_the_order_in_which_they_were_due(scene: Scene) -> None:
    reads = []
    keys = [scene.due(job, hours) for hours, job in enumerate(("late", "good", "bad"))]

    class Counts(Runs):
        def turns(self, now: datetime, limit: int = 1000) -> Any:
            reads.append(now)
            return super().turns(now, limit)

    with scene.working(Counts(scene.workspace.engine), recheck=60):
        assert scene.bench.until(lambda: len(scene.bench.built) == 3)
        assert len(reads) <= 2  # the second finds nothing more
    assert scene.bench.built == keys


def test_the_due_run_of_a_disabled_job_waits_for_whoever_enables_it(scene: Scene) -> None:
    file = scene.workspace.root / "jobs.yaml"
    file.write_text(file.read_text().replace("bad: {", "bad: {enabled: false, "))
    paused, other = scene.due("bad"), scene.due("good", 1)
    with scene.working():
        assert scene.bench.until(lambda: other in scene.bench.built)
    assert scene.bench.tried == [other]
    found = scene.workspace.runs.get(paused)
    assert found is not None
    assert found.state is RunState.DUE


@pytest.mark.parametrize("judges", [False, True])
def test_only_who_plans_ends_runs_of_jobs_that_its_project_does_not_know(scene: Scene, judges: bool) -> None:
    unknown, other = scene.due("newer"), scene.due("good", 1)
    with scene.working(judges=judges):
        assert scene.bench.until(lambda: other in scene.bench.built)
    found = scene.workspace.runs.get(unknown)
    assert found is not None
    assert found.state is (RunState.SKIPPED if judges else RunState.DUE)
