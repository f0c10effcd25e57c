"""A project folder, a store and the facts of a run, made anew for each test."""

import sys
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from pipeline.report.artifacts import ArtifactStore
from pipeline.report.model import Facts
from pipeline.schedule.period import Period

ZONE = "America/New_York"


@pytest.fixture
def store(tmp_path: Path) -> ArtifactStore:
    return ArtifactStore(tmp_path / "artifacts")


@pytest.fixture
def root(tmp_path: Path) -> Iterator[Path]:
    """A project; what was imported from it is forgotten afterwards, as the end of a child process does it."""
    folder = tmp_path / "project"
    folder.mkdir()
    yield folder
    sys.path[:] = [entry for entry in sys.path if entry != str(folder)]
    for name, module in list(sys.modules.items()):
        places = [getattr(module, "__file__", None) or "", *getattr(module, "__path__", ())]
        if any(str(place).startswith(f"{folder}/") for place in places):
            del sys.modules[name]


@pytest.fixture
def period() -> Period:
    zone = ZoneInfo(ZONE)
    return Period(datetime(2013, 1, 2, tzinfo=zone), datetime(2013, 1, 3, tzinfo=zone), "2 January 2013")


@pytest.fixture
def facts(root: Path, period: Period) -> Facts:
    due = datetime(2013, 1, 3, 11, 30, tzinfo=UTC)
    return Facts(root, ZONE, due, period, {"threshold": 15, "name": "O'Hare; --"}, 2_000_000_000)


@pytest.fixture
def put(root: Path) -> Callable[[Mapping[str, Any]], None]:
    """Writes files of the project: name → text or bytes."""

    def write(files: Mapping[str, Any]) -> None:
        for name, content in files.items():
            path = root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content if isinstance(content, bytes) else content.encode())

    return write
