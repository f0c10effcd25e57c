"""JSON: a list of records, one a line, times in ISO 8601."""

import json
import math
from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pandas as pd

from pipeline.errors import ExportError
from pipeline.report.exports.book import Book
from pipeline.report.exports.columns import Plain, taken_apart
from pipeline.report.kinds import Kind, only_midnights, scalars
from pipeline.report.model import Datasets

_ROWS = 5_000
"""Rows turned into Python values at a time, so that memory does not grow with the dataset."""


def write(datasets: Datasets, path: Path, _book: Book) -> None:
    """One dataset. Missing is null, a decimal is text (exact), a duration `P0DT1H30M0S`.

    Raises ExportError for infinity, which JSON has not, and for columns that have no form.
    """
    ((name, frame),) = datasets.items()
    columns = taken_apart(name, frame)
    with path.open("w", encoding="utf-8", newline="\n") as file:
        file.write("[")
        for number, record in enumerate(_records(columns, len(frame))):
            file.write(",\n" if number else "\n")
            file.write(json.dumps(record, ensure_ascii=False, allow_nan=False))
        file.write("\n]\n")


def _records(columns: list[Plain], rows: int) -> Iterator[dict[str, Any]]:
    names = [column.name for column in columns]
    dates = [column.kind is Kind.DATETIME and only_midnights(column.values) for column in columns]
    for start in range(0, rows, _ROWS):
        chunk = [
            [
                _value(value, column.name, day)
                for value in scalars(column.values.iloc[start : start + _ROWS], column.kind)
            ]
            for column, day in zip(columns, dates, strict=True)
        ]
        for row in zip(*chunk, strict=True):
            yield dict(zip(names, row, strict=True))


def _value(value: Any, column: str, day: bool) -> Any:  # noqa: FBT001 - one line a type
    match value:
        case float() if math.isinf(value):
            raise ExportError(f'column "{column}" holds infinity, which JSON cannot; replace it')
        case datetime():
            return value.date().isoformat() if day else value.isoformat()
        case date() | time():
            return value.isoformat()
        case timedelta():
            return pd.Timedelta(value).isoformat()
        case Decimal():
            return f"{value:f}"
        case _:
            return value
