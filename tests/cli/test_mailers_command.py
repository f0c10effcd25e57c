"""`pipeline mailers` on a real project: what it shows, how it resumes, and that no secret shows."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from projects import json_lines, make_project, pipeline

from pipeline.ledger.ways import Circuit
from pipeline.wiring import Workspace

JOBS = """\
defaults: {from: a@example.com, mailer: relay}
mailers:
  relay:
    smtp: ${SMTP_URL}
    connections: 2
    limits: {per_second: 14, per_hour: 2000, message_size: 25MB}
  inbox: {local: var/inbox}
jobs:
  sales: {data: reports/data/sales.csv, to: team@example.com}
"""
URL = "smtp://reports:canary-7f3a@mail.example.com:587"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    return make_project(tmp_path, JOBS, _dot_env=f"SMTP_URL={URL}\n")


def rest(project: Path) -> datetime:
    until = datetime.now(UTC).replace(microsecond=0) + timedelta(hours=1)
    circuit = Circuit("relay", until - timedelta(hours=2), until, 2, True, "AUTH", "auth", 535, "5.7.8", "r", "Denied")
    with Workspace(project) as workspace:
        workspace.outbox.change_circuit("relay", lambda _: circuit)
    return until


def test_it_shows_every_way_out(project):
    shown = pipeline(project, "mailers")
    assert shown.returncode == 0, shown.stderr
    assert shown.stdout == (
        "relay\n"
        "  way out  mail.example.com:587, STARTTLS, up to 2 connections\n"
        "  circuit  closed\n"
        "  limits   14 a second; 0 of 2000 used in the last hour, 2000 left; messages up to 25.0 MB\n"
        "  waiting  0\n"
        "inbox\n"
        "  way out  the folder var/inbox\n"
        "  circuit  closed\n"
        "  limits   none\n"
        "  waiting  0\n"
    )


def test_one_that_rests_says_until_when_and_why_and_an_operator_ends_it(project):
    until = rest(project)
    shown = pipeline(project, "mailers", "relay")
    assert f"  circuit  open until {until:%Y-%m-%dT%H:%M:%SZ} because of AUTH at auth since" in shown.stdout
    assert ", 2 times in a row: 535 5.7.8 Denied\n" in shown.stdout
    [facts] = json_lines(pipeline(project, "mailers", "relay", "--json").stdout)
    assert (facts["circuit"], facts["class"], facts["failures"]) == ("open", "AUTH", 2)
    done = pipeline(project, "mailers", "relay", "--resume", "--by", "ana", "--why", "new password")
    assert (done.returncode, done.stdout) == (
        0,
        "relay sends again: `pipeline serve` within a second, or `pipeline deliver` now\n",
    )
    log = json_lines((project / "var/log/delivery.jsonl").read_text())
    assert [line["event"] for line in log] == ["operator.acted", "mailer.resumed", "alert.cleared"]
    assert (log[0]["by"], log[0]["reason"]) == ("ana", "mailer relay: new password")
    again = pipeline(project, "mailers", "relay", "--resume")
    assert again.stdout == "relay does not rest; nothing changed\n"
    assert json_lines(pipeline(project, "mailers", "relay", "--json").stdout)[0]["circuit"] == "closed"


def test_it_shows_no_secret(project):
    rest(project)
    for arguments in (["mailers"], ["mailers", "--json"], ["mailers", "relay", "--resume", "--json"]):
        shown = pipeline(project, *arguments)
        assert shown.returncode == 0
        assert "canary" not in shown.stdout + shown.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["rely"], 'there is no mailer "rely"; did you mean "relay"?'),
        (["--resume"], "--resume needs the mailer's name"),
    ],
)
def test_what_it_cannot_know_is_an_error_with_advice(project, arguments, said):
    shown = pipeline(project, "mailers", *arguments)
    assert (shown.returncode, said in shown.stderr) == (2, True)
