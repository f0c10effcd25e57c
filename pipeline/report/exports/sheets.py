"""One dataset's sheet: a table of Excel's own with its header, formats, totals, and what paper needs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from xlsxwriter import Workbook
from xlsxwriter.worksheet import Worksheet

from pipeline.report.exports.cells import Cells
from pipeline.report.exports.package import Filling
from pipeline.report.exports.totals import Total

_STYLE = "Table Style Light 1"
"""Bands in light grey: the header has its own format, for programs that do not know styles of tables."""


class Formats:
    """Formats of a workbook, each made once."""

    def __init__(self, book: Workbook) -> None:
        self._book = book
        self._made: dict[tuple[tuple[str, Any], ...], Any] = {}

    def of(self, **properties: Any) -> Any:
        """XlsxWriter's format of these properties (`bold`, `num_format`, …)."""
        key = tuple(sorted(properties.items()))
        if key not in self._made:
            self._made[key] = self._book.add_format(properties)
        return self._made[key]

    def header(self, align: str) -> Any:
        return self.of(bold=True, bottom=1, bg_color="#F1F5F9", valign="vcenter", align=align)


@dataclass(frozen=True, slots=True)
class Shown:
    """A column as its sheet shows it."""

    cells: Cells
    header: str
    align: str = ""
    """Of header and values; empty: as Excel does it."""
    total: Total | None = None


@dataclass(frozen=True, slots=True)
class Table:
    """A dataset as its sheet shows it."""

    title: str
    """Of the sheet."""
    name: str
    """Of the table, for formulas."""
    rows: int
    columns: Sequence[Shown]

    @property
    def totals(self) -> bool:
        return self.rows > 0 and any(column.total is not None for column in self.columns)

    @property
    def filling(self) -> Filling:
        return Filling([column.cells for column in self.columns], self.rows, self.totals)


def draw(sheet: Worksheet, table: Table, formats: Formats, footer: str) -> None:
    """The skeleton (see `package`): header, a row that tells formats, and totals."""
    sheet.freeze_panes(1, 0)
    sheet.repeat_rows(0)
    sheet.set_landscape()
    sheet.fit_to_pages(1, 0)
    sheet.set_footer(f"&L{footer.replace('&', '&&')}&R&P / &N")
    if not table.columns:
        return
    columns: list[Mapping[str, Any]] = []
    for position, column in enumerate(table.columns):
        sheet.set_column(position, position, column.cells.width)
        sheet.write_blank(1, position, None, _format(formats, column))
        columns.append(_column(column, formats, totals=table.totals, labelled=position == _labelled(table)))
    options = {"name": table.name, "style": _STYLE, "total_row": table.totals, "columns": columns}
    sheet.add_table(0, 0, 1 + table.totals, len(columns) - 1, options)
    if table.totals:
        _write_totals(sheet, table, formats)


def _labelled(table: Table) -> int | None:
    """Where "Total" stands, if there are totals."""
    free = (number for number, column in enumerate(table.columns) if column.total is None)
    return next(free, None) if table.totals else None


def _column(column: Shown, formats: Formats, *, totals: bool, labelled: bool) -> Mapping[str, Any]:
    found = {"header": column.header, "header_format": formats.header(column.align or "left")}
    if column.total is not None and totals:
        return {**found, "total_function": column.total.function.excel}
    return {**found, "total_string": "Total"} if labelled else found


def _format(formats: Formats, column: Shown, **more: Any) -> Any:
    align = {"align": column.align} if column.align else {}
    return formats.of(num_format=column.cells.format, **align, **more)


def _write_totals(sheet: Worksheet, table: Table, formats: Formats) -> None:
    """SUBTOTAL follows the filter; the value as built stands in it for readers that do not count."""
    for position, column in enumerate(table.columns):
        shown = _format(formats, column, bold=True, top=1)
        if column.total is None:
            sheet.write_string(2, position, "Total" if position == _labelled(table) else "", shown)
            continue
        if column.total.format:
            shown = formats.of(num_format=column.total.format, bold=True, top=1)
        area = f"{table.name}[{_escaped(column.header)}]"
        formula = f"=SUBTOTAL({column.total.function.subtotal},{area})"
        sheet.write_formula(2, position, formula, shown, column.total.value)


def _escaped(header: str) -> str:
    """As structured references want it: "Using structured references with Excel tables"."""
    return "".join(f"'{c}" if c in "[]#'@" else c for c in header)
