"""Datasets: one small file a kind, and this table."""

from collections.abc import Callable, Mapping
from typing import Any

import pandas as pd

from pipeline.errors import ReportError, SourceError
from pipeline.jobs.fetching import HttpData
from pipeline.jobs.model import Dataset, ExcelData, FileData, PythonData, SqlData
from pipeline.report import frames
from pipeline.report.model import Datasets, Facts
from pipeline.report.sources import excel, files, http, python, sql
from pipeline.report.sources.loaded import Loaded

_KINDS: Mapping[type, Callable[..., Loaded]] = {
    FileData: files.load,
    ExcelData: excel.load,
    SqlData: sql.load,
    PythonData: python.load,
    HttpData: http.load,
}


def load_dataset(name: str, source: Dataset, facts: Facts, earlier: Datasets, urls: Mapping[str, str]) -> Loaded:
    """One dataset, tidy. `urls`: the project's sources, name → SQLAlchemy URL or `duckdb`.

    Raises SourceError, whose message begins with the dataset's name, and MissingExtraError.
    """
    load: Callable[[Any, Facts, Datasets, Mapping[str, str]], Loaded] = _KINDS[type(source)]
    try:
        loaded = load(source, facts, {n: own(frame) for n, frame in earlier.items()}, urls)
    except ReportError as error:
        raise SourceError(f'dataset "{name}": {error}') from error.__cause__
    return Loaded(frames.tidy(loaded.frame, f'dataset "{name}"'), loaded.inputs)


def own(frame: pd.DataFrame) -> pd.DataFrame:
    """A frame to hand out: changes made to it stay there. Costs nothing until then (pandas 3 copies on
    write)."""
    return frame.copy(deep=False)
