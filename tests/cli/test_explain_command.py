"""`pipeline explain`: the rule, the class and what follows, with an operator's rules before ours."""

from datetime import datetime, timedelta
from pathlib import Path

import pytest
from projects import json_lines, make_project, pipeline

RULES = """\
rules:
  - {name: intake, text: intake busy, class: RATE, action: pause, wait: 10 minutes, mailers: relay}
"""
JOBS = """\
defaults: {from: a@example.com, mailer: relay}
mailers: {relay: {smtp: "smtp://mail.example.com"}, inbox: {local: var/inbox}}
jobs:
  sales: {data: reports/data/sales.csv, to: team@example.com}
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    return make_project(tmp_path, JOBS)


def explained(project: Path, *arguments: str) -> list[dict]:
    shown = pipeline(project, "explain", *arguments, "--json")
    assert shown.returncode == 0, shown.stderr
    return json_lines(shown.stdout)


def seconds_until(text: str) -> float:
    return (datetime.fromisoformat(text) - datetime.now().astimezone()).total_seconds()


def test_it_names_the_rule_and_what_follows(project):
    shown = pipeline(project, "explain", "550 5.7.1 Relaying denied", "--phase", "rcpt")
    assert shown.returncode == 0, shown.stderr
    lines = shown.stdout.splitlines()
    unquoted = pipeline(project, "explain", "550", "5.7.1", "Relaying", "denied", "--phase", "rcpt")
    assert unquoted.stdout.splitlines()[:4] == lines[:4]
    assert lines[:4] == [
        "at rcpt",
        "  rule    relay-denied",
        "  class   PERM_SENDER, concerning the account",
        "  action  wait: the delivery is deferred, nothing is charged: the letter is not at fault",
    ]
    assert lines[4].startswith("  next    20")


def test_without_a_phase_it_tells_where_it_would_mean_what(project):
    found = explained(project, "421 4.7.0 Try again in 300 seconds")
    assert [line["phase"] for line in found][:2] == [["greeting"], ["ehlo"]]
    assert sorted(phase for line in found for phase in line["phase"]) == sorted(
        ["greeting", "ehlo", "starttls", "auth", "mail", "rcpt", "data", "dot"]
    )
    [greeting] = [line for line in found if "greeting" in line["phase"]]
    assert (greeting["class"], greeting["action"], greeting["alerts_at"]) == ("RATE", "pause", 3)
    assert 305 < seconds_until(greeting["pause_until"]) <= 310


def test_an_operators_rule_comes_first_for_its_mailer_alone(project):
    (project / "rules.yaml").write_text(RULES)
    answer = "451 4.3.0 Intake busy"
    assert explained(project, answer, "--phase", "rcpt", "--mailer", "inbox")[0]["rule"] == "rcpt-later"
    [own] = explained(project, answer, "--phase", "rcpt", "--mailer", "relay")
    assert (own["rule"], own["class"], own["wait"]) == ("own:intake", "RATE", 600.0)
    assert timedelta(seconds=595) < timedelta(seconds=seconds_until(own["pause_until"])) <= timedelta(seconds=600)


def test_several_lines_are_read_as_one_answer(project):
    [found] = explained(project, "550-5.1.1 The account\n550 5.1.1 does not exist", "--phase", "rcpt")
    assert (found["class"], found["enhanced"]) == ("PERM_RCPT", "5.1.1")


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        ("", "there is nothing in it"),
        ("denied", "it does not begin with a code like 550"),
        ("55 no", "it does not begin with a code like 550"),
        ("999 x", "it does not begin with a code like 550"),
        ("250 ok\n550 no", "there is more than one in it"),
    ],
)
def test_what_is_no_answer_is_refused(project, answer, why):
    shown = pipeline(project, "explain", answer)
    assert (shown.returncode, f"is no answer ({why})" in shown.stderr) == (2, True), shown.stdout + shown.stderr


def test_check_finds_what_is_wrong_with_the_rules(project):
    (project / "rules.yaml").write_text(RULES.replace("relay", "rely"))
    shown = pipeline(project, "check")
    assert shown.returncode == 2
    assert 'rules.yaml:2:94: there is no mailer "rely"; did you mean "relay"?' in shown.stderr
