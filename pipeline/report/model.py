"""The plain values of a report: what was read, what was drawn, what was written."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

import pandas as pd

from pipeline.ledger.records import Artifact
from pipeline.schedule.period import Period

Param = str | int | float | bool | date | None
Datasets = Mapping[str, pd.DataFrame]
Progress = Callable[[str], None]
"""Told each step as it begins: `data flights`, `chart by_hour`, `file delays.xlsx`."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What a run is about; everything that SQL and Python may ask for besides datasets."""

    root: Path
    """The project's folder; nothing outside it is read."""
    zone: str
    """The job's IANA zone: dates and times without a zone are wall-clock time there."""
    due: datetime
    """Zone-aware."""
    period: Period
    params: Mapping[str, Param]
    memory: int
    """The child's limit in bytes."""
    seconds: float = 600.0
    """How long the whole build may take."""


@dataclass(frozen=True, slots=True)
class InputFile:
    """A file of the project that made a dataset or chart, as it was when it was read."""

    path: str
    """Relative to the project, with forward slashes."""
    sha256: str
    size: int


@dataclass(frozen=True, slots=True)
class ChartImage:
    """A picture inside the message. `width` and `height` are CSS pixels; a chart's PNG has twice as many."""

    name: str
    artifact: Artifact
    title: str
    alt: str
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class ExportFile:
    """A file of the message; `rows` counts the rows of all datasets in it, and is None for a document, whose
    page shows what it wants of them."""

    artifact: Artifact
    filename: str
    rows: int | None
