"""From a mail's own header to the suppression, with the real command: who leaves gets no more, of that job alone."""

from email import policy
from email.parser import BytesParser
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from projects import json_lines, make_project, pipeline

JOBS = """\
defaults: {from: Reports <reports@example.com>}
bounces: left
jobs:
  weekly:
    data: {people: reports/people.csv, sales: reports/data/sales.csv}
    each: people
    unsubscribe: true
"""


def test_who_leaves_gets_no_more_of_that_job(tmp_path: Path) -> None:
    project = make_project(tmp_path, JOBS, reports__people_dot_csv="email\nAna@example.com\nbo@example.com\n")
    for name in ("new", "cur", "tmp"):
        (project / "left" / name).mkdir(parents=True)
    assert pipeline(project, "run", "weekly", "--at", "2026-03-02 07:00").returncode == 0
    mails = [BytesParser(policy=policy.default).parsebytes(path.read_bytes()) for path in inbox(project)]
    ana = next(mail for mail in mails if mail["To"] == "Ana@example.com")
    link = urlsplit(ana["List-Unsubscribe"].strip("<>"))
    assert link.path == "reports@example.com"
    subject = parse_qs(link.query)["subject"][0]
    assert subject not in next(str(mail["List-Unsubscribe"]) for mail in mails if mail["To"] == "bo@example.com")
    (project / "left/new/1").write_text(f"From: x@example.org\nSubject: {subject}\n\n", encoding="utf-8")
    (project / "left/new/2").write_text(f"Subject: {subject[:-3]}\n\n", encoding="utf-8")
    taken = pipeline(project, "bounces", "--json")
    assert [line["event"] for line in json_lines(taken.stdout)[:-1]] == ["suppression.added", "bounce.unmatched"]
    counts = {name: count for name, count in json_lines(taken.stdout)[-1].items() if count}
    assert counts == {"mails": 2, "unsubscribed": 1, "unread": 1}
    assert sorted(path.name for path in (project / "left/cur").iterdir()) == ["1:2,S", "2:2,FS"]
    [one] = json_lines(pipeline(project, "suppress", "list", "--json").stdout)
    assert (one["recipient"], one["scope"], one["by"]) == ("ana@example.com", "job:weekly", "recipient")
    again = pipeline(project, "run", "weekly", "--at", "2026-03-09 07:00", "--json")
    assert json_lines(again.stdout)[-1]["deliveries"] == {"sent": 1, "suppressed": 1}
    assert len(inbox(project)) == 3


def inbox(project: Path) -> list[Path]:
    return sorted((project / "var/inbox/new").iterdir())
