"""No secret of the project is at rest in the ledger, the log or a mail, whatever an analyst's code says."""

from pathlib import Path

from projects import inbox, make_project, pipeline

CANARY = "c4nary-p4ssword"
JOBS = """\
defaults: {from: Reports <a@example.com>}
sources: {db: "postgresql://reader:${DB_PASSWORD}@db.example.com/sales"}
jobs:
  leaky: {schedule: 0 7 * * mon, data: {x: {python: "reports.leaky:load"}}, to: t@example.com}
"""
LEAKY = """\
import os

def load():
    raise ValueError(f"cannot log in with {os.environ['DB_PASSWORD']}")
"""


def test_a_failure_that_quotes_a_password(tmp_path: Path) -> None:
    project = make_project(tmp_path, JOBS, reports__leaky_dot_py=LEAKY)
    ran = pipeline(project, "run", "leaky", DB_PASSWORD=CANARY)
    assert ran.returncode == 1
    assert CANARY not in ran.stdout + ran.stderr
    kept = [*(tmp_path / "var").glob("ledger*"), *(tmp_path / "var/log").iterdir(), *inbox(tmp_path)]
    assert len(kept) > 2
    assert len(inbox(tmp_path)) == 1
    assert not [path.name for path in kept if CANARY.encode() in path.read_bytes()]
    assert "cannot log in with ***" in pipeline(project, "show", "leaky", DB_PASSWORD=CANARY).stdout
