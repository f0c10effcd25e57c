"""The pages that links to unsubscribe lead to: a look changes nothing, a click does, and strangers learn nothing."""

import socket
import urllib.error
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime
from email import policy
from email.parser import BytesParser
from pathlib import Path
from typing import Any

import pytest
from projects import inbox, json_lines, make_project, pipeline
from serving import Serving

from pipeline.delivery.leaving import Leaving
from pipeline.errors import LedgerError, UsageError
from pipeline.ledger import migrate
from pipeline.ledger.database import open_ledger
from pipeline.ledger.suppressing import Suppressions
from pipeline.message.unsubscribing import token_of
from pipeline.web.pages import serving
from pipeline.web.unsubscribe_app import unsubscribe_app

KEY, NOW = bytes(32), datetime(2026, 3, 2, 7, tzinfo=UTC)
TOKEN = token_of(KEY, "weekly", "ana@example.com")
ONE_CLICK = b"List-Unsubscribe=One-Click"


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port: int = taken.getsockname()[1]
        return port


def ask(url: str, data: bytes | None = None, method: str | None = None) -> tuple[int, str, dict[str, str]]:
    """Status, body and headers."""
    request = urllib.request.Request(url, data=data, method=method)
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            return answer.status, answer.read().decode(), dict(answer.headers)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode(), dict(error.headers)


class Broken:
    """A ledger that cannot be written."""

    def add(self, *_: object) -> bool:
        raise LedgerError("the disk is full")


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Suppressions]:
    engine = open_ledger("sqlite:///ledger.sqlite3", tmp_path)
    migrate.upgrade(engine)
    yield Suppressions(engine)
    engine.dispose()


@pytest.fixture
def base(ledger: Suppressions) -> Iterator[str]:
    leaving = Leaving(lambda: KEY, ledger, lambda *_, **__: None, lambda: NOW)
    listen = f"127.0.0.1:{free_port()}"
    with serving(unsubscribe_app(leaving, lambda job: f"<{job}> & co"), listen):
        yield f"http://{listen}"


def test_a_look_asks_and_changes_nothing(base: str, ledger: Suppressions) -> None:
    for method in (None, "HEAD"):
        status, body, headers = ask(f"{base}/unsubscribe/weekly/{TOKEN}", method=method)
        assert status == 200
        assert headers["cache-control"] == "no-store"
        assert "frame-ancestors 'none'" in headers["content-security-policy"]
        assert ("a…@example.com" in body) == (method is None)
        assert ("&lt;weekly&gt; &amp; co" in body) == (method is None)
        assert "ana@" not in body
    assert ledger.find() == []


@pytest.mark.parametrize("data", [ONE_CLICK, b"", b"x" * 100_000])
def test_a_click_suppresses_once_for_that_job(base: str, ledger: Suppressions, data: bytes) -> None:
    for _ in range(2):
        status, body, _headers = ask(f"{base}/unsubscribe/weekly/{TOKEN}", data)
        assert (status, "<h1>Done</h1>" in body) == (200, True)
    assert [(one.address, one.scope, one.why) for one in ledger.find()] == [
        ("ana@example.com", "job:weekly", "unsubscribed by a click")
    ]


def test_behind_a_prefix_too(base: str, ledger: Suppressions) -> None:
    assert ask(f"{base}/reports/unsubscribe/weekly/{TOKEN}", ONE_CLICK)[0] == 200
    assert len(ledger.find()) == 1


@pytest.mark.parametrize(
    "path",
    ["/", "/unsubscribe", f"/unsubscribe/daily/{TOKEN}", f"/unsubscribe/weekly/{TOKEN[:-1]}", "/unsubscribe/weekly/x",
     "/unsubscribe/weekly/%FF%00", f"/unsubscribe/weekly/{TOKEN}/more", "/docs", "/unsubscribe/../etc/passwd"],
)  # fmt: skip
def test_everything_else_is_the_same_nothing(base: str, ledger: Suppressions, path: str) -> None:
    looked, clicked = ask(base + path), ask(base + path, ONE_CLICK)
    assert (looked[0], clicked[0]) == (404, 404)
    assert looked[1] == clicked[1]
    assert "This link is not valid" in looked[1]
    assert ledger.find() == []


def test_nobody_is_led_to_where_a_request_says(base: str) -> None:
    status, _, headers = ask(f"{base}/unsubscribe/weekly/{TOKEN}/")
    assert (status, headers.get("location")) == (404, None)
    with socket.create_connection((base.removeprefix("http://").split(":")[0], int(base.rsplit(":", 1)[1])), 10) as raw:
        raw.sendall(f"GET /unsubscribe/weekly/{TOKEN}/ HTTP/1.0\r\nHost: elsewhere.example\r\n\r\n".encode())
        assert raw.makefile("rb").readline().split()[1] == b"404"


def test_a_ledger_that_cannot_be_written_says_so() -> None:
    leaving = Leaving(lambda: KEY, Broken(), lambda *_, **__: None, lambda: NOW)
    listen = f"127.0.0.1:{free_port()}"
    with serving(unsubscribe_app(leaving, str), listen):
        status, body, _ = ask(f"http://{listen}/unsubscribe/weekly/{TOKEN}", ONE_CLICK)
    assert (status, "Not now" in body, "disk" in body) == (503, True, False)


def test_a_port_that_is_taken_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        listen = f"127.0.0.1:{taken.getsockname()[1]}"
        leaving: Any = None
        with (
            pytest.raises(UsageError, match=f"pages.listen: {listen} cannot be used"),
            serving(unsubscribe_app(leaving, str), listen),
        ):
            pass


JOBS = """\
defaults: {{from: Reports <reports@example.com>}}
pages: {{url: https://reports.example.com/, listen: "127.0.0.1:{port}"}}
jobs:
  weekly:
    data: {{people: reports/people.csv, sales: reports/data/sales.csv}}
    each: people
    unsubscribe: true
"""


@pytest.mark.parametrize("artifacts", ["var/artifacts", "shared/artifacts"])
def test_one_click_from_the_mail_to_the_service(tmp_path: Path, artifacts: str) -> None:
    port, environ = free_port(), {"ARTIFACTS": artifacts}
    project = make_project(tmp_path, JOBS.format(port=port), reports__people_dot_csv="email\nana@example.com\n")
    assert pipeline(project, "run", "weekly", "--at", "2026-03-02 07:00", **environ).returncode == 0
    [path] = inbox(project)
    mail = BytesParser(policy=policy.default).parsebytes(path.read_bytes())
    assert mail["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    link = mail["List-Unsubscribe"].strip("<>")
    assert link.startswith("https://reports.example.com/unsubscribe/weekly/")
    service = Serving(project, **environ)
    try:
        service.until("service.started")
        here = f"http://127.0.0.1:{port}/{link.removeprefix('https://reports.example.com/')}"
        assert "No more “Weekly”?" in ask(here)[1]
        assert ask(here, ONE_CLICK)[0] == 200
        told = service.until("suppression.added")
        assert (told["recipient"], told["scope"], told["by"]) == ("ana@example.com", "job:weekly", "recipient")
    finally:
        assert service.stop() == 0
    [one] = json_lines(pipeline(project, "suppress", "list", "--json").stdout)
    assert (one["recipient"], one["reason"]) == ("ana@example.com", "unsubscribed by a click")
