"""Somebody who gives no --at asks for today, of which the example's flights of 2013 know nothing: no command fails
for that, and what is said leads to a day that shows something."""

import re
import shutil
from pathlib import Path

import pytest
import yaml
from projects import json_lines, pipeline

ROOT = Path(__file__).parents[2]
JOBS = tuple(yaml.safe_load((ROOT / "jobs.yaml").read_text(encoding="utf-8"))["jobs"])


@pytest.fixture(scope="module")
def example(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("example")
    for name in ("reports", "templates"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "jobs.yaml", folder)
    return folder


@pytest.mark.parametrize("job", JOBS)
def test_a_plan_for_today_says_which_day_has_numbers(example: Path, job: str) -> None:
    today = pipeline(example, "plan", job)
    assert (today.returncode, today.stderr) == (0, "")
    assert "gate: a run would skip now: expected flights.time_hour within 26 hours" in today.stdout
    named = re.search(r'--at "(.*)"', today.stdout)
    assert named is not None, today.stdout
    assert f'"{named[1]}"' in (ROOT / "README.md").read_text(encoding="utf-8")
    assert f'"{named[1]}"' in (example / "jobs.yaml").read_text(encoding="utf-8")
    then = json_lines(pipeline(example, "plan", job, "--at", named[1], "--json").stdout)
    assert [line for line in then if "recipients" in line]
    assert [line for line in then if "gate" in line or "audience" in line] == []


def test_the_daily_mail_of_a_day_without_flights_says_so(example: Path, tmp_path: Path) -> None:
    shown = pipeline(example, "preview", "daily-delays", "--at", "2013-03-01", "--out", str(tmp_path / "out"))
    assert shown.returncode == 0, shown.stderr
    assert 'gate: the last due time with fresh numbers is --at "2013-02-01 06:30"' in shown.stderr
    for name in ("message.html", "message.txt"):
        assert "No flights left New York on February 28, 2013" in (tmp_path / "out" / name).read_text(encoding="utf-8")


def test_nobody_to_write_to_is_told_with_the_way_on(example: Path) -> None:
    linted = pipeline(example, "lint", "carrier-weekly", "--at", "2013-03-04 07:00")
    assert linted.returncode != 0
    assert '31.3 days old\ngate: the last due time with fresh numbers is --at "2013-01-28 07:00"\n' in linted.stderr
    last = linted.stderr.splitlines()[-1]
    assert last.endswith("`pipeline plan carrier-weekly` says which, and --at takes another due time")
