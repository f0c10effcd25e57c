"""Workbooks that people keep: one sheet a dataset, frozen header, filters, widths, formats, totals; text
stays text.

XlsxWriter writes row by row in constant memory. Its switches keep text from becoming formulas, links or
numbers.
"""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from xlsxwriter import Workbook
from xlsxwriter.utility import xl_range
from xlsxwriter.worksheet import Worksheet

from pipeline.errors import ExportError
from pipeline.report.exports.cells import Cells, Format, cells_of
from pipeline.report.exports.columns import taken_apart
from pipeline.report.exports.names import sheet_titles
from pipeline.report.model import Datasets

_MOST_ROWS, _MOST_COLUMNS = 1_048_576, 16_384
"""Of a sheet: "Excel specifications and limits"."""
_ROWS = 5_000
"""Rows turned into Python values at a time, so that memory does not grow with the dataset."""
_OPTIONS = {
    "constant_memory": True,
    "strings_to_formulas": False,
    "strings_to_urls": False,
    "strings_to_numbers": False,
}
_CREATED = datetime(2000, 1, 1, tzinfo=UTC)
"""A workbook that told when it was made would have other bytes each time."""

Formats = Mapping[Format | str, Any]


class _ExactSheet(Worksheet):  # type: ignore[misc]
    """Floats with all their 17 digits (XlsxWriter writes 16), and `<r>…</r>` as the text that it is."""

    def _xml_number_element(self, number: float, attributes: Any = ()) -> None:
        cell = "".join(f' {key}="{value}"' for key, value in attributes)
        self.fh.write(f"<c{cell}><v>{number!r}</v></c>")

    def _xml_rich_inline_string(self, string: str, attributes: Any = ()) -> None:
        self._xml_inline_string(string, True, attributes)  # noqa: FBT003 - XlsxWriter's signature: keep white space


def write(datasets: Datasets, path: Path, totals: bool) -> None:  # noqa: FBT001 - the table's signature
    """Raises ExportError for what Excel cannot hold: too many rows or columns, a text of more than 32,767
    characters, columns of lists or objects."""
    for name, frame in datasets.items():
        _check_size(name, rows=len(frame) + 1 + totals, columns=len(frame.columns))
    sheets = {name: [cells_of(c) for c in taken_apart(name, frame)] for name, frame in datasets.items()}
    book = Workbook(str(path), {**_OPTIONS, "tmpdir": str(path.parent)})
    book.set_properties({"created": _CREATED})
    formats: Formats = {
        **{kind: book.add_format({"num_format": kind.value}) for kind in Format},
        **{f"total {kind}": book.add_format({"num_format": kind.value, "bold": True, "top": 1}) for kind in Format},
        "header": book.add_format({"bold": True, "bottom": 1, "bg_color": "#F1F5F9", "valign": "vcenter"}),
    }
    try:
        for title, (name, cells) in zip(sheet_titles(sheets), sheets.items(), strict=True):
            sheet = book.add_worksheet(title, worksheet_class=_ExactSheet)
            _fill(sheet, name, cells, len(datasets[name]), formats)
            if totals and len(datasets[name]):
                _total(sheet, cells, len(datasets[name]), formats)
    finally:
        book.close()


def _check_size(name: str, *, rows: int, columns: int) -> None:
    if rows > _MOST_ROWS or columns > _MOST_COLUMNS:
        raise ExportError(
            f"{name} has {rows:,} rows with its header and {columns:,} columns; an Excel sheet takes "
            f"{_MOST_ROWS:,} and {_MOST_COLUMNS:,}: aggregate it, or export it as csv or parquet"
        )


def _fill(sheet: Any, name: str, cells: list[Cells], rows: int, formats: Formats) -> None:
    for position, column in enumerate(cells):
        sheet.set_column(position, position, column.width)
        if sheet.write_string(0, position, column.header, formats["header"]) < 0:
            raise ExportError(f"a column name of {name} has {len(column.header):,} characters; Excel takes 32,767")
    sheet.freeze_panes(1, 0)
    sheet.repeat_rows(0)
    sheet.fit_to_pages(1, 0)
    if cells:
        sheet.autofilter(0, 0, rows, len(cells) - 1)
    shown = [formats[column.format] for column in cells]
    for start in range(0, rows, _ROWS):
        chunk = [column.values(start, start + _ROWS) for column in cells]
        for row, values in enumerate(zip(*chunk, strict=True), start + 1):
            _row(sheet, name, row, zip(cells, values, shown, strict=True))


def _row(sheet: Any, name: str, row: int, cells: Iterable[tuple[Cells, Any, Any]]) -> None:
    """One row: (column, value, format) for each cell."""
    for position, (column, value, cell_format) in enumerate(cells):
        if value is not None and column.write(sheet, row, position, value, cell_format) < 0:
            raise ExportError(
                f'column "{column.name}" of {name}, row {row}: a text of {len(value):,} characters; Excel '
                "takes 32,767 in a cell"
            )


def _total(sheet: Any, cells: list[Cells], rows: int, formats: Formats) -> None:
    """SUBTOTAL(109, …) adds up what the filter leaves; the value as built stands in it for readers that do
    not count."""
    label = next((n for n, column in enumerate(cells) if column.total is None), None)
    for position, column in enumerate(cells):
        cell_format = formats[f"total {column.format}"]
        if column.total is not None:
            area = xl_range(1, position, rows, position)
            sheet.write_formula(rows + 1, position, f"=SUBTOTAL(109,{area})", cell_format, column.total)
        elif position == label:
            sheet.write_string(rows + 1, position, "Total", cell_format)
        else:
            sheet.write_blank(rows + 1, position, None, cell_format)
