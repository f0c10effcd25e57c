"""`pipeline diff` against git and files: what changes for whom, without a secret."""

import subprocess
from pathlib import Path

from projects import SMALLEST, json_lines, make_project, pipeline

MAILER = "mailers: {relay: {smtp: '${SMTP_URL}'}}\n"


def commit(project: Path) -> None:
    git = ["git", "-C", str(project), "-c", "user.name=a", "-c", "user.email=a@example.com"]
    for arguments in (["init", "-q"], ["add", "jobs.yaml"], ["commit", "-q", "-m", "first"]):
        subprocess.run([*git, *arguments], check=True)


def test_it_says_what_changes_for_whom(tmp_path: Path) -> None:
    project = make_project(tmp_path, MAILER + SMALLEST)
    commit(project)
    same = pipeline(project, "diff", "--exit-code")
    assert (same.returncode, same.stdout, same.stderr) == (0, "no job is another than in HEAD\n", "")
    changed = SMALLEST.replace("team@", "new@").replace("* * mon", "* * tue")
    (project / "jobs.yaml").write_text(MAILER + changed + "  more: {data: reports/data/sales.csv, to: x@example.com}\n")
    added, moved = json_lines(pipeline(project, "diff", "HEAD", "--json").stdout)
    assert (added["job"], added["change"], added["details"]) == (
        "more", "added", ["to: x@example.com", "delivery.mailer: relay"],
    )  # fmt: skip
    assert set(moved["details"]) == {
        "schedule: -{cron: 0 7 * * mon}", "schedule: +{cron: 0 7 * * tue}",
        "to: -team@example.com", "to: +new@example.com",
    }  # fmt: skip
    assert (len(moved["due_before"]), len(moved["due_after"])) == (3, 3)
    assert not set(moved["due_before"]) & set(moved["due_after"])
    shown = pipeline(project, "diff", "--exit-code")
    assert (shown.returncode, "  to: +new@example.com\n" in shown.stdout) == (1, True)


def test_against_a_file_and_what_is_neither(tmp_path: Path) -> None:
    project = make_project(tmp_path, SMALLEST)
    other = tmp_path / "other.yaml"
    other.write_text(SMALLEST.replace("weekly-sales", "old-sales"))
    told = json_lines(pipeline(project, "diff", str(other), "--json").stdout)
    assert [(line["job"], line["change"]) for line in told] == [("old-sales", "removed"), ("weekly-sales", "added")]
    other.write_text("jobs: {a: 1}\n")
    wrong = pipeline(project, "diff", str(other))
    assert (wrong.returncode, wrong.stderr.startswith(f"{other}:1:")) == (2, True)
    nothing = pipeline(project, "diff", "no-such-revision")
    assert nothing.returncode == 2
    assert '"no-such-revision" is neither a file nor a git revision' in nothing.stderr
    assert nothing.stderr.endswith("; name an older jobs.yaml, like `pipeline diff old.yaml`\n")
