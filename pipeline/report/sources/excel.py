"""Sheets of Excel workbooks (.xlsx, .xls, .xlsb, .ods), read by calamine."""

from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from pipeline.errors import SourceError
from pipeline.jobs.model import ExcelData
from pipeline.report import frames, project
from pipeline.report.extras import need
from pipeline.report.model import Datasets, Facts
from pipeline.report.sources.loaded import Loaded


def load(source: ExcelData, facts: Facts, _earlier: Datasets, _urls: Mapping[str, str]) -> Loaded:
    path = project.find(facts.root, source.excel)
    frame = read_sheet(path, source.excel, source.sheet, source.columns)
    return Loaded(frame, (project.fingerprint(facts.root, path),))


def read_sheet(path: Path, name: str, sheet: str | int, columns: tuple[str, ...] | None) -> pd.DataFrame:
    """One sheet, its first row the column names. A number names the sheet called so (`2026`), else a
    position from 0.

    Raises SourceError for an unreadable workbook, an unknown sheet or column; MissingExtraError without
    calamine.
    """
    need("python_calamine", "reading Excel files", "excel")
    try:
        book = pd.ExcelFile(path, engine="calamine")
    except Exception as error:  # calamine raises its own private error for what it cannot read
        raise SourceError(f"{name}: not a workbook that can be read: {error}") from error
    with book:
        title = _title(name, sheet, [str(title) for title in book.sheet_names])
        frame = pd.read_excel(book, sheet_name=title, dtype_backend="numpy_nullable")
    return frames.settle(pick(frames.tidy(frame, name), columns, f'{name}, sheet "{title}"'))


def _title(name: str, sheet: str | int, titles: list[str]) -> str:
    if str(sheet) in titles:
        return str(sheet)
    if isinstance(sheet, int) and 0 <= sheet < len(titles):
        return titles[sheet]
    known = ", ".join(f'"{title}"' for title in titles)
    raise SourceError(f'{name}: no sheet "{sheet}"{project.near_miss(str(sheet), titles)}; it has {known}')


def pick(frame: pd.DataFrame, columns: tuple[str, ...] | None, where: str) -> pd.DataFrame:
    """The named columns, in that order; all for None. Raises SourceError for one that is not there."""
    if columns is None:
        return frame
    for column in columns:
        if column not in frame.columns:
            known = [str(name) for name in frame.columns]
            raise SourceError(
                f'{where}: no column "{column}"{project.near_miss(column, known)}; it has {", ".join(known)}'
            )
    return frame[list(columns)]
