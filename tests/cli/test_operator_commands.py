"""What an operator types, as real processes: hold, release, resend, cancel, suppress, and what they leave behind."""

import getpass
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from projects import SMALLEST, clean_environ, json_lines, make_project, pipeline
from scripted_smtp import ScriptedServer, by_recipient, say

from pipeline.cli.operator import what_they_were
from pipeline.ledger.states import DeliveryState as D

AT = "2026-03-02 07:00"
RUN = "team@20260302T070000Z"
JOBS = """\
defaults: {from: Reports <reports@example.com>}
mailers: {relay: {smtp: "${SMTP_URL}"}}
jobs:
  team:
    data: reports/data/sales.csv
    to: [ana@example.com, bo@example.com]
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    return make_project(tmp_path, JOBS)


def on(server: ScriptedServer) -> dict[str, str]:
    return {"SMTP_URL": f"smtp+plain://127.0.0.1:{server.port}"}


def states(project: Path) -> dict[str, str]:
    return {row["recipient"]: row["state"] for row in json_lines(pipeline(project, "deliveries", "--json").stdout)}


def logged(project: Path, event: str) -> list[dict[str, Any]]:
    return [
        line
        for line in json_lines((project / "var/log/delivery.jsonl").read_text(encoding="utf-8"))
        if line["event"] == event
    ]


def refuse_bo() -> ScriptedServer:
    return ScriptedServer({"rcpt": by_recipient({"bo@example.com": say("550 5.1.1 unknown")})})


def queue(project: Path, environ: dict[str, str]) -> None:
    """A run whose deliveries wait: its relay says "later", and whoever followed it is gone."""
    command = [sys.executable, "-m", "pipeline", "-C", str(project), "run", "team", "--at", AT, "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=clean_environ(environ)) as asked:
        assert asked.stdout is not None
        deferred = 0
        for line in asked.stdout:
            deferred += '"delivery.deferred"' in line
            if deferred == 2:
                break
        asked.kill()


def test_resend_failed_sends_the_one_that_failed_with_the_same_message_id(project: Path) -> None:
    with refuse_bo() as server:
        assert pipeline(project, "run", "team", "--at", AT, **on(server)).returncode == 1
    with ScriptedServer() as server:
        guess = pipeline(project, "resend", RUN, **on(server))
        assert (guess.returncode, guess.stdout) == (2, "")
        assert guess.stderr.startswith(f"1 of 2 deliveries of {RUN} were sent; `pipeline resend {RUN} --failed` sends")
        done = pipeline(project, "resend", "team@2026", "--failed", "--why", "bo is back", **on(server))
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout == (
            f"1 delivery of {RUN} queued again; `pipeline serve` sends it, or `pipeline deliver` now\n"
            "it was failed: bo@example.com\n"
        )
        assert states(project) == {"ana@example.com": "sent", "bo@example.com": "queued"}
        assert json_lines(pipeline(project, "runs", "--json").stdout)[0]["state"] == "queued"
        assert pipeline(project, "deliver", **on(server)).returncode == 0
        assert [mail.recipients for mail in server.mails] == [("bo@example.com",)]
        again = pipeline(project, "resend", RUN, "--failed", **on(server))
        assert (again.returncode, again.stdout) == (0, f"nothing to resend in {RUN}, which is delivered\n")
    assert len({row["message_id"] for row in json_lines(pipeline(project, "deliveries", "--json").stdout)}) == 1
    (acted,) = logged(project, "operator.acted")
    assert (acted["by"], acted["action"], acted["reason"], acted["count"]) == (
        getpass.getuser(), "resend", "bo is back", 1,
    )  # fmt: skip
    assert [line["recipient"] for line in logged(project, "delivery.requeued")] == ["bo@example.com"]
    shown = pipeline(project, "show", RUN).stdout
    assert f"{getpass.getuser()}  resend  1      –      bo is back" in shown


def test_hold_release_and_cancel_of_what_waits(project: Path) -> None:
    with ScriptedServer({"rcpt": say("450 4.2.1 later")}) as server:
        environ = on(server)
        queue(project, environ)
        held = json_lines(pipeline(project, "hold", RUN, "--by", "Bo B.", "--json", **environ).stdout)
        assert [(line["action"], line["by"], line["count"], line["state"], line["was"]) for line in held] == [
            ("hold", "Bo B.", 2, "held", {"deferred": 2})
        ]
        assert len(held[0]["delivery"]) == 2
    assert set(states(project).values()) == {"held"}
    first, second = sorted(row["delivery"] for row in json_lines(pipeline(project, "deliveries", "--json").stdout))
    with ScriptedServer() as server:
        assert pipeline(project, "cancel", str(first), "--why", "left us", **on(server)).returncode == 0
        assert pipeline(project, "release", str(second), **on(server)).stdout.startswith(
            f"1 delivery of {RUN} released;"
        )
        assert pipeline(project, "deliver", **on(server)).returncode == 0
        assert len(server.mails) == 1
    assert sorted(states(project).values()) == ["cancelled", "sent"]
    audit = [line for line in json_lines(pipeline(project, "show", RUN, "--json").stdout) if "action" in line]
    assert [(line["action"], line.get("about")) for line in audit] == [
        ("hold", None), ("cancel", f"delivery {first}"), ("release", f"delivery {second}"),
    ]  # fmt: skip


def test_cancel_needs_no_jobs_yaml_that_is_right(project: Path) -> None:
    with ScriptedServer({"rcpt": say("450 4.2.1 later")}) as server:
        queue(project, on(server))
    (project / "jobs.yaml").write_text("jobs: [")
    cancelled = pipeline(project, "cancel", RUN)
    assert (cancelled.returncode, cancelled.stdout) == (
        0, f"2 deliveries of {RUN} cancelled\nthey were 2 deferred: ana@example.com, bo@example.com\n",
    )  # fmt: skip
    assert {line["recipient"] for line in logged(project, "delivery.cancelled")} == {
        "ana@example.com",
        "bo@example.com",
    }


@pytest.mark.parametrize(
    ("was", "examples", "said"),
    [
        ({D.FAILED: 1}, ["a@x"], "it was failed: a@x"),
        ({D.UNCERTAIN: 1, D.FAILED: 1}, ["a@x", "b@x"], "they were 1 failed and 1 uncertain: a@x, b@x"),
        (
            {D.HELD: 1, D.QUEUED: 1200, D.DEFERRED: 30},
            ["a@x", "b@x", "c@x"],
            "they were 1,200 queued, 30 deferred and 1 held: a@x, b@x, c@x and 1,228 more",
        ),
    ],
)
def test_what_was_changed_is_counted_by_its_states(was: dict[D, int], examples: list[str], said: str) -> None:
    assert what_they_were(was, examples) == said


def test_suppressed_recipients_get_nothing_and_plan_says_so(project: Path) -> None:
    added = pipeline(project, "suppress", "add", "Bo@Example.com", "--why", "asked not to be", "--by", "ana")
    assert added.stdout == "bo@example.com gets no mail from now on (all)\n"
    assert "nothing changed" in pipeline(project, "suppress", "add", "bo@example.com").stdout
    with ScriptedServer() as server:
        planned = json_lines(pipeline(project, "plan", "team", "--json", **on(server)).stdout)
        assert planned[0]["suppressed"] == ["bo@example.com"]
        shown = pipeline(project, "plan", "team", **on(server)).stdout
        assert "suppressed: bo@example.com: suppressed by ana: asked not to be" in shown
        run = pipeline(project, "run", "team", "--at", AT, **on(server))
        assert run.returncode == 1
        assert [mail.recipients for mail in server.mails] == [("ana@example.com",)]
        assert states(project) == {"ana@example.com": "sent", "bo@example.com": "suppressed"}
        assert "nothing to resend" in pipeline(project, "resend", RUN, "--failed", **on(server)).stdout
        removed = pipeline(project, "suppress", "remove", "bo@example.com", **on(server))
        assert removed.stdout == "bo@example.com may be mailed again\n"
        assert pipeline(project, "suppress", "list").stdout == "nobody is suppressed\n"
        assert pipeline(project, "resend", RUN, "--failed", **on(server)).returncode == 0
        assert pipeline(project, "deliver", **on(server)).returncode == 0
    assert set(states(project).values()) == {"sent"}
    assert [line["by"] for line in logged(project, "suppression.added")] == ["ana"]


def test_the_list_in_both_forms(project: Path) -> None:
    pipeline(project, "suppress", "add", "a@example.com", "--scope", "job:team", "--by", "ana", "--why", "left")
    (row,) = json_lines(pipeline(project, "suppress", "list", "--json").stdout)
    assert {**row, "since": ""} == {
        "recipient": "a@example.com", "scope": "job:team", "since": "", "by": "ana", "reason": "left",
    }  # fmt: skip
    assert pipeline(project, "suppress", "list", "b@example.com").stdout == "nobody is suppressed\n"


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (["hold", "team"], 'there is no run "team"; `pipeline runs` lists what there is'),
        (["release", "17"], "there is no delivery 17; `pipeline deliveries` lists what there is"),
        (["suppress", "add", "nobody"], '"nobody" is not a mail address'),
        (
            ["suppress", "add", "a@example.com", "--scope", "everyone"],
            '--scope "everyone" is none; write all, job:NAME',
        ),
        (["suppress", "add", "a@example.com", "--why", "two\nlines"], "--why is one line of text"),
    ],
)
def test_wrong_input_is_exit_2(project: Path, arguments: list[str], error: str) -> None:
    asked = pipeline(project, *arguments)
    assert (asked.returncode, asked.stdout) == (2, "")
    assert error in asked.stderr


def test_a_run_that_failed_has_nothing_to_hold(tmp_path: Path) -> None:
    project = make_project(tmp_path, SMALLEST)
    (project / "reports/data/sales.csv").write_bytes(b"\xff\xfe broken")
    pipeline(project, "run", "weekly-sales", "--at", AT)
    held = pipeline(project, "hold", "weekly-sales@20260302T070000Z")
    assert held.returncode == 1
    assert (
        'is "failed", so there is nothing to hold: it has no messages; `pipeline run weekly-sales --at' in held.stderr
    )
