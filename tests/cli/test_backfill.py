"""`runs --missing` and `backfill` as real processes: what is absent is named, and run once."""

import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from projects import SMALLEST, clean_environ, inbox, json_lines, make_project, pipeline

from pipeline.ledger.records import RunKey
from pipeline.ledger.runs import Ended
from pipeline.ledger.states import RunState
from pipeline.wiring import Workspace

MONDAYS = ["2026-03-02", "2026-03-09", "2026-03-16"]
SPAN = ("--from", MONDAYS[0], "--to", MONDAYS[-1])
GONE = ("runs", "--missing", *SPAN, "--json")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    return make_project(tmp_path)


def due(day: str) -> str:
    return f"{day}T07:00:00Z"


def test_missing_is_named_and_backfill_runs_it_once(project: Path) -> None:
    assert pipeline(project, "run", "weekly-sales", "--at", f"{MONDAYS[1]} 07:00").returncode == 0
    missing = pipeline(project, *GONE)
    assert (missing.returncode, [line["due"] for line in json_lines(missing.stdout)]) == (
        1, [due(MONDAYS[0]), due(MONDAYS[2])],
    )  # fmt: skip
    planned = json_lines(pipeline(project, "backfill", "weekly-sales", *SPAN, "--dry-run", "--json").stdout)
    assert [(line["due"], line["why"]) for line in planned] == [
        (due(MONDAYS[0]), "never ran"), (due(MONDAYS[2]), "never ran"),
    ]  # fmt: skip
    assert len(inbox(project)) == 1
    filled = pipeline(project, "backfill", "weekly-sales", *SPAN)
    assert (filled.returncode, filled.stderr) == (0, "")
    assert filled.stdout.splitlines() == [
        "Mon 2 Mar 2026 07:00 UTC  delivered: 1 of 1 sent by inbox",
        "Mon 16 Mar 2026 07:00 UTC  delivered: 1 of 1 sent by inbox",
    ]
    assert len(inbox(project)) == 3
    again = pipeline(project, "backfill", "weekly-sales", *SPAN)
    assert (again.returncode, again.stdout) == (0, "nothing to run: every due time of that span has its run\n")
    assert (pipeline(project, *GONE).returncode, len(inbox(project))) == (0, 3)


def test_two_backfills_at_once_send_each_due_time_once(project: Path) -> None:
    command = [sys.executable, "-m", "pipeline", "-C", str(project), "backfill", "weekly-sales", *SPAN]
    both = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=clean_environ({})) for _ in range(2)]
    assert [(process.communicate(timeout=120)[0] and process.returncode) or 0 for process in both] == [0, 0]
    assert len(inbox(project)) == 3


def test_what_was_missed_is_run_and_what_failed_only_when_asked_for(project: Path) -> None:
    dues = [datetime.fromisoformat(due(day)) for day in MONDAYS]
    with Workspace(project, environ={}) as workspace:
        keys = [RunKey("weekly-sales", moment) for moment in dues]
        ended: dict[RunKey, Ended] = {
            keys[0]: (RunState.MISSED, "9 h late, beyond its grace of 6 h"),
            keys[1]: (RunState.SKIPPED, "its audience is empty"),
        }
        workspace.runs.ensure_all(keys, datetime.now(UTC), ended)
        workspace.runs.fail(keys[2], "no such file", datetime.now(UTC))
    listed = json_lines(pipeline(project, "backfill", "weekly-sales", *SPAN, "--dry-run", "--json").stdout)
    assert [(line["due"], line["why"]) for line in listed] == [(due(MONDAYS[0]), "missed")]
    options = (*SPAN, "--failed", "--dry-run", "--json")
    listed = json_lines(pipeline(project, "backfill", "weekly-sales", *options).stdout)
    assert [line["why"] for line in listed] == ["missed", "failed"]
    filled = pipeline(project, "backfill", "weekly-sales", *SPAN, "--json")
    assert filled.returncode == 0
    assert json_lines(filled.stdout)[-1]["state"] == "delivered"
    assert len(inbox(project)) == 1


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (["backfill", "weekly-sales", "--from", "2026-03-09", "--to", "2026-03-02"], "is not before --to 2026-03-02"),
        (["backfill", "asked", "--from", "2026-03-09"], "asked has no schedule, so nothing was due"),
        (["runs", "--missing"], "`pipeline serve` never ran here, so no schedule is in force"),
        (["runs", "--missing", "--state", "failed"], "--missing and --state exclude each other"),
    ],
)
def test_wrong_input(tmp_path: Path, arguments: list[str], error: str) -> None:
    asked = "  asked: {data: reports/data/sales.csv, to: team@example.com}\n"
    refused = pipeline(make_project(tmp_path, SMALLEST + asked), *arguments)
    assert (refused.returncode, refused.stdout) == (2, "")
    assert error in refused.stderr


def test_next_says_why_a_date_moved(tmp_path: Path) -> None:
    jobs = SMALLEST.replace(
        'schedule: "0 7 * * mon"', 'schedule: {cron: "0 7 * * mon", calendar: us, on_holiday: next}'
    )
    project = make_project(tmp_path, "calendars: {us: {holidays: US}}\n" + jobs)
    shown = pipeline(project, "next", "--from", "2026-05-20", "-n", "2").stdout.splitlines()
    assert shown[0].split() == ["JOB", "LOCAL", "DUE", "PERIOD", "MOVED"]
    assert shown[1].endswith("Mon 25 May → Tue 26 May: Memorial Day")
    assert shown[2].endswith("–")
    first, second = json_lines(pipeline(project, "next", "--from", "2026-05-20", "-n", "2", "--json").stdout)
    assert (first["due"], first["moved"]) == ("2026-05-26T07:00:00Z", ["Mon 25 May → Tue 26 May: Memorial Day"])
    assert "moved" not in second
    assert datetime.fromisoformat(second["due"]) - datetime.fromisoformat(first["due"]) == timedelta(days=6)
