"""CSV as Excel opens it on a double click: UTF-8 with a byte order mark, commas, CRLF (RFC 4180), no live
formulas."""

from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pandas as pd

from pipeline.report.exports import csv_fast
from pipeline.report.exports.book import Book
from pipeline.report.exports.columns import Plain, clock, taken_apart
from pipeline.report.kinds import Column, Kind, only_midnights
from pipeline.report.model import Datasets

_LIVE = ("=", "+", "-", "@", "\t", "\r")
"""Where a spreadsheet takes a text for a formula (OWASP, "CSV Injection")."""


def write(datasets: Datasets, path: Path, _book: Book) -> None:
    """One dataset. Raises ExportError for a column that has no text form."""
    ((name, frame),) = datasets.items()
    columns = taken_apart(name, frame)
    table = pd.concat([_text(column) for column in columns], axis=1) if columns else pd.DataFrame(index=frame.index)
    header = [_dead(column.name) for column in columns]
    if not csv_fast.write(table, header, path):
        table.to_csv(path, index=False, header=header, encoding="utf-8-sig", lineterminator="\r\n")


def _text(column: Plain) -> Column:
    """Numbers, truth values and times stay as they are: pandas writes them as it reads them."""
    match column.kind:
        case Kind.TEXT:
            return column.values.mask(column.values.str.startswith(_LIVE, na=False).astype(bool), "'" + column.values)
        case Kind.DATETIME:
            values = pd.to_datetime(column.values)
            return values.dt.strftime("%Y-%m-%d") if only_midnights(values) else values
        case Kind.DECIMAL | Kind.DURATION | Kind.MIXED:
            return column.values.astype(object).map(_cell, na_action="ignore")
        case _:
            return column.values


def _cell(value: Any) -> Any:
    match value:
        case str():
            return _dead(value)
        case Decimal():
            return f"{value:f}"
        case timedelta():
            return clock(value)
        case _:
            return value


def _dead(text: str) -> str:
    return f"'{text}" if text.startswith(_LIVE) else text
