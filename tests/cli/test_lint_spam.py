"""`pipeline lint` with a stand-in for SpamAssassin on PATH, and without."""

import os
from pathlib import Path

import pytest
from projects import json_lines, make_project, pipeline

STUB = """\
#!/bin/sh
cat > "$0.got"
printf 'X-Spam-Status: %s\\nSubject: it\\n\\n' "SCORE"
"""
JOBS = """\
defaults: {from: Reports <reports@example.com>}
jobs:
  daily: {data: sales.csv, exports: csv, message: {preheader: What was sold}, to: team@example.com}
"""


def stub(folder: Path, name: str, score: str) -> Path:
    """A program that says what SpamAssassin says, and keeps what it was given."""
    folder.mkdir(exist_ok=True)
    program = folder / name
    program.write_text(STUB.replace("SCORE", score))
    program.chmod(0o755)
    return program


@pytest.fixture
def project(tmp_path: Path) -> Path:
    return make_project(tmp_path / "project", JOBS, sales_dot_csv="shop,units\nBerlin,3\n")


def path_with(folder: Path) -> str:
    return f"{folder}{os.pathsep}{os.environ['PATH']}"


@pytest.mark.parametrize(
    ("score", "level", "status"),
    [
        ("No, score=1.2 required=5.0 tests=HTML_MESSAGE", "note", 0),
        ("Yes, score=6.0 required=5.0 tests=BAD", "error", 1),
    ],
)
def test_the_score_is_a_finding(tmp_path: Path, project: Path, score: str, level: str, status: int) -> None:
    program = stub(tmp_path / "bin", "spamassassin", score)
    linted = pipeline(project, "lint", "daily", "--json", PATH=path_with(program.parent))
    (said,) = [line for line in json_lines(linted.stdout) if line["rule"] == "spam"]
    assert (said["level"], linted.returncode) == (level, status)
    mail = Path(f"{program}.got").read_bytes()
    assert b"Subject: Daily" in mail
    assert b'filename="sales.csv"' in mail  # the whole mail, as it would be sent


def test_a_daemon_that_does_not_answer_leaves_it_to_the_program(tmp_path: Path, project: Path) -> None:
    client = stub(tmp_path / "bin", "spamc", "")
    client.write_text("#!/bin/sh\ncat\n")  # as spamc does where no spamd listens
    stub(tmp_path / "bin", "spamassassin", "No, score=0.0 required=5.0 tests=none")
    linted = pipeline(project, "lint", "daily", PATH=path_with(client.parent))
    assert "SpamAssassin gives it 0 of the 5 points" in linted.stdout


def test_without_it_the_lint_says_so(tmp_path: Path, project: Path) -> None:
    linted = pipeline(project, "lint", "daily", PATH=str(tmp_path))
    assert linted.returncode == 0
    assert "no spam score: SpamAssassin (spamc or spamassassin) is not installed" in linted.stdout
