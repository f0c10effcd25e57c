"""One dataset's sheet: a table of Excel's own with its header, formats, totals, and what paper needs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from xlsxwriter import Workbook
from xlsxwriter.utility import xl_range, xl_rowcol_to_cell
from xlsxwriter.worksheet import Worksheet

from pipeline.jobs.columnspec import ColumnSpec
from pipeline.jobs.totalwords import label_of
from pipeline.report.exports.book import Book
from pipeline.report.exports.cells import Cells
from pipeline.report.exports.conditions import rules, tones
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


@dataclass(frozen=True, slots=True)
class Shown:
    """A column as its sheet shows it."""

    cells: Cells
    header: str
    spec: ColumnSpec
    total: Total | None

    @property
    def align(self) -> Mapping[str, str]:
        """Of its values; empty: as Excel does it."""
        return {"align": self.spec.align} if self.spec.align else {}


@dataclass(frozen=True, slots=True)
class Table:
    """A dataset as its sheet shows it."""

    dataset: str
    title: str
    """Of the sheet."""
    name: str
    """Of the table, for formulas."""
    rows: int
    columns: Sequence[Shown]

    @property
    def totals(self) -> bool:
        return self.rows > 0 and any(column.total is not None for column in self.columns)

    def label_at(self, position: int) -> str:
        """What the row of totals is called, in the first column unless that has a total itself."""
        words = [column.total.function.word if column.total else None for column in self.columns]
        return label_of(words) if self.totals and position == 0 and words[0] is None else ""

    @property
    def filling(self) -> Filling:
        return Filling([column.cells for column in self.columns], self.rows, self.totals)


def draw(sheet: Worksheet, table: Table, formats: Formats, book: Book) -> None:
    """The skeleton (see `package`): header, a row that tells formats, totals, and what stands out."""
    sheet.freeze_panes(1, 0)
    sheet.repeat_rows(0)
    sheet.set_landscape()
    sheet.fit_to_pages(1, 0)
    footer = ", ".join(filter(None, (book.title, book.period))) or table.title
    sheet.set_footer(f"&L{footer[:100].replace('&', '&&')}&R&P / &N")
    if not table.columns:
        return
    columns: list[Mapping[str, Any]] = []
    for position, column in enumerate(table.columns):
        sheet.set_column(position, position, column.cells.width)
        sheet.write_blank(1, position, None, formats.of(num_format=column.cells.format, **column.align))
        columns.append(_column(column, formats, totals=table.totals, label=table.label_at(position)))
    options = {"name": table.name, "style": _STYLE, "total_row": table.totals, "columns": columns}
    sheet.add_table(0, 0, 1 + table.totals, len(columns) - 1, options)
    if table.totals:
        _write_totals(sheet, table, formats)
    for position, column in enumerate(table.columns):
        if table.rows and column.cells.numeric:
            first, area = xl_rowcol_to_cell(1, position), xl_range(1, position, table.rows, position)
            for rule in rules(column.spec, first, book.params, tones(formats.of)):
                sheet.conditional_format(area, dict(rule))


def _column(column: Shown, formats: Formats, *, totals: bool, label: str) -> Mapping[str, Any]:
    side = column.align or {"align": "right" if column.cells.adds else "left"}
    header = formats.of(bold=True, bottom=1, bg_color="#F1F5F9", valign="vcenter", text_wrap=True, **side)
    found = {"header": column.header, "header_format": header}
    if column.total is not None and totals:
        return {**found, "total_function": column.total.function.excel}
    return {**found, "total_string": label} if label else found


def _write_totals(sheet: Worksheet, table: Table, formats: Formats) -> None:
    """SUBTOTAL follows the filter; the value as built stands in it for readers that do not count."""
    for position, column in enumerate(table.columns):
        total, label = column.total, table.label_at(position)
        code = (total.format if total else "") or column.cells.format
        shown = formats.of(num_format=code, bold=True, top=1, **column.align)
        if total is not None:
            area = f"{table.name}[{_escaped(column.header)}]"
            sheet.write_formula(2, position, f"=SUBTOTAL({total.function.subtotal},{area})", shown, total.value)
        elif label:
            sheet.write_string(2, position, label, shown)
        else:
            sheet.write_blank(2, position, None, shown)


def _escaped(header: str) -> str:
    """As structured references want it: "Using structured references with Excel tables"."""
    return "".join(f"'{c}" if c in "[]#'@" else c for c in header)
