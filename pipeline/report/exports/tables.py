"""A dataset and what its columns' specifications say, ready for its sheet."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd
from babel import Locale

from pipeline.jobs.cellformat import SIGNED
from pipeline.jobs.columnspec import ColumnSpec, ShownColumn, humanised, shown_columns
from pipeline.report.exports.book import Book
from pipeline.report.exports.cells import WIDEST, Cells, Format, cells_of, check_texts
from pipeline.report.exports.columns import Plain, taken
from pipeline.report.exports.names import headers
from pipeline.report.exports.numberformats import number_code, time_code, with_arrows
from pipeline.report.exports.sheets import Shown, Table
from pipeline.report.exports.totals import FUNCTIONS, Function, Total, total_of
from pipeline.report.kinds import Column

_SIGNS = 4
"""Characters that an asked-for format may add: a currency, an arrow, a sign."""
_PLACES = {Format.TENTHS: 1, Format.NUMBER: 2, Format.SMALL: 4}


def table_of(dataset: str, frame: pd.DataFrame, title: str, name: str, book: Book) -> Table:
    """The sheet called `title` with its table `name`. Raises ExportError for what no cell can hold."""
    specs = book.columns.get(dataset, {})
    frame = frame.set_axis([str(column) for column in frame.columns], axis=1)
    shown = shown_columns(frame.columns, specs)
    cells = [_cells(_plain(dataset, frame, one), one, book) for one in shown]
    totals = _totals(cells, len(frame), shown, book)
    columns = [
        Shown(column, header, one.spec, total)
        for column, header, one, total in zip(cells, headers(c.header for c in cells), shown, totals, strict=True)
    ]
    return Table(dataset, title, name, len(frame), columns)


def _plain(dataset: str, frame: pd.DataFrame, shown: ShownColumn) -> Plain:
    series: Column = frame[shown.name]
    if shown.minus is not None:
        other = frame[shown.minus]
        empty = series.isna().all() or other.isna().all()  # and then no dtype that says anything
        series = pd.Series(np.nan, series.index) if empty else series - other
    plain = taken(dataset, shown.name, series)
    check_texts(dataset, plain)
    return plain


def _cells(plain: Plain, shown: ShownColumn, book: Book) -> Cells:
    """As the column's kind has it, then as somebody asked for it. What does not fit the kind is left alone."""
    cells, spec = cells_of(plain), shown.spec
    zone = cells.header.removeprefix(plain.name)
    heading = spec.heading(spec.label or humanised(shown.name)) + zone
    code = _code(cells, spec, Locale.parse(book.locale)) or cells.format
    width = max(cells.width + (_SIGNS if code != cells.format else 0), len(heading) + 3)
    return replace(cells, header=heading, format=code, width=min(width, WIDEST))


def _code(cells: Cells, spec: ColumnSpec, locale: Locale) -> str | None:
    signed = spec.highlight is not None and spec.highlight.delta is True
    if cells.timed:
        return time_code(spec.format, locale) if spec.format else None
    if not cells.numeric or (spec.format is None and not signed):
        return None
    wanted = spec.format or SIGNED
    if spec.format is not None and not wanted.numeric and wanted.kind != "text":
        return None
    code = number_code(wanted, _PLACES.get(Format(cells.format), 0), locale)
    return with_arrows(code) if signed else code


def _totals(cells: Sequence[Cells], rows: int, shown: Sequence[ShownColumn], book: Book) -> list[Total | None]:
    """What columns ask for; where none does and the file has `totals`, the sum of all that adds up."""
    asked = [None if one.spec.total is None else FUNCTIONS[one.spec.total] for one in shown]
    if book.totals and not any(asked):
        asked = [Function.SUM if column.adds else None for column in cells]
    return [
        None if function is None else _as_shown(total_of(column, rows, function), column, one.spec)
        for column, function, one in zip(cells, asked, shown, strict=True)
    ]


def _as_shown(total: Total | None, column: Cells, spec: ColumnSpec) -> Total | None:
    """The mean of whole numbers has a decimal, as in mails: without it, 2.25 would read 2."""
    whole = column.numeric and spec.format is None and "." not in column.format
    return replace(total, format=Format.TENTHS) if total and total.function is Function.MEAN and whole else total
