"""The project that `pipeline init` makes: it is right, needs no extra, and runs as it is."""

from email.parser import BytesParser
from email.policy import default
from pathlib import Path

import pytest
from projects import clean_environ, inbox, pipeline

from pipeline.jobs.check import check_project
from pipeline.wiring import Workspace

EXTRAS = {"vl_convert", "duckdb", "pyarrow", "python_calamine", "psycopg"}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "mine"
    assert pipeline(tmp_path, "init", str(folder)).returncode == 0
    return folder


def test_it_is_whole(project: Path) -> None:
    files = {path.relative_to(project).as_posix() for path in project.rglob("*") if path.is_file()}
    assert files == {
        ".env.example", ".gitignore", "README.md", "jobs.yaml", "reports/data/shops.csv", "reports/sales.py",
        "templates/weekly-sales.html",
    }  # fmt: skip


def test_it_needs_no_extra(project: Path) -> None:
    loaded = Workspace(project, environ=clean_environ({})).loaded
    assert check_project(loaded, installed=lambda module: module not in EXTRAS) == []


def test_it_runs_as_it_is(project: Path) -> None:
    checked = pipeline(project, "check")
    assert (checked.returncode, checked.stderr) == (0, "")
    done = pipeline(project, "run", "weekly-sales", "--at", "2026-11-23 07:00")
    assert done.returncode == 0, done.stderr
    (path,) = inbox(project)
    mail = BytesParser(policy=default).parsebytes(path.read_bytes())
    assert mail["Subject"] == "Weekly sales, week 47 of 2026 (Nov 16 – 22, 2026): €39,485.50"
    assert [part.get_filename() for part in mail.walk() if part.get_filename()] == ["sales-2026-11-16.xlsx"]
