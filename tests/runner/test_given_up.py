"""Due runs that nobody builds any more: each keeps a row that says what became of it."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from projects import make_project

from pipeline.engine.dispatcher import given_up
from pipeline.jobs.load import load_project
from pipeline.jobs.model import Project
from pipeline.ledger.records import Run, RunKey
from pipeline.ledger.states import RunState

DUE = datetime(2026, 3, 2, 7, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
JOBS = """\
defaults: {{from: a@example.com}}
jobs:
  hourly:
    schedule: {{cron: "0 * * * *", grace: 3 hours, missed: {missed}}}
    enabled: {enabled}
    data: reports/data/sales.csv
    to: b@example.com
"""


def project(folder: Path, missed: str = "latest", enabled: str = "true") -> Project:
    return load_project(make_project(folder, JOBS.format(missed=missed, enabled=enabled)), {})


def due_run(hours: float = 0, job: str = "hourly") -> Run:
    due = DUE + hours * HOUR
    return Run(RunKey(job, due), RunState.DUE, "", None, None, 0, 0, due, None, None)


FIRST, LATER = due_run(), due_run(1)
WAITED = "it has been waiting for a builder since 2026-03-02 07:00 UTC, longer than its grace"


@pytest.mark.parametrize(
    ("run", "hours", "expected"),
    [
        (FIRST, 3.0, None),
        (FIRST, 3.1, (RunState.MISSED, WAITED)),
        (replace(FIRST, not_before=DUE + HOUR), 3.1, None),  # it waited for fresh data until then
        (replace(FIRST, builds=2), 1, None),
        (replace(FIRST, builds=3), 1, (RunState.FAILED, "its builder died 3 times")),
        (replace(FIRST, builds=4), 1, (RunState.FAILED, "its builder died 3 times")),  # and who told the owner of it
        (due_run(job="gone"), 0, (RunState.SKIPPED, "its job is no longer in jobs.yaml")),
    ],
)
def test_what_becomes_of_a_run(tmp_path: Path, run: Run, hours: float, expected: object) -> None:
    assert given_up(run, project(tmp_path), DUE + hours * HOUR, run) == expected


@pytest.mark.parametrize(
    ("run", "missed", "gives_way"),
    [
        (FIRST, "latest", True),
        (FIRST, "skip", True),
        (FIRST, "all", False),
        (replace(FIRST, builds=1), "latest", False),  # it was begun, and its builder died
        (replace(FIRST, not_before=DUE), "latest", False),  # it waited for fresh data
        (replace(FIRST, created_at=LATER.created_at), "latest", False),  # both are what the planner wants sent
    ],
)
def test_a_run_that_waits_gives_way_to_a_later_due_time(tmp_path: Path, run: Run, missed: str, gives_way: bool) -> None:
    given = given_up(run, project(tmp_path, missed), DUE + HOUR, LATER)
    overlapped = (RunState.OVERLAPPED, "it was still waiting to be built when hourly@20260302T080000Z became due")
    assert given == (overlapped if gives_way else None)


def test_a_disabled_job_keeps_its_due_run_for_its_grace(tmp_path: Path) -> None:
    disabled = project(tmp_path, enabled="false")
    assert given_up(FIRST, disabled, DUE + 3 * HOUR) is None
    gone = given_up(FIRST, disabled, DUE + 4 * HOUR)
    assert gone == (RunState.SKIPPED, "its job is disabled (enabled: false) until after its grace")
