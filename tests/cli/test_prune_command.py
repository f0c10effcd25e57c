"""`pipeline prune` as an operator uses it."""

import json
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from projects import SMALLEST, json_lines, make_project, pipeline

from pipeline.errors import UsageError
from pipeline.ledger.records import RunKey
from pipeline.pruning import Pruned, prune
from pipeline.single_run import follow
from pipeline.wiring import Workspace


def built(folder: Path, jobs: str = SMALLEST) -> Path:
    """Two weekly runs of 2020, both sent then."""
    now = datetime(2020, 1, 13, 7, 0, tzinfo=UTC)
    project = make_project(folder, jobs)
    with Workspace(project, clock=lambda: now, environ={}) as workspace:
        for day in (6, 13):
            follow(workspace, RunKey("weekly-sales", datetime(2020, 1, day, 7, 0, tzinfo=UTC)))
    return project


def test_it_says_what_would_go_and_removes_it(tmp_path: Path) -> None:
    project = built(tmp_path)
    dry = pipeline(project, "prune", "--older-than", "90d", "--dry-run")
    assert re.fullmatch(r"1 run with 1 message, and 0 files would be removed: [0-9.]+ kB\n", dry.stdout)
    assert len(pipeline(project, "runs", "--json").stdout.splitlines()) == 2
    done = json.loads(pipeline(project, "prune", "--older-than", "90d", "--json").stdout)
    assert (done["runs"], done["messages"], done["dry_run"]) == (1, 1, False)
    assert done["bytes"] > 1000
    left = [json.loads(line)["run"] for line in pipeline(project, "runs", "--json").stdout.splitlines()]
    assert left == ["weekly-sales@20200113T070000Z"]
    log = (project / "var/log/delivery.jsonl").read_text().splitlines()
    assert json.loads(log[-1])["event"] == "service.pruned"
    again = json.loads(pipeline(project, "prune", "--older-than", "90d", "--json").stdout)
    assert (again["runs"], again["files"], again["bytes"]) == (0, 0, 0)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], '--older-than 400d, or "retention: 400 days" in jobs.yaml'),
        (["--older-than", "soon"], '"soon" is not a duration'),
        (["--older-than", "0d"], "expected an age like 90d"),
    ],
)
def test_what_cannot_be_meant(tmp_path: Path, arguments: list[str], said: str) -> None:
    refused = pipeline(make_project(tmp_path), "prune", *arguments)
    assert refused.returncode == 2
    assert said in refused.stderr


def test_the_retention_of_jobs_yaml_counts(tmp_path: Path) -> None:
    project = built(tmp_path, "retention: 400 days\n" + SMALLEST)
    with Workspace(project, environ={}) as workspace:
        retention = workspace.project.retention
        assert retention is not None
        assert prune(workspace, retention, dry=True).runs == 1
    assert json.loads(pipeline(project, "prune", "--json").stdout)["runs"] == 1
    with Workspace(project, environ={}) as workspace:
        assert prune(workspace, retention) == Pruned(0, 0, 0, 0)


def test_what_was_pruned_is_not_sent_again_by_a_backfill(tmp_path: Path) -> None:
    project = built(tmp_path)
    span = ("--from", "2020-01-06", "--to", "2020-01-20")
    missing = ("runs", "--missing", *span, "--json")
    before = [line["due"] for line in json_lines(pipeline(project, *missing).stdout)]
    assert before == ["2020-01-20T07:00:00Z"]
    assert pipeline(project, "prune", "--older-than", "90d").returncode == 0
    assert [line["due"] for line in json_lines(pipeline(project, *missing).stdout)] == before
    filled = pipeline(project, "backfill", "weekly-sales", *span, "--dry-run", "--json")
    assert [line["due"] for line in json_lines(filled.stdout)] == before
    assert "1 due times up to Mon 6 Jan 2020 07:00 UTC, whose runs were pruned" in filled.stderr
    at = ("run", "weekly-sales", "--at", "2020-01-06 07:00")
    refused = pipeline(project, *at)
    assert (refused.returncode, "may have been sent: runs of that time were pruned" in refused.stderr) == (2, True)
    assert pipeline(project, *at, "--again").returncode == 0


def test_files_of_another_ledger_are_left_alone(tmp_path: Path) -> None:
    shared = tmp_path / "shared"
    environ = {"ARTIFACTS": str(shared)}
    first, second = (make_project(tmp_path / name) for name in ("first", "second"))
    run = RunKey("weekly-sales", datetime(2026, 1, 5, 7, 0, tzinfo=UTC))
    with Workspace(first, environ=environ) as one, Workspace(second, environ=environ) as other:
        follow(one, run)
        follow(one, replace(run, variant="again-1"))
        assert prune(one, timedelta(days=90)) == Pruned(0, 0, 0, 0)
        (mark,) = shared.glob("used-by-*")
        assert mark.read_text() == f"{first}/var/ledger.sqlite3\n"
        refused = pipeline(second, "prune", "--older-than", "90d", ARTIFACTS=str(shared))
        assert refused.returncode == 2
        assert f"{shared} has files of another ledger, too: {first}/var/ledger.sqlite3." in refused.stderr
        assert refused.stderr.endswith(f"gone for good, remove {mark}\n")
        follow(other, run)
        with pytest.raises(UsageError, match=re.escape(f"another ledger, too: {second}/var/ledger.sqlite3")):
            prune(one, timedelta(days=90))
        mark.unlink()
        assert prune(other, timedelta(days=90)) == Pruned(0, 0, 0, 0)
