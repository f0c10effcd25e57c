"""Trouble with a job is told when it begins and when it is over; what waits for a decision, each time."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from house import House, text_of
from projects import make_project

from pipeline.engine.build import build
from pipeline.engine.notices import compose_notice
from pipeline.engine.process import Children
from pipeline.errors import BuildCancelledError
from pipeline.ledger.records import RunKey
from pipeline.ledger.states import RunState

JOBS = """\
defaults: {from: Reports <reports@example.com>, owner: ana@example.com, delivery: {expires: 100 days}}
jobs:
  daily:
    data: sales.csv
    to: team@example.com
    gate: GATE
"""
GOOD = ("2026-03-01,Berlin,3", "2026-03-02,Paris,5")


@pytest.fixture
def house(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[House]:
    house = House(make_project(tmp_path, JOBS.replace("GATE", request.param)))
    with house.workspace:
        yield house


def subjects(house: House, to: str = "ana@example.com") -> list[str]:
    return [mail["Subject"] for mail in house.all_mails() if mail["To"] == to]


@pytest.mark.parametrize("house", ["{expect: len(sales) > 1, on_failure: skip}"], indirect=True)
def test_an_owner_is_told_once_of_a_gate_that_keeps_failing_and_once_when_it_is_over(house: House) -> None:
    for day in range(3):
        house.sales()
        assert house.run(day).state is RunState.SKIPPED
    house.sales(*GOOD)
    assert [house.run(day).state for day in (3, 4)] == [RunState.DELIVERED] * 2
    assert subjects(house) == ["Daily was not sent (March 1, 2026)", "Daily is right again (March 4, 2026)"]
    assert "pipeline runs daily" in text_of(house.mails()["ana@example.com"])
    raised, cleared = house.events("alert.raised"), house.events("alert.cleared")
    assert [line["run"] for line in (*raised, *cleared)] == ["daily@20260302T070000Z", "daily@20260305T070000Z"]
    house.sales()
    house.run(5)
    assert len(subjects(house)) == len(house.events("alert.raised")) + 1 == 3


@pytest.mark.parametrize("house", ["{expect: len(sales) > 1, send_when: sales.units.max() > 9}"], indirect=True)
def test_what_is_not_worth_sending_is_right_again_too(house: House) -> None:
    house.sales()
    house.run(0)
    house.sales(*GOOD)
    assert house.run(1).state is RunState.SKIPPED
    assert subjects(house)[1:] == ["Daily is right again (March 2, 2026)"]


@pytest.mark.parametrize("house", ["{expect: len(sales) > 1}"], indirect=True)
def test_each_run_that_is_held_asks_its_owner(house: House) -> None:
    house.sales()
    assert [house.run(day).state for day in (0, 1)] == [RunState.HELD] * 2
    assert subjects(house) == ["Daily is held (March 1, 2026)", "Daily is held (March 2, 2026)"]
    assert len(house.events("alert.raised")) == 1


@pytest.mark.parametrize("house", ["{expect: len(sales) > 1, on_failure: skip}"], indirect=True)
def test_another_kind_of_trouble_is_news(house: House) -> None:
    for day, data in enumerate(("", "", None, None, "")):
        house.sales()
        if data is None:
            (house.root / "sales.csv").unlink()
        house.run(day)
    assert [subject.partition(" (")[0] for subject in subjects(house)] == [
        "Daily was not sent", "Daily failed", "Daily was not sent",
    ]  # fmt: skip


@pytest.mark.parametrize("house", ["{expect: len(sales) > 1, on_failure: skip}"], indirect=True)
def test_only_what_was_due_before_counts(house: House) -> None:
    house.sales()
    house.run(5)
    house.sales(*GOOD)
    house.run(3)  # a backfill: nothing has recovered by it
    house.sales()
    house.run(6)
    assert subjects(house) == ["Daily was not sent (March 6, 2026)"]


@pytest.mark.parametrize(("died", "told"), [(3, True), (5, True), (6, False)])
@pytest.mark.parametrize("house", ["{expect: len(sales) > 1, on_failure: skip}"], indirect=True)
def test_a_run_whose_builders_died_fails_and_its_owner_is_told(house: House, died: int, told: bool) -> None:
    """Unless telling him has ended three processes, too."""
    house.sales(*GOOD)
    key = house.run(0).key
    lost, runs = type(key)(key.job, key.due + timedelta(days=1)), house.workspace.runs
    runs.ensure(lost, house.now)
    for number in range(died):
        runs.start(lost, f"dead-{number}", house.now + timedelta(minutes=2), house.now)
        runs.recover(house.now, [f"dead-{number}"])
    run = house.workspace.builder.give_up(house.workspace.project, lost, "its builder died 3 times")
    assert run is not None
    assert (run.state, run.reason) == (RunState.FAILED, "its builder died 3 times")
    house.follow(0)
    with house.workspace.worker() as worker:
        worker.run_until_idle()
    assert subjects(house) == (["Daily failed (March 2, 2026)"] if told else [])


class Stopped(Children):
    """The service stops while one call is under way."""

    def __init__(self, function: Any) -> None:
        super().__init__()
        self._at = function

    def call(self, function: Any, *arguments: Any) -> Any:
        if function is self._at:
            self.cancel_all()
        return super().call(function, *arguments)


@pytest.mark.parametrize("at", [build, compose_notice])
@pytest.mark.parametrize("house", ["{expect: len(sales) > 1, on_failure: skip}"], indirect=True)
def test_a_stop_is_nobodys_death_and_leaves_no_notice_behind(house: House, at: Any) -> None:
    house.sales()
    key = RunKey("daily", house.now)
    house.workspace.runs.ensure(key, house.now)
    for _ in range(3):
        house.workspace.__dict__.pop("builder", None)
        house.workspace.__dict__["children"] = Stopped(at)
        with pytest.raises(BuildCancelledError):
            house.build()
    runs = house.workspace.runs.find()
    assert [(run.state, run.builds) for run in runs if not run.key.variant] == [(RunState.DUE, 0)]
    assert {run.state for run in runs if run.key.variant} <= {RunState.FAILED}
    assert len(runs) == (4 if at is compose_notice else 1)


@pytest.mark.parametrize("house", ["{expect: len(sales) > 1, on_failure: skip}"], indirect=True)
def test_a_notice_that_was_taken_away_meanwhile_is_not_told_as_queued(house: House) -> None:
    """Its run is ended by somebody else just before the commit that would have queued it."""
    house.sales()

    class Takes(Children):
        def call(self, function: Any, *arguments: Any) -> Any:
            result = super().call(function, *arguments)
            if function is compose_notice:
                (notice,) = [run.key for run in house.workspace.runs.open_runs("daily") if run.key.variant]
                house.workspace.runs.fail(notice, "taken away", house.now)
            return result

    house.workspace.__dict__["children"] = Takes()
    assert house.run().state is RunState.SKIPPED
    assert house.events("run.queued") == []
