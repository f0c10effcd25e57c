"""What belongs to a job is told in its zone and says which; `--json` is UTC; the machine's refusals are one line."""

import os
from pathlib import Path

import pytest
from projects import json_lines, make_project, pipeline

JOBS = """\
defaults: {from: Reports <reports@example.com>, timezone: America/New_York}
jobs:
  weekly: {schedule: 0 7 * * mon, data: reports/data/sales.csv, to: team@example.com}
"""
AT = ("--at", "2026-03-02 07:00")


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = make_project(tmp_path_factory.mktemp("times"), JOBS)
    assert pipeline(root, "run", "weekly", *AT).returncode == 0
    return root


def test_people_read_the_zone_of_the_job(project: Path) -> None:
    assert "Mon 2 Mar 2026 07:00 EST" in pipeline(project, "runs").stdout
    shown = pipeline(project, "show", "weekly").stdout
    assert "due       Mon 2 Mar 2026 07:00 EST" in shown
    assert "period    Mon 23 Feb 2026 00:00 EST until Mon 2 Mar 2026 00:00 EST" in shown
    assert [line.split()[-1] for line in shown.splitlines() if line.startswith(("started", "ended"))] != []
    assert all(line.endswith(("EST", "EDT")) for line in shown.splitlines() if line.startswith(("started", "ended")))


@pytest.mark.parametrize("command", ["runs", "show"])
def test_programs_read_utc(project: Path, command: str) -> None:
    first = json_lines(pipeline(project, command, "weekly", "--json").stdout)[0]
    assert first["due"] == "2026-03-02T12:00:00Z"


@pytest.mark.parametrize(("since", "found"), [("2026-03-02 07:00", 1), ("2026-03-02 07:01", 0), ("2026-03-02", 1)])
def test_times_are_typed_in_the_zone_of_the_job_that_is_named(project: Path, since: str, found: int) -> None:
    assert len(json_lines(pipeline(project, "runs", "weekly", "--since", since, "--json").stdout)) == found


def test_runs_can_be_looked_at_while_jobs_yaml_is_wrong(tmp_path: Path, project: Path) -> None:
    for name in ("jobs.yaml", "var/ledger.sqlite3"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes((project / name).read_bytes())
    (tmp_path / "jobs.yaml").write_text("jobs: nonsense\n")
    looked = pipeline(tmp_path, "runs")
    assert (looked.returncode, "Mon 2 Mar 2026 12:00 UTC" in looked.stdout) == (0, True)


def test_a_state_that_cannot_be_written_is_one_line_with_what_to_do(tmp_path: Path) -> None:
    root = make_project(tmp_path, JOBS)
    (root / "var").mkdir()
    (root / "var/owners").write_text("a file in the way")
    refused = pipeline(root, "run", "weekly", *AT)
    assert refused.returncode == 1
    why = "File exists; a file stands where a folder is needed; move it away, then ask again"
    assert refused.stderr == f"error: {root}/var/owners: {why}\n"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_of_somebody_else(tmp_path: Path) -> None:
    root = make_project(tmp_path, JOBS)
    (root / "var").mkdir(mode=0o500)
    refused = pipeline(root, "run", "weekly", *AT)
    assert (refused.returncode, len(refused.stderr.splitlines())) == (1, 1)
    assert "let this user read and write there" in refused.stderr


def test_init_and_schema_speak_json(tmp_path: Path) -> None:
    made = json_lines(pipeline(tmp_path, "init", str(tmp_path / "new"), "--json").stdout)
    assert {Path(line["path"]).name for line in made} >= {"jobs.yaml", ".env.example"}
    (schema,) = json_lines(pipeline(tmp_path, "schema", "--json").stdout)
    assert schema["title"] == "jobs.yaml"
