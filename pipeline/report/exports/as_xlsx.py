"""Workbooks that people keep: one sheet a dataset, a table of Excel's own with filters, formats and totals; text stays
text.

XlsxWriter makes all but the rows (`sheets`), which come into its package by themselves (`package`): from Arrow where it
is installed, else value by value, the same bytes either way.
"""

import io
from pathlib import Path

from xlsxwriter import Workbook

from pipeline.errors import ExportError, MissingExtraError
from pipeline.report.exports import cover, package, rowxml
from pipeline.report.exports.book import Book
from pipeline.report.exports.names import sheet_titles, table_names
from pipeline.report.exports.rowxml_fast import FastRows
from pipeline.report.exports.sheets import Formats, Table, draw
from pipeline.report.exports.tables import table_of
from pipeline.report.extras import need
from pipeline.report.model import Datasets

_MOST_ROWS, _MOST_COLUMNS = 1_048_576, 16_384
"""Of a sheet: "Excel specifications and limits"."""
_OPTIONS = {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}


def write(datasets: Datasets, path: Path, said: Book, rows: package.Rows | None = None) -> None:
    """`rows` makes their XML; None: the fastest way there is.

    Raises ExportError for what Excel cannot hold: too many rows or columns, a text of more than 32,767 characters,
    columns of lists or objects.
    """
    before = [cover.SHEET] if said.cover else []
    after = [cover.PICTURES] if said.pictures else []
    titles = sheet_titles([*before, *datasets, *after])
    names = zip(titles[len(before) :], table_names(datasets), datasets, strict=False)
    tables = [table_of(dataset, datasets[dataset], title, name, said) for title, name, dataset in names]
    for table in tables:
        _check_size(table)
    skeleton = io.BytesIO()
    book = Workbook(skeleton, _OPTIONS)
    book.set_properties(cover.properties(said))
    formats = Formats(book)
    fillings = {}
    if said.cover:
        cover.draw(book.add_worksheet(titles[0]), tables, titles[len(titles) - len(after) :], formats, said)
    for table in tables:
        draw(book.add_worksheet(table.title), table, formats, said)
        if table.columns:
            fillings[len(book.worksheets())] = table.filling
    if said.pictures:
        cover.hang(book.add_worksheet(titles[-1]), formats, said)
    book.close()
    package.fill(skeleton.getvalue(), path, fillings, rows or _fastest())


def _fastest() -> package.Rows:
    try:
        return FastRows(*(need(module, "fast workbooks", "parquet") for module in ("pyarrow", "pyarrow.compute"))).rows
    except MissingExtraError:
        return rowxml.rows


def _check_size(table: Table) -> None:
    rows, columns = table.filling.last, len(table.columns)
    if rows > _MOST_ROWS or columns > _MOST_COLUMNS:
        raise ExportError(
            f"{table.dataset} has {rows:,} rows with its header and {columns:,} columns; an Excel sheet takes "
            f"{_MOST_ROWS:,} and {_MOST_COLUMNS:,}: aggregate it, or export it as csv or parquet"
        )
