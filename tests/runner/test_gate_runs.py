"""The gate in real runs: built in a child, written to the ledger, mailed to the local mailbox, told to the owner."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from house import DUE, House, text_of
from projects import inbox, json_lines, make_project, pipeline

from pipeline.engine.dispatcher import given_up
from pipeline.ledger.records import RunKey
from pipeline.ledger.states import DeliveryState, RunState

JOBS = """\
defaults: {from: Reports <reports@example.com>, owner: Ana <ana@example.com>, delivery: {expires: 100 days}}
jobs:
  daily:
    data: sales.csv
    to: team@example.com
    gate:
"""
OWN_PAGE = "<!DOCTYPE html><html lang='en'><body class='x'><p>{{ sales | length }} shops</p></body></html>"


@pytest.fixture
def house(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[House]:
    gate = "".join(f"      {line}\n" for line in request.param.splitlines())
    house = House(make_project(tmp_path, JOBS + gate))
    house.sales("2026-03-01,Berlin,3", "2026-03-02,Paris,5")
    with house.workspace:
        yield house


@pytest.mark.parametrize("house", ["expect: len(sales) > 5\non_failure: skip"], indirect=True)
def test_skip_sends_nothing_and_tells_the_owner_with_the_numbers(house: House) -> None:
    run = house.run()
    assert (run.state, run.reason) == (RunState.SKIPPED, "expected len(sales) > 5, but len(sales) is 2")
    mails = house.mails()
    assert list(mails) == ["Ana <ana@example.com>"]
    notice = mails["Ana <ana@example.com>"]
    assert notice["Subject"] == "Daily was not sent (March 1, 2026)"
    assert notice["Auto-Submitted"] == "auto-generated"
    assert "expected len(sales) > 5, but len(sales) is 2" in " ".join(text_of(notice).split())
    assert "pipeline run daily --at 2026-03-02T07:00:00Z" in text_of(notice)
    assert "expected len(sales) &gt; 5, but len(sales) is 2" in text_of(notice, "html")
    (skipped,) = house.events("run.skipped")
    assert skipped["reason"] == "expect: len(sales) > 5"  # no number of the report in the log

    house.sales(*["2026-03-02,Paris,5"] * 6)  # mended: who asks again gets it, and the notice stays what it was
    assert house.run().state is RunState.DELIVERED
    assert set(house.mails()) == {"Ana <ana@example.com>", "team@example.com"}
    keys = [str(found.key.variant) for found in house.workspace.runs.find()]
    assert sorted(keys) == ["", "notice-1"]


@pytest.mark.parametrize("house", ["expect: len(sales) > 5\non_failure: send"], indirect=True)
@pytest.mark.parametrize("template", [None, OWN_PAGE])
def test_send_puts_a_banner_over_any_template(house: House, template: str | None) -> None:
    if template:
        make_project(
            house.root,
            (house.root / "jobs.yaml").read_text() + "    message: {template: own}\n",
            templates__own_dot_html=template,
        )
        house.sales("2026-03-01,Berlin,3", "2026-03-02,Paris,5")
    assert house.run().state is RunState.DELIVERED
    mails = house.mails()
    for kind in ("plain", "html"):
        shown = text_of(mails["team@example.com"], kind)
        assert shown.index("did not pass their checks") < shown.index("shops" if template else "Berlin")
        assert "but len(sales) is 2" in " ".join(shown.split())
    assert mails["Ana <ana@example.com>"]["Subject"] == "Daily was sent with a warning (March 1, 2026)"


@pytest.mark.parametrize("house", ["expect: len(sales) > 5"], indirect=True)
def test_hold_composes_and_waits_for_the_owner(house: House) -> None:
    run = house.run()
    assert run.reason == "expected len(sales) > 5, but len(sales) is 2"
    assert house.workspace.outbox.counts(run=run.key) == {DeliveryState.HELD: 1}
    mails = house.mails()
    assert list(mails) == ["Ana <ana@example.com>"]
    assert f"pipeline release {run.key}" in " ".join(text_of(mails["Ana <ana@example.com>"]).split())
    assert [event["reason"] for event in house.events("run.held")] == ["expect: len(sales) > 5"]


@pytest.mark.parametrize("house", ["expect: sales.unitz.sum() > 0"], indirect=True)
def test_a_run_that_fails_tells_its_owner(house: House) -> None:
    run = house.run()
    assert run.state is RunState.FAILED
    assert run.reason == 'gate.expect "sales.unitz.sum() > 0": sales has no column "unitz"; did you mean "units"?'
    assert run.reason in " ".join(text_of(house.mails()["Ana <ana@example.com>"]).split())


@pytest.mark.parametrize(
    "house", ["send_when: sales.units.max() > 4 and sales.units.sum() != last.sales.units.sum()\nonly_changes: sales"],
    indirect=True,
)  # fmt: skip
def test_what_is_not_worth_sending_is_skipped_without_a_word_to_the_owner(house: House) -> None:
    assert house.run(0).state is RunState.DELIVERED
    again = house.run(1)
    assert again.state is RunState.SKIPPED
    assert again.reason.endswith("sales.units.sum() is 8 and last.sales.units.sum() is 8")
    house.sales("2026-03-01,Berlin,4", "2026-03-02,Paris,5")
    assert house.run(2).state is RunState.DELIVERED
    assert set(house.mails()) == {"team@example.com"}
    assert len(inbox(house.root)) == 2


FRESH = "fresh: {data: sales, column: day, within: 26 hours, wait: 2 hours}\non_failure: skip"


@pytest.mark.parametrize("house", [FRESH], indirect=True)
def test_old_data_is_waited_for_without_a_builder(house: House) -> None:
    runs = house.workspace.runs
    house.sales("2026-02-27,Berlin,3")
    runs.ensure(RunKey("daily", DUE), DUE)
    waiting = house.build()
    assert waiting.state is RunState.DUE
    assert waiting.not_before is not None
    assert runs.turns(house.now) == []
    assert runs.busy_jobs() == set()
    while runs.turns(house.now) == [] and house.now < DUE + timedelta(hours=1):
        house.now += timedelta(minutes=1)
    assert given_up(waiting, house.workspace.project, house.now) is None
    assert house.build().state is RunState.DUE
    assert len(house.events("run.waiting")) == len(house.events("run.started")) == 1  # each look is no news
    house.sales("2026-03-01,Berlin,3", "2026-03-02,Paris,5")
    house.now = DUE + timedelta(hours=1)
    assert house.build().state is RunState.QUEUED
    assert house.workspace.outbox.deliveries(run=RunKey("daily", DUE))[0].recipient == "team@example.com"


@pytest.mark.parametrize("house", [FRESH], indirect=True)
def test_patience_ends(house: House) -> None:
    house.sales("2026-02-27,Berlin,3")
    house.workspace.runs.ensure(RunKey("daily", DUE), DUE)
    house.now = DUE + timedelta(hours=2, seconds=1)
    run = house.build()
    assert run.state is RunState.SKIPPED
    assert "but its newest is 2026-02-27 00:00 UTC, 3.3 days old" in run.reason
    assert house.workspace.runs.get(RunKey("daily", DUE)) == run


@pytest.mark.parametrize("house", ["expect: len(sales) > 5\non_failure: send"], indirect=True)
def test_an_owner_who_may_not_be_mailed_is_not_mailed(house: House) -> None:
    text = (house.root / "jobs.yaml").read_text()
    (house.root / "jobs.yaml").write_text(f'allow_recipients: ["team@example.com"]\n{text}')
    assert house.run().state is RunState.DELIVERED
    assert set(house.mails()) == {"team@example.com"}
    assert "is not in allow_recipients" in str(house.events("alert.raised")[0]["reason"])


@pytest.mark.parametrize("house", ["expect: len(sales) > 5\non_failure: skip"], indirect=True)
def test_plan_says_what_the_gate_would_do_and_shows_the_report_all_the_same(house: House) -> None:
    asked = pipeline(house.root, "plan", "daily", "--at", "2026-03-02 07:00")
    assert asked.returncode == 0
    assert "gate: a run would skip now: expected len(sales) > 5, but len(sales) is 2\n" in asked.stdout
    assert "team@example.com" in asked.stdout
    said = json_lines(pipeline(house.root, "plan", "daily", "--at", "2026-03-02 07:00", "--json").stdout)
    assert {"gate": "skip", "reasons": ["expected len(sales) > 5, but len(sales) is 2"]} in said


@pytest.mark.parametrize("house", ["expect: len(sales) > 5"], indirect=True)
def test_what_is_held_goes_out_when_it_is_released(house: House) -> None:
    run = house.run()
    released = pipeline(house.root, "release", str(run.key), "--why", "Ana looked")
    assert (released.returncode, released.stderr) == (0, "")
    assert pipeline(house.root, "deliver").returncode == 0
    mail = house.mails()["team@example.com"]
    assert "did not pass their checks" not in text_of(mail)  # somebody has looked at it
    found = house.workspace.runs.get(run.key)
    assert found is not None
    assert found.state is RunState.DELIVERED
