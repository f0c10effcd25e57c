"""`pipeline serve` as operators run it: a process that fires, builds, delivers, drains, and survives SIGKILL."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from projects import inbox, json_lines, make_project, pipeline
from serving import SLOW_DATA, Serving, slow_project

SCHEMA = json.loads((Path(__file__).parents[2] / "docs/delivery-log.schema.json").read_text())
HEAD = "defaults: {from: Reports <a@example.com>, delivery: {expires: 1 hour}}\njobs:\n"


def every_second(name: str, data: str) -> str:
    when = "schedule: {every: 1 second, missed: all}, period: previous hour"
    return f"  {name}: {{{when}, data: {data}, to: t@example.com}}\n"


@pytest.fixture
def serve() -> Iterator[Any]:
    started: list[Serving] = []

    def start(project: Path) -> Serving:
        started.append(Serving(project))
        return started[-1]

    yield start
    for serving in started:
        if serving.process.poll() is None:
            serving.kill()


def test_it_fires_builds_delivers_and_drains(tmp_path: Path, serve: Any) -> None:
    serving = serve(make_project(tmp_path, HEAD + every_second("tick", "reports/data/sales.csv")))
    first = serving.until("run.delivered")
    serving.until("run.delivered")
    assert serving.stop() == 0
    events = [record["event"] for record in serving.seen]
    assert events[0] == "service.started"
    assert (events.count("service.stopping"), events[-1]) == (1, "service.stopped")
    mine = [r["event"] for r in serving.seen if r.get("run") == first["run"] and r["event"] != "run.waiting"]
    assert mine == ["run.due", "run.started", "message.queued", "run.queued", "delivery.sent", "run.delivered"]
    for record in serving.seen:
        jsonschema.validate(record, SCHEMA)
    assert len(inbox(tmp_path)) == events.count("delivery.sent")
    assert json_lines((tmp_path / "var/log/delivery.jsonl").read_text()) == serving.seen


def test_a_failing_job_stops_no_other(tmp_path: Path, serve: Any) -> None:
    jobs = every_second("bad", "{x: {python: 'reports.bad:f'}}") + every_second("good", "reports/data/sales.csv")
    bad = "import os\n\ndef f():\n    os.kill(os.getpid(), 9)\n"
    serving = serve(make_project(tmp_path, HEAD + jobs, reports__bad_dot_py=bad))
    assert "SIGKILL" in serving.until("run.failed", job="bad")["reason"]
    assert serving.until("alert.raised", job="bad")["recipient"] == "a@example.com"
    serving.until("run.delivered", job="good")
    serving.until("run.failed", job="bad")
    assert serving.stop() == 0


def test_builders_outlive_a_folder_that_cannot_be_used(tmp_path: Path, serve: Any) -> None:
    serving = serve(make_project(tmp_path, HEAD + every_second("tick", "reports/data/sales.csv")))
    serving.until("run.delivered")
    owners, away = tmp_path / "var/owners", tmp_path / "var/owners.away"
    owners.rename(away)
    owners.touch()
    for _ in range(2):  # each of the two builders
        assert "owners" in serving.until("service.error")["reason"]
    owners.unlink()
    away.rename(owners)
    serving.until("run.delivered")
    assert serving.stop() == 0


def slow(folder: Path) -> Path:
    return slow_project(folder, HEAD + every_second("slow", SLOW_DATA))


def test_a_run_waits_for_its_predecessor_and_says_so(tmp_path: Path, serve: Any) -> None:
    serving = serve(slow(tmp_path))
    first = serving.until("run.started")
    waiting = serving.until("run.waiting")
    assert waiting["run"] != first["run"]
    (tmp_path / "go").touch()
    assert serving.until("run.started")["run"] == waiting["run"]
    started = [r["run"] for r in serving.seen if r["event"] == "run.started"]
    queued = [r["run"] for r in serving.seen if r["event"] == "run.queued"]
    assert queued == started[:1]
    assert serving.stop() == 0


def test_a_build_that_was_killed_is_built_again_and_sent_once(tmp_path: Path, serve: Any) -> None:
    project = slow(tmp_path)
    serving = serve(project)
    run = serving.until("run.started")["run"]
    serving.kill()
    (tmp_path / "go").touch()
    again = serve(project)
    assert again.until("run.started", run=run)
    again.until("run.delivered", run=run)
    assert again.stop() == 0
    shown = json_lines(pipeline(project, "show", run, "--json").stdout)
    assert shown[0]["state"] == "delivered"
    assert [line["state"] for line in shown[1:] if "recipient" in line] == ["sent"]


def test_sigterm_ends_a_build_that_takes_too_long_and_the_run_is_due_again(tmp_path: Path) -> None:
    import threading
    from datetime import timedelta

    from pipeline.service import Service
    from pipeline.wiring import Workspace

    project = slow(tmp_path)
    stop = threading.Event()
    with Workspace(project, environ={}) as workspace:
        service = Service(workspace, drain=timedelta(seconds=0.5))
        thread = threading.Thread(target=service.run, args=(stop,))
        thread.start()
        while not (tmp_path / "started").exists():
            stop.wait(0.01)
        stop.set()
        thread.join(60)
        assert not thread.is_alive()
        assert {str(run.state) for run in workspace.runs.find()} == {"due"}


def test_two_services_on_one_ledger_send_each_run_once(tmp_path: Path, serve: Any) -> None:
    project = make_project(tmp_path, HEAD + every_second("tick", "reports/data/sales.csv"))
    one, two = serve(project), serve(project)
    one.until("service.started")
    two.until("service.started")
    for _ in range(3):
        one.until("run.due")
    one.stop()
    two.stop()
    due = [r["run"] for r in one.seen + two.seen if r["event"] == "run.due"]
    sent = [(r["run"], r["recipient"]) for r in one.seen + two.seen if r["event"] == "delivery.sent"]
    assert len(due) == len(set(due))
    assert len(sent) == len(set(sent)) == len(inbox(project))
    assert {r["event"] for r in one.seen + two.seen}.isdisjoint({"service.error", "run.failed", "alert.raised"})
