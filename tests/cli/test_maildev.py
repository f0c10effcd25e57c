"""A catcher from another world as a mailer by URL: npm's maildev gets the mail, and shows it by its REST API."""

import json
import urllib.request
from pathlib import Path
from typing import Any

from node_peer import node_peer
from projects import make_project, pipeline

JOBS = """\
mailers:
  catcher: {{smtp: "smtp+plain://localhost:{port}"}}
defaults: {{from: Reports <reports@example.com>}}
jobs:
  weekly-sales:
    title: Umsätze der Woche
    data: reports/data/sales.csv
    exports: [{{csv: sales, name: Umsätze.csv}}]
    to: [Ana Müller <ana@example.com>, bo@example.com]
"""


def test_maildev_is_a_mailer_by_url(tmp_path: Path) -> None:
    with node_peer("maildev", "maildev_server.mjs", str(tmp_path / "spool")) as peer:
        ports: list[str] = []
        while len(ports) != 2 or not all(map(str.isdigit, ports)):  # it has something to say before
            ports = peer.line().split()
        project = make_project(tmp_path / "project", JOBS.format(port=ports[0]))
        ran = pipeline(project, "run", "weekly-sales", "--at", "2026-03-02 07:00")
        looked = pipeline(project, "doctor", "--no-dns")
        with urllib.request.urlopen(f"http://127.0.0.1:{ports[1]}/api/email", timeout=10) as answer:
            mails: list[dict[str, Any]] = json.load(answer)
    assert ran.stderr == ""
    assert (ran.returncode, ran.stdout.split(";")[0]) == (0, "delivered: 2 of 2 sent by catcher")
    assert (looked.returncode, "the relay must know this machine" in looked.stdout) == (0, True)
    (mail,) = mails
    assert mail["subject"].startswith("Umsätze der Woche, ")
    assert mail["from"] == [{"address": "reports@example.com", "name": "Reports"}]
    assert [(who["name"], who["address"]) for who in mail["to"]] == [
        ("Ana Müller", "ana@example.com"),
        ("", "bo@example.com"),
    ]
    assert [file["filename"] for file in mail["attachments"]] == ["Umsätze.csv"]
    assert "Berlin" in mail["html"]
    assert sorted(to["address"] for to in mail["envelope"]["to"]) == ["ana@example.com", "bo@example.com"]
