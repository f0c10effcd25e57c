"""Workbooks that people keep: one sheet a dataset, a table of Excel's own with filters, formats and totals; text stays
text.

XlsxWriter makes all but the rows (`sheets`), which come into its package by themselves (`package`): from Arrow where it
is installed, else value by value, the same bytes either way.
"""

import io
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
from xlsxwriter import Workbook

from pipeline.errors import ExportError, MissingExtraError
from pipeline.report.exports import package, rowxml
from pipeline.report.exports.cells import cells_of, check_texts
from pipeline.report.exports.columns import taken_apart
from pipeline.report.exports.names import headers, sheet_titles, table_names
from pipeline.report.exports.rowxml_fast import FastRows
from pipeline.report.exports.sheets import Formats, Shown, Table, draw
from pipeline.report.exports.totals import Function, total_of
from pipeline.report.extras import need
from pipeline.report.model import Datasets

_MOST_ROWS, _MOST_COLUMNS = 1_048_576, 16_384
"""Of a sheet: "Excel specifications and limits"."""
_OPTIONS = {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}
_CREATED = datetime(2000, 1, 1, tzinfo=UTC)
"""A workbook that told when it was made would have other bytes each time."""


def write(datasets: Datasets, path: Path, totals: bool) -> None:  # noqa: FBT001 - the table's signature
    """Raises ExportError for what Excel cannot hold: too many rows or columns, a text of more than 32,767
    characters, columns of lists or objects."""
    for name, frame in datasets.items():
        _check_size(name, rows=len(frame) + 1 + totals, columns=len(frame.columns))
    titles, names = sheet_titles(datasets), table_names(datasets)
    tables = [
        _table(title, name, datasets[dataset], dataset, totals=totals)
        for title, name, dataset in zip(titles, names, datasets, strict=True)
    ]
    skeleton = io.BytesIO()
    book = Workbook(skeleton, _OPTIONS)
    book.set_properties({"created": _CREATED})
    formats = Formats(book)
    fillings = {}
    for table in tables:
        sheet = book.add_worksheet(table.title)
        draw(sheet, table, formats, table.title)
        if table.columns:
            fillings[len(book.worksheets())] = table.filling
    book.close()
    package.fill(skeleton.getvalue(), path, fillings, _rows())


def _rows() -> package.Rows:
    try:
        return FastRows(*(need(module, "fast workbooks", "parquet") for module in ("pyarrow", "pyarrow.compute"))).rows
    except MissingExtraError:
        return rowxml.rows


def _table(title: str, name: str, frame: pd.DataFrame, dataset: str, *, totals: bool) -> Table:
    plain = taken_apart(dataset, frame)
    for column in plain:
        check_texts(dataset, column)
    cells = [cells_of(column) for column in plain]
    shown = [
        Shown(
            one,
            header,
            total=total_of(one, len(frame), Function.SUM) if totals else None,
        )
        for one, header in zip(cells, headers(one.header for one in cells), strict=True)
    ]
    return Table(title, name, len(frame), shown)


def _check_size(name: str, *, rows: int, columns: int) -> None:
    if rows > _MOST_ROWS or columns > _MOST_COLUMNS:
        raise ExportError(
            f"{name} has {rows:,} rows with its header and {columns:,} columns; an Excel sheet takes "
            f"{_MOST_ROWS:,} and {_MOST_COLUMNS:,}: aggregate it, or export it as csv or parquet"
        )
