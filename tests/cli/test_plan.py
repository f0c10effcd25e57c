"""`pipeline plan` as the proof list: caps, recipients without rows, and what is different since last time."""

from pathlib import Path

import pytest
from projects import inbox, json_lines, make_project, pipeline

JOBS = """\
defaults: {from: Reports <reports@example.com>}
jobs:
  weekly:
    schedule: 0 7 * * mon
    data: {sales: sales.csv, people: people.csv}
    message: {subject: "Sales of {{ recipient.shop }}, {{ period.label }}"}
    exports: [{csv: sales, name: "sales-{{ period.start | date }}.csv"}]
    each: {data: people, slice: {sales: shop}EACH}
"""
SALES = "day,shop,units\n2026-03-01,Berlin,3\n2026-03-02,Paris,5\n"
PEOPLE = "email,shop\nana@example.com,Berlin\nbo@example.com,Paris\ncy@example.com,Rome\n"
FIRST, SECOND = ("--at", "2026-03-02 07:00"), ("--at", "2026-03-09 07:00")


def project(folder: Path, each: str = "", people: str = PEOPLE) -> Path:
    jobs = JOBS.replace("EACH", each)
    return make_project(folder, jobs, sales_dot_csv=SALES, people_dot_csv=people)


def test_a_larger_audience_than_the_job_allows_is_refused_in_plan_and_run(tmp_path: Path) -> None:
    root = project(tmp_path, ", max: 2")
    planned = pipeline(root, "plan", "weekly", *FIRST)
    said = "jobs.weekly.audience.each: people has 3 rows, more than the 2 that max allows, so nothing is sent"
    assert planned.returncode == 1
    assert said in planned.stderr
    run = pipeline(root, "run", "weekly", *FIRST)
    assert (run.returncode, inbox(root) and "told its owner") == (1, "told its owner")
    assert f"failed: {said}; if all of them are meant, write max: 3 or more" in run.stderr
    assert pipeline(root, "run", "weekly", *FIRST, "--to", "me@example.com").returncode == 0


@pytest.mark.parametrize(
    ("empty", "kind", "mailed"), [("", "empty", 3), (", empty: send", "empty", 3), (", empty: skip", "skipped", 2)]
)
def test_recipients_without_rows_are_named(tmp_path: Path, empty: str, kind: str, mailed: int) -> None:
    root = project(tmp_path, empty)
    said = "no row of sales is theirs"
    planned = pipeline(root, "plan", "weekly", *FIRST)
    assert f"{kind}: row 3, cy@example.com: {said}\n" in planned.stdout
    assert {"audience": kind, "recipient": "cy@example.com", "row": 3, "reason": said} in json_lines(
        pipeline(root, "plan", "weekly", *FIRST, "--json").stdout
    )
    run = json_lines(pipeline(root, "run", "weekly", *FIRST, "--json").stdout)
    assert [line["count"] for line in run if line.get("event") == "run.empty_slices"] == [1]
    assert run[-1]["deliveries"] == {"sent": mailed}


def test_a_run_of_which_nobody_has_rows_is_skipped(tmp_path: Path) -> None:
    root = project(tmp_path, ", empty: skip", PEOPLE.splitlines()[0] + "\ncy@example.com,Rome\n")
    run = pipeline(root, "run", "weekly", *FIRST)
    assert (run.returncode, run.stdout) == (0, "skipped: nobody has rows of their own\n")


def test_the_difference_to_the_run_that_was_sent_last(tmp_path: Path) -> None:
    root = project(tmp_path)
    assert "nothing to compare with" in pipeline(root, "plan", "weekly", *FIRST, "--diff").stdout
    assert pipeline(root, "run", "weekly", *FIRST).returncode == 0
    assert (
        "no other subject, files or size for 3 recipients" in pipeline(root, "plan", "weekly", *SECOND, "--diff").stdout
    )
    (root / "people.csv").write_text("email,shop\nana@example.com,Berlin\nbo@example.com,Rome\ndi@example.com,Paris\n")
    (root / "sales.csv").write_text(SALES + "2026-03-08,Berlin,4\n" * 400)
    planned = pipeline(root, "plan", "weekly", *SECOND, "--diff")
    shown = planned.stdout.split("\nagainst ")[1].splitlines()
    assert shown[0] == "weekly@20260302T070000Z, sent for Mon 2 Mar 2026 07:00 UTC:"
    assert [line.split()[:2] for line in shown if line[0] != " "][1:4] == [
        ["new", "di@example.com"], ["gone", "cy@example.com"], ["changed", "ana@example.com"],
    ]  # fmt: skip
    assert any(line.strip().startswith("subject: Sales of Paris, ") for line in shown)
    assert shown[-1] == "no other subject, files or size for 0 recipients"
    changes = json_lines(pipeline(root, "plan", "weekly", *SECOND, "--diff", "--json").stdout)[3:]
    told = {line["recipient"]: (line["change"], line.get("what")) for line in changes if "change" in line}
    assert told == {
        "di@example.com": ("new", None), "cy@example.com": ("gone", None),
        "ana@example.com": ("changed", ["bytes"]), "bo@example.com": ("changed", ["subject", "bytes"]),
    }  # fmt: skip


def test_another_month_in_the_reader_s_language_is_no_change(tmp_path: Path) -> None:
    people = "email,shop,lang\nana@example.com,Berlin,de\nbo@example.com,Paris,\n"
    root = project(tmp_path, ", locale: lang", people)
    assert pipeline(root, "run", "weekly", "--at", "2026-02-23 07:00").returncode == 0
    planned = pipeline(root, "plan", "weekly", "--at", "2026-05-11 07:00", "--diff")
    assert "Mai 2026" in planned.stdout
    assert planned.stdout.endswith("\nno other subject, files or size for 2 recipients\n")
