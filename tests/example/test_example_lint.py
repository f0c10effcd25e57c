"""The example's mails have no fault that the lint can find, and the command says so by its exit status."""

import shutil
from pathlib import Path

import pytest
from projects import json_lines, make_project, pipeline

ROOT = Path(__file__).parents[2]
BURST = """\
defaults: {from: a@example.com}
jobs:
  burst:
    data: {people: reports/people.csv}
    message: {template: own, subject: "{{ title }} for you", preheader: "One line"}
    each: {data: people}
"""


@pytest.mark.parametrize(
    ("job", "at", "letters"), [("daily-delays", "2013-02-01 06:30", 1), ("carrier-weekly", "2013-01-28 07:00", 12)]
)
def test_the_example_is_clean(tmp_path: Path, job: str, at: str, letters: int) -> None:
    for name in ("reports", "templates"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "jobs.yaml", tmp_path)
    done = pipeline(tmp_path, "lint", job, "--at", at, "--strict")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[-1].startswith(f"{letters} message")
    assert all(line.startswith(("note: ", "no spam score: ")) for line in done.stdout.splitlines()[:-1])


def test_findings_are_counted_over_all_messages(tmp_path: Path) -> None:
    make_project(
        tmp_path,
        BURST,
        reports__people_dot_csv="email,n\na@example.com,1\nb@example.com,2\n",
        templates__own_dot_html='{% extends "layout.html" %}{% block content %}<p>{{ recipient.n }} {{ "nan" }}</p>'
        '{% if recipient.n == 2 %}<img src="https://x.org/a.png">{% endif %}{% endblock %}',
    )
    lines = json_lines((done := pipeline(tmp_path, "lint", "burst", "--json")).stdout)
    counted = {(line["rule"], line["level"]): (line["letters"], line["first"]) for line in lines}
    assert done.returncode == 1
    assert counted["leftover", "error"] == (2, "a@example.com")
    assert counted["alt-text", "error"] == (1, "b@example.com")
    own = json_lines(pipeline(tmp_path, "lint", "burst", "--json", "--for", "a@example.com").stdout)
    assert "alt-text" not in {line["rule"] for line in own}
    nobody = pipeline(tmp_path, "lint", "burst", "--for", "c@example.com")
    assert (nobody.returncode, nobody.stderr) == (
        2, "no message of burst goes to c@example.com; `pipeline plan burst` lists who gets one\n",
    )  # fmt: skip
