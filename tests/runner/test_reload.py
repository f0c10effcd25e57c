"""A changed project under a real service: taken up whole or not at all, no due time lost or doubled."""

import signal
import threading
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from projects import make_project, pipeline
from running import Running
from scripted_smtp import ScriptedServer, say
from serving import SLOW_DATA, Serving, slow_project

from pipeline.reloading import Reloader
from pipeline.wiring import Workspace

HEAD = "defaults: {from: Reports <a@example.com>, delivery: {expires: 1 hour}}\njobs:\n"
EVERY_SECOND = "{schedule: {every: 1 second, missed: all}, period: previous hour, data: DATA, to: t@example.com}\n"
TICK = "  tick: " + EVERY_SECOND.replace("DATA", "reports/data/sales.csv")


def weekly(name: str, more: str = "", to: str = "t@example.com") -> str:
    return f"  {name}: {{schedule: 0 7 * * mon, data: reports/data/sales.csv, to: {to}{more}}}\n"


def write(project: Path, jobs: str) -> None:
    """As editors do: a new file in the place of the old one."""
    fresh = project / "jobs.yaml.new"
    fresh.write_text(HEAD + jobs)
    fresh.rename(project / "jobs.yaml")


@pytest.fixture
def serve() -> Iterator[Any]:
    started: list[Running] = []

    def start(project: Path) -> Running:
        started.append(Running(project))
        started[-1].until("service.started")
        return started[-1]

    yield start
    for running in started:
        if running.alive:
            running.stop()


def test_it_is_taken_up_whole_or_not_at_all(tmp_path: Path, serve: Any) -> None:
    serving = serve(make_project(tmp_path, HEAD + weekly("kept") + weekly("changed") + weekly("gone")))
    write(tmp_path, weekly("new") + weekly("kept", ", too: x") + weekly("changed", ", period: fortnight"))
    rejected = serving.until("jobs.rejected")
    assert rejected["count"] == 2
    assert 'unknown key "too"' in rejected["reason"]
    assert '"fortnight" is not a period' in rejected["reason"]
    write(tmp_path, weekly("new") + weekly("kept") + weekly("changed", to="u@example.com"))
    assert serving.until("jobs.loaded")["reason"] == "1 added, 1 changed, 1 removed"
    told = [serving.until(event) for event in ("jobs.removed", "jobs.added", "jobs.changed")]
    assert [line["job"] for line in told] == ["gone", "new", "changed"]
    assert told[2]["reason"] == "to: -t@example.com; to: +u@example.com"
    assert [datetime.fromisoformat(line["next_due"]).strftime("%a %H:%M") for line in told[1:]] == ["Mon 07:00"] * 2
    assert serving.stop() == 0
    assert [line["event"] for line in serving.seen].count("jobs.rejected") == 1


def test_a_template_that_comes_after_jobs_yaml_is_waited_for(tmp_path: Path, serve: Any) -> None:
    serving = serve(make_project(tmp_path, HEAD + weekly("job")))
    write(tmp_path, weekly("job", ", message: {template: mine}"))
    assert "mine" in serving.until("jobs.rejected")["reason"]
    (tmp_path / "templates").mkdir()
    (tmp_path / "templates/mine.html").write_text("<p>{{ title }}</p>")
    assert serving.until("jobs.changed")["reason"] == "message.template: +mine"
    assert serving.stop() == 0


def test_no_due_time_is_lost_or_doubled(tmp_path: Path, serve: Any) -> None:
    serving = serve(make_project(tmp_path, HEAD + TICK))
    first = serving.until("run.due", job="tick")
    for number in range(3):
        write(tmp_path, TICK.replace("t@", f"t{number}@") + weekly(f"other{number}"))
        serving.until("jobs.loaded")
        serving.until("run.due", job="tick")
    write(tmp_path, TICK.replace("1 second", "2 seconds"))
    changed = serving.until("jobs.changed", job="tick")["ts"]
    serving.until("run.due", job="tick")
    serving.until("run.due", job="tick")
    assert serving.stop() == 0
    dues = [datetime.fromisoformat(line["due"]) for line in serving.seen if line["event"] == "run.due"]
    start, turn = datetime.fromisoformat(first["due"]), datetime.fromisoformat(changed)
    before = [due for due in dues if due <= turn - timedelta(seconds=1)]
    assert before == [start + timedelta(seconds=n) for n in range(len(before))]
    after = [due for due in dues if due > turn]
    assert len(after) > 1
    assert after == [after[0] + timedelta(seconds=2 * n) for n in range(len(after))]
    assert not [line for line in serving.seen if line["event"] in {"run.missed", "service.error"}]


def test_a_run_under_way_ends_as_the_job_that_it_began_as(tmp_path: Path, serve: Any) -> None:
    job = "  slow: " + EVERY_SECOND.replace("DATA", SLOW_DATA)
    serving = serve(slow_project(tmp_path, HEAD + job))
    run = serving.until("run.started")["run"]
    write(tmp_path, job.replace("to: t@", "to: u@"))
    serving.until("jobs.changed")
    (tmp_path / "go").touch()
    assert serving.until("delivery.sent", run=run)["recipient"] == "t@example.com"
    assert serving.until("delivery.sent")["recipient"] == "u@example.com"
    assert serving.stop() == 0


