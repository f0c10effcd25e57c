"""The commands as people use them: real processes on small real projects, their output and exit codes."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from projects import SMALLEST, inbox, json_lines, make_project, pipeline

from pipeline.cli.main import COMMANDS
from pipeline.cli.output import counted, human_size

AT = "2026-03-02 07:00"
RUN = "weekly-sales@20260302T070000Z"
BURST = """\
defaults: {from: a@example.com}
allow_recipients: ["*@example.com"]
jobs:
  burst:
    data: {people: reports/people.csv, sales: reports/data/sales.csv}
    exports: [{csv: sales, name: "sales-{{ recipient.shop }}.csv"}]
    each: {data: people, slice: {sales: shop}}
"""
HELP = """\
import sys
from pipeline.cli.main import main
sys.argv = ["pipeline", "--help"]
try:
    main()
finally:
    print(sorted({"pandas", "sqlalchemy", "pydantic", "jinja2", "rich"} & set(sys.modules)))
"""
PEOPLE = "email,shop\nana@example.com,Berlin\nnonsense,Paris\nbo@elsewhere.org,Rome\ncy@example.com,Paris\n"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    return make_project(tmp_path)


@pytest.fixture
def burst(tmp_path: Path) -> Path:
    return make_project(tmp_path, BURST, reports__people_dot_csv=PEOPLE)


def test_help_names_every_command_without_importing_pandas(project: Path) -> None:
    shown = subprocess.run([sys.executable, "-c", HELP], capture_output=True, text=True, check=True).stdout
    assert shown.endswith("[]\n")
    assert all(re.search(rf"^  {name} ", shown, re.MULTILINE) for name in COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_explains_itself(project: Path, name: str) -> None:
    asked = pipeline(project, name, "--help")
    assert (asked.returncode, asked.stderr) == (0, "")
    assert asked.stdout.startswith(f"Usage: python -m pipeline {name}")


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (["chekc"], 'no such command "chekc"; did you mean "check"?'),
        (["run", "weekly-slaes"], 'there is no job "weekly-slaes"; did you mean "weekly-sales"?'),
        (["run", "weekly-sales", "--at", "monday"], '"monday" is not a time; write 2013-01-31, 2013-01-31 06:30 or'),
        (["run", "weekly-sales", "--to", "nobody"], '--to: "nobody" is not a mail address'),
        (["run", "weekly-sales", "--to", "a@example.com", "--again"], "--to and --again exclude each other"),
        (["run", "weekly-sales", "--at", AT, "--again"], f"{RUN} never ran; leave --again out"),
        (["show", "weekly"], 'there is no run "weekly"; `pipeline runs` lists what there is'),
        (["preview", "weekly-sales", "--for", "x@y.org"], "no message of weekly-sales goes to x@y.org"),
        (["runs", "--since", "yesterday"], '"yesterday" is not a time'),
    ],
)
def test_wrong_input_is_exit_2_with_what_to_do(project: Path, arguments: list[str], error: str) -> None:
    asked = pipeline(project, *arguments)
    assert (asked.returncode, asked.stdout) == (2, "")
    assert error in asked.stderr
    assert "Traceback" not in asked.stderr
    assert inbox(project) == []


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    asked = pipeline(tmp_path / "no", "check")
    assert (asked.returncode, asked.stderr) == (
        2, f"{tmp_path / 'no'} is not a folder; `pipeline init {tmp_path / 'no'}` makes a project there\n",
    )  # fmt: skip


def test_check_names_every_problem_at_once(tmp_path: Path) -> None:
    make_project(tmp_path, SMALLEST.replace("to:", "two:").replace("sales.csv", "sale.csv"))
    asked = pipeline(tmp_path, "check")
    assert asked.returncode == 2
    assert asked.stderr.splitlines()[0].startswith("jobs.yaml:8:5: ")
    listed = json_lines(pipeline(tmp_path, "check", "--json").stdout)
    assert all(line["event"] == "check.problem" and line["line"] for line in listed)


def test_a_run_is_sent_once_however_often_it_is_asked_for(project: Path) -> None:
    first = pipeline(project, "run", "weekly-sales", "--at", AT)
    assert (first.returncode, first.stderr) == (0, "")
    assert first.stdout == f"delivered: 1 of 1 sent by inbox; `pipeline show {RUN}`\n"
    again = pipeline(project, "run", "weekly-sales", "--at", AT)
    assert again.returncode == 0
    assert again.stdout.startswith(f"{RUN} is delivered since ")
    assert len(inbox(project)) == 1
    assert pipeline(project, "run", "weekly-sales", "--at", AT, "--again").returncode == 0
    assert pipeline(project, "run", "weekly-sales", "--at", AT, "--to", "me@example.com").returncode == 0
    assert len(inbox(project)) == 3
    runs = json_lines(pipeline(project, "runs", "--json").stdout)
    assert {run["run"] for run in runs} == {RUN, f"{RUN}+again-1", f"{RUN}+test-1"}
    to = [line["recipient"] for line in json_lines(pipeline(project, "deliveries", "--json").stdout)]
    assert sorted(to) == ["me@example.com", "team@example.com", "team@example.com"]


def test_a_test_never_counts_as_the_real_one(project: Path) -> None:
    pipeline(project, "run", "weekly-sales", "--at", AT, "--to", "me@example.com")
    assert pipeline(project, "run", "weekly-sales", "--at", AT).stdout.startswith("delivered: 1 of 1")


def test_a_failed_run_is_built_again_once_it_is_mended(project: Path) -> None:
    sales = project / "reports/data/sales.csv"
    good = sales.read_text()
    sales.write_bytes(b"\xff\xfe broken")
    failed = pipeline(project, "run", "weekly-sales", "--at", AT)
    assert (failed.returncode, failed.stdout) == (1, "")
    assert failed.stderr.startswith('failed: dataset "sales"')
    assert json_lines(pipeline(project, "runs", "--json").stdout)[0]["state"] == "failed"
    sales.write_text(good)
    assert pipeline(project, "run", "weekly-sales", "--at", AT).returncode == 0


def test_plan_says_who_gets_what_and_leaves_no_trace(burst: Path) -> None:
    planned = json_lines(pipeline(burst, "plan", "burst", "--json").stdout)
    assert [line.get("recipients", line.get("reason")) for line in planned] == [
        ["ana@example.com"],
        ["cy@example.com"],
        '"nonsense" is not a mail address: An email address must have an @-sign.',
        "not in allow_recipients",
    ]
    assert not (burst / "var/ledger.sqlite3").exists() or pipeline(burst, "runs").stdout == "no such runs\n"
    assert inbox(burst) == []


def test_the_total_of_a_plan_is_the_sum_of_its_lines(burst: Path) -> None:
    planned = [line for line in json_lines(pipeline(burst, "plan", "burst", "--json").stdout) if "bytes" in line]
    total = pipeline(burst, "plan", "burst").stdout.splitlines()[-1]
    assert total.startswith(f"2 messages to 2 recipients, {human_size(sum(line['bytes'] for line in planned))}, for ")


def test_each_one_s_locale_zone_and_params_stand_in_the_plan_and_in_the_mail(tmp_path: Path) -> None:
    people = "email,shop,lang,tz,limit\nana@example.com,Berlin,de-DE,Europe/Berlin,5\nbo@example.com,Paris,,,\n"
    people += "cy@example.com,Rome,klingon,,1\ndi@example.com,Rome,it,,one\n"
    each = (
        "each: {data: people, slice: {sales: shop}, locale: lang, timezone: tz, params: limit}\n    params: {limit: 1}"
    )
    jobs = BURST.replace("each: {data: people, slice: {sales: shop}}", each)
    project = make_project(tmp_path, jobs, reports__people_dot_csv=people)
    lines = json_lines(pipeline(project, "plan", "burst", "--at", AT, "--json").stdout)
    reads = [(line["locale"], line["timezone"], line["params"]) for line in lines if "subject" in line]
    assert reads == [("de_DE", "Europe/Berlin", {"limit": 5}), ("en_US", "UTC", {"limit": 1})]
    assert [line["reason"] for line in lines if "reason" in line] == [
        'column "lang": "klingon" is not a locale; write one like en_US, de or pt_BR',
        'column "limit": the param is a number, not "one"',
    ]
    out = tmp_path / "out"
    pipeline(project, "preview", "burst", "--at", AT, "--for", "ana@example.com", "--out", str(out))
    assert "30,5" in (out / "message.txt").read_text(encoding="utf-8")


def test_a_row_without_a_value_for_its_slice_stops_nobody_else(tmp_path: Path) -> None:
    project = make_project(
        tmp_path, BURST, reports__people_dot_csv=PEOPLE.replace("ana@example.com,Berlin", "a@example.com,")
    )
    lines = json_lines(pipeline(project, "plan", "burst", "--json").stdout)
    assert [line["recipients"] for line in lines if "subject" in line] == [["cy@example.com"]]
    assert lines[1]["reason"] == 'column "shop" is empty, so no rows are theirs'


@pytest.mark.parametrize(("count", "told"), [(0, "0 messages"), (1, "1 message"), (1204, "1,204 messages")])
def test_one_is_not_many(count: int, told: str) -> None:
    assert counted(count, "message") == told


def test_bursting_sends_each_their_own_rows_and_reports_the_refused(burst: Path) -> None:
    ran = pipeline(burst, "run", "burst", "--json")
    assert ran.returncode == 0
    lines = json_lines(ran.stdout)
    refused = [line["reason"] for line in lines if line.get("event") == "run.recipient_refused"]
    assert [reason.partition(":")[0] for reason in refused] == ["row 2", "row 3"]
    assert lines[-1]["deliveries"] == {"sent": 2}
    mails = {m.read_bytes() for m in inbox(burst)}
    assert {b"Berlin" in mail for mail in mails} == {True, False}
    assert not any(b"Berlin" in mail and b"Paris" in mail for mail in mails)


def test_preview_writes_what_would_be_sent(burst: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    shown = pipeline(burst, "preview", "burst", "--for", "cy@example.com", "--out", str(out))
    assert shown.returncode == 0
    assert [Path(line).name for line in shown.stdout.splitlines()] == [
        "preview.html", "message.html", "message.txt", "message.eml", "sales-Paris.csv",
    ]  # fmt: skip
    assert "Paris" in (out / "message.txt").read_text()
    assert (out / "sales-Paris.csv").read_text().count("\n") == 2
    assert inbox(burst) == []


def test_jobs_next_and_schema(project: Path) -> None:
    (job,) = json_lines(pipeline(project, "jobs", "--json").stdout)
    assert (job["job"], job["state"], job["audience"]) == ("weekly-sales", "enabled", "team@example.com")
    assert "schedule:" in pipeline(project, "jobs", "weekly-sales").stdout
    coming = json_lines(pipeline(project, "next", "--from", "2026-03-01", "-n", "2", "--json").stdout)
    assert [line["due"] for line in coming] == ["2026-03-02T07:00:00Z", "2026-03-09T07:00:00Z"]
    assert coming[0]["period_start"] == "2026-02-23T00:00:00Z"
    assert json.loads(pipeline(project, "schema").stdout)["title"]


def test_deliver_and_logs(project: Path) -> None:
    assert pipeline(project, "deliver").stdout == "0 sent, 0 failed, 0 waiting\n"
    pipeline(project, "run", "weekly-sales", "--at", AT)
    events = [line["event"] for line in json_lines(pipeline(project, "logs", "--json").stdout)]
    assert events == ["run.started", "message.queued", "run.queued", "delivery.sent", "run.delivered"]
    assert pipeline(project, "logs", "--event", "alert").stdout == "no such lines\n"
    assert pipeline(project, "logs", "--event", "alert", "--json").stdout == ""
    (shown,) = pipeline(project, "logs", "--event", "delivery").stdout.splitlines()
    assert "team@example.com" in shown


def test_migrate_is_idempotent(project: Path) -> None:
    assert pipeline(project, "migrate").stdout.startswith("the ledger is now of revision")
    assert pipeline(project, "migrate").stdout.startswith("the ledger is already of revision")


def test_init_here_sends_nobody_elsewhere(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "pipeline", "init", "."]
    made = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True, timeout=60)
    assert "Next: pipeline check && pipeline run weekly-sales" in made.stdout


def test_init_makes_a_project_that_runs(tmp_path: Path) -> None:
    folder = tmp_path / "new"
    made = pipeline(tmp_path, "init", str(folder))
    assert made.returncode == 0
    assert f"Next: cd {folder} && pipeline check" in made.stdout
    assert pipeline(folder, "check").returncode == 0
    assert pipeline(folder, "run", "weekly-sales").returncode == 0
    assert len(inbox(folder)) == 1
    refused = pipeline(tmp_path, "init", str(folder))
    assert (refused.returncode, "is not empty" in refused.stderr) == (2, True)
