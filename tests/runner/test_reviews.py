"""`review`: composed and held; the reviewer gets the proof, and what they release is what they saw."""

import email
import email.policy
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from pathlib import Path

import pytest
from house import DUE, House, text_of
from projects import inbox, json_lines, make_project, pipeline

from pipeline.jobs.scalars import Mailbox
from pipeline.ledger.operator_records import Note
from pipeline.ledger.records import RunKey
from pipeline.ledger.states import DeliveryState, RunState
from pipeline.single_run import follow

JOBS = """\
defaults:
  from: Reports <reports@example.com>
  owner: ana@example.com
  review: true
jobs:
  daily:
    schedule: 0 7 * * *
    data: {sales: sales.csv, people: people.csv}
    message: {subject: "Sales of {{ recipient.shop }}"}
    exports: [{csv: sales}]
    each: {data: people, slice: {sales: shop}}
"""
PEOPLE = "email,shop\n" + "".join(
    f"{who}@example.com,{shop}\n" for who, shop in zip("bcdef", ["Berlin", "Paris"] * 3, strict=False)
)


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    house = House(make_project(tmp_path, JOBS, people_dot_csv=PEOPLE + "nobody,Rome\nb@example.com,Rome\n"))
    house.sales("2026-03-01,Berlin,3", "2026-03-02,Paris,5")
    with house.workspace:
        yield house


def proof_of(house: House) -> EmailMessage:
    (mail,) = [mail for mail in house.all_mails() if mail["Subject"] == "Daily waits for your review (March 1, 2026)"]
    return mail


def test_the_reviewer_sees_what_would_go_to_whom_and_nobody_else_hears_of_it(house: House) -> None:
    house.workspace.suppressions.add("F@example.com", "job:daily", Note("ana", DUE, "left"))
    followed = house.follow()
    run = followed.run
    assert (run.state, run.reason, followed.as_meant) == (
        RunState.HELD, "waits for a review by ana@example.com", True,
    )  # fmt: skip
    assert followed.counts == {DeliveryState.HELD: 5}
    assert [mail["To"] for mail in house.all_mails()] == ["ana@example.com"]
    for kind in ("plain", "html"):
        said = text_of(proof_of(house), kind)
        assert "5 messages to 5 recipients, " in said
        assert "The first 3 are attached" in said
        assert "row 6, nobody: " in said
        assert "row 7, b@example.com: row 1 has the same address" in said
        assert "f@example.com: suppressed for job daily by ana: left" in said
        assert f"pipeline release {run.key}" in said
        assert f"pipeline cancel {run.key}" in said
        assert all(f"{who}@example.com" in said for who in "bcdef")
        assert "Sales of Paris" in said
        assert "kB, sales.csv" in said
        assert "because you review" in said
    assert [line["reason"] for line in house.events("run.held")] == ["waits for a review by ana@example.com"]


def test_what_is_released_is_what_was_shown(house: House) -> None:
    run = house.run()
    house.sales("2026-03-01,Berlin,4")  # changed since: the mails are composed
    attached = {part.get_filename(): part.get_content() for part in proof_of(house).iter_attachments()}
    assert list(attached) == ["mail-1.eml", "mail-2.eml", "mail-3.eml"]
    released = pipeline(house.root, "release", str(run.key), "--why", "Ana looked")
    assert (released.returncode, released.stderr) == (0, "")
    house.now = datetime.now(UTC)
    with house.workspace.worker() as worker:
        worker.run_until_idle()
    came = {mail["To"]: mail for mail in house.all_mails()}
    assert set(came) == {"ana@example.com", *(f"{who}@example.com" for who in "bcdef")}
    for octets in attached.values():
        shown = email.message_from_bytes(octets.replace(b"\r\n", b"\n"), policy=email.policy.default)
        sent = came[shown["To"]]
        assert (shown["Message-ID"], shown["Subject"]) == (sent["Message-ID"], sent["Subject"])
        assert [part.get_content() for part in shown.walk() if not part.is_multipart()] == [
            part.get_content() for part in sent.walk() if not part.is_multipart()
        ]
    found = house.workspace.runs.get(run.key)
    assert found is not None
    assert (found.state, found.reason) == (RunState.DELIVERED, "")


