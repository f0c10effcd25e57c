"""`pipeline serve` and `pipeline worker` as on two machines: one ledger on PostgreSQL, one folder of artifacts."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from projects import inbox, make_project, pipeline
from serving import Serving

from pipeline.engine.common_folder import require_common
from pipeline.errors import UsageError
from pipeline.ledger.marks import Marks

EACH = "{schedule: {every: 1 second, missed: all}, data: reports/data/sales.csv, exports: csv, to: t@example.com}"
JOBS = "defaults: {from: Reports <a@example.com>, delivery: {expires: 1 hour}}\njobs:\n" + "".join(
    f"  job{number}: {EACH}\n" for number in range(6)
)
postgresql = pytest.mark.parametrize("backend", ["postgresql"], indirect=True)


@pytest.fixture
def start() -> Iterator[Any]:
    started: list[Serving] = []

    def start(*arguments: Any, **environ: str) -> Serving:
        started.append(Serving(*arguments, **environ))
        return started[-1]

    yield start
    for serving in started:
        if serving.process.poll() is None:
            serving.kill()


@postgresql
def test_a_worker_builds_and_delivers_what_another_machine_plans(tmp_path: Path, url: str, start: Any) -> None:
    here, there = make_project(tmp_path / "here", JOBS), make_project(tmp_path / "there", JOBS)
    serve = start(here, "serve", "--builds", "1", LEDGER_URL=url)
    serve.until("run.due")
    worker = start(there, "worker", "--builds", "2", LEDGER_URL=url, ARTIFACTS=str(here / "var/artifacts"))
    assert "plans nothing" in worker.until("service.started")["reason"]
    built = worker.until("run.queued")
    worker.until("delivery.sent")
    serve.until("delivery.sent")
    assert (serve.stop(), worker.stop()) == (0, 0)
    assert worker.seen[-1]["event"] == "service.stopped"
    lines = serve.seen + worker.seen
    assert {line["event"] for line in worker.seen}.isdisjoint({"run.due", "run.missed"})
    assert {line["event"] for line in lines}.isdisjoint({"service.error", "run.failed", "delivery.deferred"})
    queued = [line["run"] for line in lines if line["event"] == "run.queued"]
    sent = [line["run"] for line in lines if line["event"] == "delivery.sent"]
    assert len(queued) == len(set(queued))
    assert len(sent) == len(set(sent)) == len(inbox(here)) + len(inbox(there))
    assert inbox(there)
    assert built["run"] in {line["run"] for line in serve.seen if line["event"] == "run.due"}
    assert not (there / "var/artifacts").exists()


@postgresql
def test_a_machine_with_a_folder_of_its_own_is_told_before_it_does_harm(tmp_path: Path, url: str, start: Any) -> None:
    here, there = make_project(tmp_path / "here", JOBS), make_project(tmp_path / "there", JOBS)
    serve = start(here, LEDGER_URL=url)
    serve.until("service.started")
    for command in ("worker", "serve"):
        refused = pipeline(there, command, LEDGER_URL=url)
        assert (refused.returncode, refused.stdout) == (2, "")
        assert "there/var/artifacts/of-ledger is absent" in refused.stderr
        assert "ARTIFACTS=/where/it/is" in refused.stderr
    assert serve.stop() == 0


@postgresql
def test_a_worker_that_would_seal_links_with_a_key_of_its_own_does_not_start(
    tmp_path: Path, url: str, start: Any
) -> None:
    jobs = (
        "defaults: {from: a@example.com}\npages: {url: https://r.example.com/, listen: 127.0.0.1:8080}\n"
        "jobs: {weekly: {data: {people: p.csv}, each: people, unsubscribe: true}}\n"
    )
    project = make_project(tmp_path, jobs, p_dot_csv="email\na@example.com\n")
    refused = pipeline(project, "worker", LEDGER_URL=url)
    assert (refused.returncode, refused.stdout) == (2, "")
    assert "var/unsubscribe.key is absent" in refused.stderr
    (project / "var/unsubscribe.key").write_bytes(bytes(32))
    worker = start(project, "worker", LEDGER_URL=url)
    worker.until("service.started")
    assert worker.stop() == 0


def test_a_worker_refuses_a_ledger_that_nobody_else_can_have(tmp_path: Path) -> None:
    refused = pipeline(make_project(tmp_path), "worker")
    assert (refused.returncode, refused.stdout) == (2, "")
    assert "LEDGER_URL=postgresql://user@host/database" in refused.stderr


def test_all_must_have_the_folder_of_whoever_was_first(engine: Any, tmp_path: Path) -> None:
    marks, first, second = Marks(engine), tmp_path / "first", tmp_path / "second"
    require_common(first, marks)
    require_common(first, marks)
    with pytest.raises(UsageError, match="second/of-ledger is absent"):
        require_common(second, marks)
    second.mkdir()
    (second / "of-ledger").write_text("abc\n")
    with pytest.raises(UsageError, match=r"second/of-ledger says abc, the ledger says [0-9a-f]{16}"):
        require_common(second, marks)
    shutil.copy(first / "of-ledger", second / "of-ledger")
    require_common(second, marks)
    assert [path.name for path in first.iterdir()] == ["of-ledger"]
