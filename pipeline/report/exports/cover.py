"""The first sheet of a workbook, and the one with the mail's pictures: what somebody needs to know who finds the file a
year later."""

import io
from collections.abc import Iterator, Sequence
from datetime import UTC
from typing import Any

from xlsxwriter.image import Image
from xlsxwriter.worksheet import Worksheet

from pipeline.report.exports.book import Book
from pipeline.report.exports.sheets import Formats, Table

SHEET, PICTURES = "Cover", "Charts"
_INK, _MUTED, _LINE, _LINK = "#1B2330", "#5D6878", "#E4E7EC", "#1F5FBF"
_ROW = 20
"""Pixels of a row that nobody made higher."""


def properties(said: Book) -> dict[str, Any]:
    """What file managers show of the document."""
    return {
        "title": said.title,
        "subject": said.period,
        "author": said.owner,
        "comments": said.description,
        "created": said.due.astimezone(UTC),
    }


def draw(sheet: Worksheet, tables: Sequence[Table], more: Sequence[str], formats: Formats, said: Book) -> None:
    """Title and period, what the rows were chosen by, a note, and the sheets with their rows, each a link. `more` are
    sheets without rows."""
    sheet.hide_gridlines(2)
    sheet.set_column(0, 0, 22)
    sheet.set_column(1, 1, 64)
    sheet.set_portrait()
    sheet.fit_to_pages(1, 0)
    sheet.write_string(0, 0, said.title, formats.of(bold=True, font_size=20, font_color=_INK))
    sheet.set_row(0, 30)
    sheet.write_string(1, 0, said.period, formats.of(font_size=12, font_color=_MUTED))
    row = 3
    label = formats.of(font_color=_MUTED, valign="top")
    value = formats.of(text_wrap=True, valign="top", align="left", font_color=_INK)
    for name, text in _facts(said):
        sheet.write_string(row, 0, name, label)
        sheet.write_string(row, 1, text, value)
        row += 1
    row += 1
    head = {"bold": True, "bottom": 1, "bottom_color": _LINE, "font_color": _INK}
    sheet.write_string(row, 0, "Rows", formats.of(align="right", **head))
    sheet.write_string(row, 1, "Sheet", formats.of(**head))
    link = formats.of(font_color=_LINK, underline=1)
    count = formats.of(num_format="#,##0")
    for number, (title, rows) in enumerate([*((t.title, t.rows) for t in tables), *((t, None) for t in more)], row + 1):
        if rows is not None:
            sheet.write_number(number, 0, rows, count)
        target = title.replace("'", "''")
        sheet.write_url(number, 1, f"internal:'{target}'!A1", link, title)


def hang(sheet: Worksheet, formats: Formats, said: Book) -> None:
    """The pictures, one below the other, as large as in the mail."""
    sheet.hide_gridlines(2)
    sheet.set_column(0, 0, 100)
    sheet.fit_to_pages(1, 0)
    row = 0
    for number, picture in enumerate(said.pictures, 1):
        source = io.BytesIO(picture.png)
        image = Image(source)
        scale = picture.width / (image.width * 96 / image.x_dpi)
        height = image.height * picture.width / image.width
        sheet.write_string(row, 0, picture.title, formats.of(bold=True, font_size=12, font_color=_INK))
        options = {"image_data": source, "x_scale": scale, "y_scale": scale, "description": picture.alt}
        sheet.insert_image(row + 1, 0, f"chart{number}.png", options)
        row += 3 + int(height // _ROW)


def _facts(said: Book) -> Iterator[tuple[str, str]]:
    if said.description:
        yield "About", said.description
    if said.note:
        yield "Note", said.note
    yield from said.filters
    yield "Made for", f"{said.due:%Y-%m-%d %H:%M} {said.due.tzinfo}"
    if said.owner:
        yield "Questions to", said.owner
