"""What the log's tests share: a clock that stands, and a log that writes into a list."""

import io
import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from pipeline.observe.log import EventLog, open_log

NOW = datetime(2013, 2, 1, 11, 30, 2, 345678, tzinfo=UTC)


class Written(io.StringIO):
    """A stream that knows its lines as records."""

    @property
    def lines(self) -> list[str]:
        return self.getvalue().splitlines()

    @property
    def records(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.lines]


@pytest.fixture
def written() -> Written:
    return Written()


@pytest.fixture
def clock() -> Callable[[], datetime]:
    return lambda: NOW


@pytest.fixture
def log(written: Written, clock: Callable[[], datetime]) -> EventLog:
    return open_log(None, written, clock=clock)