def test_a_late_release_is_still_worth_sending_and_a_held_run_does_not_expire(house: House) -> None:
    run = house.run()
    house.now += timedelta(days=30)
    with house.workspace.worker() as worker:
        worker.run_until_idle()
    assert house.workspace.outbox.counts(run=run.key) == {DeliveryState.HELD: 5}
    assert pipeline(house.root, "release", str(run.key)).returncode == 0
    assert house.workspace.outbox.counts(run=run.key) == {DeliveryState.QUEUED: 5}


def test_asking_for_it_again_says_that_it_waits_and_asks_nobody_twice(house: House) -> None:
    house.run()
    again = house.follow()
    assert (again.run.state, again.already) == (RunState.HELD, True)
    assert len(inbox(house.root)) == 1


def test_a_builder_that_died_before_the_run_was_held_has_asked_nobody(house: House) -> None:
    key = RunKey("daily", DUE)
    house.workspace.runs.ensure(key, DUE)
    notice = RunKey("daily", DUE, "notice-1")
    house.workspace.runs.ensure(notice, DUE)
    for one in (key, notice):  # as they are while the proof is being composed
        assert house.workspace.runs.start(one, "dead", DUE + timedelta(seconds=60), DUE) is not None
    house.workspace.runs.recover(house.now, dead={"dead"})
    assert house.run().state is RunState.HELD
    assert len(house.all_mails()) == 1
    assert proof_of(house)["To"] == "ana@example.com"


def test_a_test_asks_nobody_and_a_repetition_does(house: House) -> None:
    test = RunKey("daily", DUE, "test-1")
    sent = follow(house.workspace, test, only_to=(Mailbox("me@example.com", ""),))
    assert sent.run.state is RunState.DELIVERED
    assert set(house.mails()) == {"me@example.com"}
    assert house.follow(variant="again-1").run.state is RunState.HELD
    assert proof_of(house)["To"] == "ana@example.com"


def test_cancel_gives_it_up(house: House) -> None:
    run = house.run()
    assert pipeline(house.root, "cancel", str(run.key)).returncode == 0
    found = house.workspace.runs.get(run.key)
    assert found is not None
    assert found.state is RunState.UNDELIVERED


def test_a_gate_that_fails_and_a_review_are_one_mail_to_one_person_and_two_to_two(house: House) -> None:
    text = (house.root / "jobs.yaml").read_text()
    (house.root / "jobs.yaml").write_text(text + "    gate: {expect: len(sales) > 5}\n    review: bo@example.com\n")
    run = house.run()
    assert run.reason == "expected len(sales) > 5, but len(sales) is 2"
    assert set(house.mails()) == {"ana@example.com", "bo@example.com"}
    assert "did not pass the gate: expected len(sales) > 5" in text_of(house.mails()["bo@example.com"])
    assert house.mails()["ana@example.com"]["Subject"] == "Daily is held (March 1, 2026)"


def test_the_command_line_says_that_it_waits_and_for_whom(house: House) -> None:
    asked = pipeline(house.root, "run", "daily", "--at", "2026-03-02 07:00")
    assert (asked.returncode, asked.stderr) == (0, "")
    assert "held: waits for a review by ana@example.com; `pipeline release daily@20260302T070000Z`" in asked.stdout
    listed = json_lines(pipeline(house.root, "runs", "--state", "held", "--json").stdout)
    assert [(line["run"], line["reason"]) for line in listed] == [
        ("daily@20260302T070000Z", "waits for a review by ana@example.com")
    ]
    assert "state     held: waits for a review by ana@example.com" in pipeline(house.root, "show", "daily").stdout
    assert ", held" in pipeline(house.root, "jobs").stdout


def test_a_mail_too_large_to_attach_is_listed(house: House) -> None:
    text = (house.root / "jobs.yaml").read_text()
    (house.root / "jobs.yaml").write_text(text + "    attach_limit: 40KB\n")
    house.run()
    proof = proof_of(house)
    assert len(list(proof.iter_attachments())) < 3
    assert len(proof.as_bytes()) <= 40_000
