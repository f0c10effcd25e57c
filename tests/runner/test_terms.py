"""How long a run's messages are worth sending."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from projects import make_project

from pipeline.engine.terms import terms_of
from pipeline.jobs.load import load_project
from pipeline.jobs.model import Job
from pipeline.ledger.records import RunKey

DUE = datetime(2026, 3, 2, 7, 0, tzinfo=UTC)
JOBS = """\
defaults: {{from: a@example.com}}
jobs:
  job: {{schedule: "{cron}", data: reports/data/sales.csv, to: b@example.com{delivery}}}
"""


def job(folder: Path, cron: str, delivery: str = "") -> Job:
    return load_project(make_project(folder, JOBS.format(cron=cron, delivery=delivery)), {}).jobs["job"]


@pytest.mark.parametrize(
    ("cron", "delivery", "expected"),
    [
        ("0 7 * * *", "", timedelta(hours=24)),
        ("0 7 * * mon", "", timedelta(hours=24, minutes=40)),
        ("0 * * * *", "", timedelta(hours=1)),
        ("30 * * * *", "", timedelta(minutes=90)),
        ("0 * * * *", ", delivery: {expires: 5 hours}", timedelta(hours=5)),
    ],
)
def test_when_a_scheduled_run_expires(tmp_path: Path, cron: str, delivery: str, expected: timedelta) -> None:
    terms = terms_of(job(tmp_path, cron, delivery), RunKey("job", DUE), DUE + timedelta(minutes=40), asked=False)
    assert terms.expires_at == DUE + expected


def test_a_run_that_was_asked_for_expires_from_now(tmp_path: Path) -> None:
    now = DUE + timedelta(days=400)
    terms = terms_of(job(tmp_path, "0 7 * * mon"), RunKey("job", DUE), now, asked=True)
    assert terms.expires_at == now + timedelta(hours=24)


def test_terms_carry_what_the_job_says(tmp_path: Path) -> None:
    delivery = ", delivery: {retry: '1m, 5m*2', on_uncertain: hold, priority: 2}"
    terms = terms_of(job(tmp_path, "0 7 * * *", delivery), RunKey("job", DUE), DUE, asked=False)
    assert (terms.mailer, terms.priority, terms.retry_seconds, terms.on_uncertain) == (
        "inbox", 2, (60.0, 300.0, 300.0), "hold",
    )  # fmt: skip
