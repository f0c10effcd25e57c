"""The ledger fails under a build: the run is due again a little later, and nobody else's run is ended."""

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from projects import json_lines, make_project
from sqlalchemy import Engine, select, update

from pipeline.engine.builder import Builder, Folders, back_off
from pipeline.engine.dispatcher import given_up
from pipeline.engine.notices import compose_notice
from pipeline.engine.owner import LEASE
from pipeline.engine.process import Children
from pipeline.ledger.database import read, write
from pipeline.ledger.records import Run, RunKey
from pipeline.ledger.schema import runs
from pipeline.ledger.states import RunState
from pipeline.single_run import follow
from pipeline.wiring import Workspace

DUE = datetime(2026, 3, 2, 7, 0, tzinfo=UTC)
KEY = RunKey("daily", DUE)
JOBS = """\
defaults: {from: Reports <reports@example.com>, owner: Ana <ana@example.com>, delivery: {expires: 100 days}}
jobs:
  daily: {schedule: 0 7 * * *, data: DATA, to: team@example.com}
"""


@dataclass
class House:
    """A project, its workspace, a clock that the test moves, and a builder whose children have a ledger of their own
    to lose."""

    root: Path
    data: str = "reports/data/sales.csv"
    now: datetime = DUE
    workspace: Workspace = field(init=False)

    def __post_init__(self) -> None:
        project = make_project(self.root, JOBS.replace("DATA", self.data))
        self.workspace = Workspace(project, clock=lambda: self.now, environ={})
        self.workspace.runs.ensure(KEY, self.now)
        (self.root / "childs").symlink_to(self.root / "var")

    def builder(self, children: Children | None = None, **more: Any) -> Builder:
        workspace = self.workspace
        return Builder(
            runs=workspace.runs,
            memory=workspace.memory,
            ledger_url="sqlite:///childs/ledger.sqlite3",
            folders=Folders(self.root, workspace.var, workspace.artifacts, workspace.owners),
            children=children or workspace.children,
            clock=lambda: self.now,
            emit=workspace.log.emit,
            masked=str,
            **more,
        )

    def build(self, builder: Builder | None = None) -> Run | None:
        return (builder or self.builder()).build(self.workspace.project, KEY)

    def lose(self) -> None:
        """The children's ledger is gone, as a disk or a server is."""
        (self.root / "childs").unlink()
        (self.root / "childs").touch()

    def find(self) -> None:
        (self.root / "childs").unlink()
        (self.root / "childs").symlink_to(self.root / "var")

    def lines(self, event: str) -> list[dict[str, Any]]:
        lines = json_lines(self.workspace.log_file.read_text(encoding="utf-8"))
        return [line for line in lines if line["event"] == event]


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    made = House(tmp_path)
    yield made
    made.workspace.close()


def test_it_is_due_again_later_and_built_when_the_ledger_is_back(house: House) -> None:
    house.lose()
    waiting = house.build()
    assert waiting is not None
    assert (waiting.state, waiting.builds, waiting.not_before) == (RunState.DUE, 0, DUE + timedelta(seconds=15))
    assert "childs" in waiting.reason
    assert house.lines("run.waiting")[0]["reason"].startswith("it is built again soon: the ledger")
    assert house.workspace.runs.turns(house.now) == []
    house.find()
    house.now += timedelta(seconds=15)
    assert [turn.run.key for turn in house.workspace.runs.turns(house.now)] == [KEY]
    built = house.build()
    assert built is not None
    assert (built.state, built.reason) == (RunState.QUEUED, "")
    assert house.lines("run.failed") == house.lines("alert.raised") == []


@pytest.mark.parametrize(("waited", "pause"), [(0, 15), (60, 15), (120, 30), (400, 100), (480, 120), (100_000, 120)])
def test_the_longer_it_waits_the_longer_it_rests(waited: int, pause: int) -> None:
    assert back_off(timedelta(seconds=waited)) == timedelta(seconds=pause)


class Meddles(Children):
    """Does something after the first call has ended."""

    def __init__(self, meddle: Callable[[], None]) -> None:
        super().__init__()
        self._meddle = meddle

    def call(self, *arguments: Any) -> Any:
        try:
            return super().call(*arguments)
        finally:
            meddle, self._meddle = self._meddle, lambda: None
            meddle()


def change(engine: Engine, **values: object) -> None:
    with write(engine) as connection:
        connection.execute(update(runs).where(runs.c.key == str(KEY)).values(**values))


def test_a_run_that_another_has_taken_over_is_not_failed_by_the_first(house: House) -> None:
    engine = house.workspace.engine
    other = {"owner": "another", "lease_until": DUE + LEASE}
    assert house.build(house.builder(Meddles(lambda: change(engine, **other)))) is None
    run = house.workspace.runs.get(KEY)
    assert run is not None
    assert run.state is RunState.BUILDING
    assert "counts no more" in house.lines("service.error")[0]["reason"]
    assert house.lines("run.failed") == []


def test_a_ledger_that_stays_away_is_told_as_soon_as_it_is_back(house: House) -> None:
    """It is gone for the child, and then for the parent too."""
    ledger, away = house.root / "var/ledger.sqlite3", house.root / "var/away"
    house.lose()
    tries: list[float] = []

    class Patient(Meddles):
        def wait(self, seconds: float) -> None:
            tries.append(seconds)
            if len(tries) == 2:
                ledger.rmdir()
                away.rename(ledger)

    def take_away() -> None:
        house.workspace.engine.dispose()
        ledger.rename(away)
        ledger.mkdir()

    waiting = house.build(house.builder(Patient(take_away)))
    assert waiting is not None
    assert (waiting.state, tries) == (RunState.DUE, [5.0, 5.0])


@pytest.mark.parametrize("given_up_at_once", [False, True])
def test_the_lease_is_kept_while_the_owner_is_told_of_a_failure(tmp_path: Path, given_up_at_once: bool) -> None:
    house = House(tmp_path, "reports/data/absent.csv")
    seen: list[datetime] = []

    def lease() -> datetime:
        with read(house.workspace.engine) as connection:
            return connection.execute(select(runs.c.lease_until).where(runs.c.key == str(KEY))).scalar_one()

    class Tells(Children):
        def call(self, function: Any, *arguments: Any) -> Any:
            if function is compose_notice:
                house.now += timedelta(seconds=40)
                for _ in range(1000):
                    seen.append(lease())
                    if seen[-1] == house.now + LEASE:
                        break
                    threading.Event().wait(0.01)
            return super().call(function, *arguments)

    with house.workspace:
        builder = house.builder(Tells(), beat_seconds=0.02)
        if given_up_at_once:
            failed = builder.give_up(house.workspace.project, KEY, "its builder died 3 times")
        else:
            failed = house.build(builder)
    assert failed is not None
    assert failed.state is RunState.FAILED
    assert seen[-1] == house.now + LEASE


def test_a_run_that_is_asked_for_again_is_not_given_up_by_a_service_beside_it(house: House) -> None:
    runs = house.workspace.runs
    runs.fail(KEY, "it was wrong", house.now)
    change(house.workspace.engine, builds=3)
    house.now += timedelta(days=30)
    looked: list[object] = []
    project = house.workspace.project

    def progress(_: object) -> None:
        run = runs.get(KEY)
        assert run is not None
        looked.append(given_up(run, project, house.now, run))

    followed = follow(house.workspace, KEY, on_progress=progress)
    assert followed.run.state is RunState.DELIVERED
    assert looked
    assert set(looked) == {None}