def test_other_mailers_are_used_from_then_on(tmp_path: Path, serve: Any) -> None:
    serving = serve(make_project(tmp_path, HEAD + TICK))
    serving.until("delivery.sent", mailer="inbox")
    fresh = tmp_path / "fresh.yaml"
    fresh.write_text("mailers: {outer: {local: var/outer}}\n" + HEAD + TICK)
    fresh.rename(tmp_path / "jobs.yaml")
    serving.until("jobs.loaded")
    serving.until("delivery.sent", mailer="outer")
    assert serving.stop() == 0
    assert list((tmp_path / "var/outer/new").iterdir())


def test_a_mailer_that_cannot_be_used_is_not_taken_up(tmp_path: Path, serve: Any) -> None:
    serving = serve(make_project(tmp_path, HEAD + TICK))
    (tmp_path / ".env").write_text("DKIM_KEY=c4nary\n")
    key = "{domain: example.com, selector: a, key: '${DKIM_KEY}'}"
    fresh = tmp_path / "fresh.yaml"
    fresh.write_text(f"mailers: {{outer: {{smtp: 'smtp+plain://localhost:9', dkim: {key}}}}}\n" + HEAD + TICK)
    fresh.rename(tmp_path / "jobs.yaml")
    rejected = serving.until("jobs.rejected")["reason"]
    assert rejected.startswith("jobs.yaml:1:18: ")
    assert "private key in PEM form" in rejected
    assert "c4nary" not in rejected
    serving.until("delivery.sent", mailer="inbox")
    assert serving.stop() == 0


def test_sighup_makes_it_look_where_no_change_was_seen(tmp_path: Path) -> None:
    far = tmp_path / "far.yaml"
    far.write_text(HEAD + weekly("job"))
    project = make_project(tmp_path / "project")
    (project / "jobs.yaml").unlink()
    (project / "jobs.yaml").symlink_to(far)
    serving = Serving(project)
    try:
        serving.until("service.started")
        far.write_text(HEAD + weekly("job") + weekly("more"))
        serving.process.send_signal(signal.SIGHUP)
        assert serving.until("jobs.added")["job"] == "more"
        assert serving.stop() == 0
    finally:
        serving.kill()


def test_a_job_that_was_out_for_a_while_has_missed_nothing(tmp_path: Path, serve: Any) -> None:
    serving = serve(make_project(tmp_path, HEAD + TICK + weekly("kept")))
    serving.until("run.due", job="tick")
    write(tmp_path, weekly("kept"))
    serving.until("jobs.removed")
    write(tmp_path, weekly("kept", to="u@example.com"))
    serving.until("jobs.changed")
    write(tmp_path, weekly("kept") + TICK)
    back = datetime.fromisoformat(serving.until("jobs.added")["ts"])
    again = datetime.fromisoformat(serving.until("run.due", job="tick")["due"])
    assert again > back - timedelta(seconds=1)
    assert serving.stop() == 0
    assert pipeline(tmp_path, "runs", "--missing", "tick").returncode == 0


REFUSES = """\
rules:
  - {name: greylisted, text: come back later, class: TRANSIENT, action: retry}
"""


def test_changed_rules_for_replies_are_taken_up_alone(tmp_path: Path, serve: Any) -> None:
    with ScriptedServer(script={"rcpt": say("550 5.7.1 come back later")}) as server:
        relay = f"mailers: {{relay: {{smtp: 'smtp+plain://127.0.0.1:{server.port}'}}}}\n"
        serving = serve(make_project(tmp_path, relay + HEAD + TICK))
        assert serving.until("delivery.failed")["class"] == "PERM_MSG"
        (tmp_path / "rules.yaml").write_text("rules:\n  - {name: broken}\n")
        assert "rules.yaml:2:5" in serving.until("jobs.rejected")["reason"]
        serving.until("delivery.failed")  # by the last good ones
        (tmp_path / "rules.yaml").write_text(REFUSES)
        assert serving.until("jobs.loaded")["reason"] == "other rules in rules.yaml"
        assert serving.until("delivery.deferred")["class"] == "TRANSIENT"
        assert serving.stop() == 0


def test_delivery_outlives_a_folder_that_cannot_be_used_when_mailers_change(tmp_path: Path, serve: Any) -> None:
    serving = serve(make_project(tmp_path, HEAD + weekly("job")))
    owners, away = tmp_path / "var/owners", tmp_path / "var/owners.away"
    while not list(owners.glob("[!.]*")):  # its delivery worker has begun
        threading.Event().wait(0.01)
    owners.rename(away)
    owners.touch()
    fresh = tmp_path / "fresh.yaml"
    fresh.write_text("mailers: {outer: {local: var/outer}}\n" + HEAD + TICK)
    fresh.rename(tmp_path / "jobs.yaml")
    assert "delivery rests" in serving.until("service.error")["reason"]
    owners.unlink()
    away.rename(owners)
    serving.until("delivery.sent", mailer="outer")
    assert serving.stop() == 0


def test_a_change_that_cannot_be_taken_up_now_is_tried_again_and_ends_nobody(tmp_path: Path) -> None:
    project, tries, stop, taken = make_project(tmp_path, HEAD + weekly("kept")), 0, threading.Event(), threading.Event()

    def hand_over(*_: object) -> None:
        nonlocal tries
        tries += 1
        if tries == 1:
            raise ZeroDivisionError("a defect")

    with Workspace(project, environ={}) as workspace:
        assert list(workspace.project.jobs) == ["kept"]
        reloader = Reloader(workspace, lambda _: taken.set(), hand_over)
        write(project, weekly("other"))
        with reloader.following(stop):
            reloader.stir()
            assert taken.wait(30)
        assert list(workspace.project.jobs) == ["other"]
    assert "cannot be taken up" in (project / "var/log/delivery.jsonl").read_text()
