"""The past can be asked again: the same bytes from the same data, and a run names the files that made it."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from projects import inbox, json_lines, make_project, pipeline

from pipeline.ledger.records import RunKey
from pipeline.ledger.states import RunState
from pipeline.single_run import follow
from pipeline.wiring import Workspace

DUE = datetime(2026, 3, 2, 7, 0, tzinfo=UTC)
KEY = RunKey("weekly", DUE)
JOBS = """\
defaults: {from: Reports <reports@example.com>, timezone: Europe/Berlin}
sources: {files: duckdb}
jobs:
  weekly:
    schedule: "0 7 * * mon"
    data:
      units: {sql: reports/units.sql, source: files}
      best: {python: "reports.best:best"}
    charts:
      bars: {bar: units, x: shop, y: units}
      own: {vega: reports/own.vl.json, data: units}
    exports: [xlsx, {csv: units, zip: true}, {parquet: best}, {json: units}]
    message: {template: weekly}
    to: [team@example.com, boss@example.com]
    delivery: {expires: 1000 days}
"""
FILES = {
    "reports/units.sql": "SELECT shop, units, DATE '2026-03-01' AS day FROM 'reports/data/sa*.csv' WHERE :start < :end",
    "reports/best.py": "from reports.helper import top\n\n\ndef best(units):\n    return top(units)\n",
    "reports/helper.py": "def top(frame):\n    return frame.nlargest(1, 'units')\n",
    "reports/unused.py": "raise RuntimeError\n",
    "reports/own.vl.json": '{"mark": "bar", "encoding": {"x": {"field": "shop"}, "y": {"field": "units"}}}',
    "templates/weekly.html": "{% include 'intro.html' %}{{ chart('own') }}{{ table(units) }}{{ period.label }}",
    "templates/intro.html": "<p>Hello</p>",
    "templates/unused.html": "<p>Nobody</p>",
}
MADE_FROM = {*FILES, "jobs.yaml", "reports/data/sales.csv"} - {"reports/unused.py", "templates/unused.html"}


@contextmanager
def workspace_of(folder: Path, now: datetime) -> Iterator[Workspace]:
    make_project(folder, JOBS)
    for name, text in FILES.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    with Workspace(folder, clock=lambda: now, environ={}) as workspace:
        yield workspace


def test_a_past_due_time_gives_the_same_bytes_whenever_and_wherever_it_is_built(tmp_path: Path) -> None:
    built = {}
    for place, now in (("there", DUE), ("elsewhere", DUE + timedelta(days=400))):
        with workspace_of(tmp_path / place, now) as workspace:
            assert follow(workspace, KEY).run.state is RunState.DELIVERED
            mails = sorted(path.read_bytes() for path in inbox(tmp_path / place))
            built[place] = (mails, workspace.memory.artifacts(KEY), workspace.memory.origin(KEY))
    assert built["there"] == built["elsewhere"]
    mails, artifacts, _ = built["there"]
    assert len(mails) == 2
    assert {part.filename for part in artifacts} == {
        "weekly.xlsx",
        "units.csv.zip",
        "best.parquet",
        "units.json",
        "own.png",
    }


def test_a_run_names_every_file_that_made_it_and_no_other(tmp_path: Path) -> None:
    with workspace_of(tmp_path, DUE) as workspace:
        follow(workspace, KEY)
        origin = workspace.memory.origin(KEY)
        artifacts = workspace.memory.artifacts(KEY)
    assert origin is not None
    assert {item.path for item in origin.ingredients} == MADE_FROM
    for item in origin.ingredients:
        data = (tmp_path / item.path).read_bytes()
        assert (item.sha256, item.size) == (hashlib.sha256(data).hexdigest(), len(data))

    shown = json_lines(pipeline(tmp_path, "show", str(KEY), "--json").stdout)
    assert {line["path"]: line["sha256"] for line in shown if "path" in line} == {
        item.path: item.sha256 for item in origin.ingredients
    }
    assert {(line["artifact"], line["sha256"]) for line in shown if "artifact" in line} == {
        (part.filename, part.artifact.sha256) for part in artifacts
    }
    told = pipeline(tmp_path, "show", str(KEY)).stdout
    assert all(item.sha256 in told for item in origin.ingredients)
    assert "\nartifacts\n" in told
    assert "\nmade from\n" in told


@pytest.mark.parametrize("changed", ["reports/helper.py", "reports/units.sql", "templates/intro.html"])
def test_another_version_has_another_hash(tmp_path: Path, changed: str) -> None:
    again = RunKey(KEY.job, KEY.due, "again-1")
    with workspace_of(tmp_path, DUE) as workspace:
        follow(workspace, KEY)
        file = tmp_path / changed
        file.write_text(file.read_text() + "\n")
        follow(workspace, again)
        before, after = (workspace.memory.origin(key) for key in (KEY, again))
    assert before is not None
    assert after is not None
    assert {item.path for item in set(before.ingredients) ^ set(after.ingredients)} == {changed}
