"""`pipeline bounces` and `pipeline serve` on a real Maildir: what came back is kept, told, and not mailed again."""

import subprocess
import sys
import time
from pathlib import Path

import pytest
from projects import clean_environ, json_lines, make_project, pipeline

AT = "2026-03-02 07:00"
RUN = "team@20260302T070000Z"
JOBS = """\
defaults: {from: Reports <reports@example.com>}
bounces: bounced
jobs:
  team:
    data: reports/data/sales.csv
    to: [ana@partner.example, bo@example.com]
"""
REPORT = Path(__file__).parents[1] / "delivery" / "bounces" / "postfix.eml"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project whose mail to Ana was sent and came back."""
    make_project(tmp_path, JOBS)
    for name in ("new", "cur", "tmp"):
        (tmp_path / "bounced" / name).mkdir(parents=True)
    assert pipeline(tmp_path, "run", "team", "--at", AT).returncode == 0
    message_id = json_lines(pipeline(tmp_path, "deliveries", "--json").stdout)[0]["message_id"].strip("<>")
    text = REPORT.read_text(encoding="utf-8").replace("letter-1@example.com", message_id)
    (tmp_path / "bounced" / "new" / "1.report").write_text(text, encoding="utf-8")
    return tmp_path


def test_once_by_hand(project: Path) -> None:
    first = pipeline(project, "bounces")
    assert (first.returncode, first.stdout, first.stderr) == (0, "1 mails, 1 bounced, 1 suppressed\n", "")
    assert pipeline(project, "bounces").stdout == "no new mails\n"
    listed = json_lines(pipeline(project, "suppress", "list", "--json").stdout)
    assert [(row["recipient"], row["by"]) for row in listed] == [("ana@partner.example", "bounce")]
    shown = pipeline(project, "show", RUN).stdout
    assert "ana@partner.example  550   5.1.1" in shown
    bounced = [line for line in json_lines(pipeline(project, "show", RUN, "--json").stdout) if "bounced_at" in line]
    assert [(line["recipient"], line["class"]) for line in bounced] == [("ana@partner.example", "PERM_RCPT")]


def test_the_service_looks_by_itself(project: Path) -> None:
    command = [sys.executable, "-m", "pipeline", "-C", str(project), "serve"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, env=clean_environ({})) as service:
        deadline = time.monotonic() + 60
        while not (project / "bounced" / "cur" / "1.report:2,S").exists():
            assert time.monotonic() < deadline
            assert service.poll() is None
            time.sleep(0.1)
        service.terminate()
        assert service.wait(60) == 0
    log = json_lines((project / "var/log/delivery.jsonl").read_text(encoding="utf-8"))
    assert [line["recipient"] for line in log if line["event"] == "delivery.bounced"] == ["ana@partner.example"]


def test_without_a_mailbox_it_says_what_to_write(tmp_path: Path) -> None:
    make_project(tmp_path, JOBS.replace("bounces: bounced\n", ""))
    asked = pipeline(tmp_path, "bounces")
    assert (asked.returncode, asked.stdout) == (2, "")
    assert 'jobs.yaml names no mailbox; write "bounces: ${BOUNCES_URL}"' in asked.stderr


def test_a_mailbox_that_is_none_fails(tmp_path: Path) -> None:
    make_project(tmp_path, JOBS)
    asked = pipeline(tmp_path, "bounces")
    assert asked.returncode == 1
    assert "is no Maildir; it needs the folders new and cur" in asked.stderr
