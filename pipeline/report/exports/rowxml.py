"""Rows of a sheet as SpreadsheetML (ECMA-376, 18.3.1), value by value: the meaning of what `rowxml_fast` does."""

import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

from pipeline.report.exports.cells import Cells, Form
from pipeline.report.kinds import Kind, scalars

_UNSAID = re.compile(r"[\x00-\x08\x0b-\x1f\ufffe\uffff]|_(?=x[0-9A-Fa-f]{4}_)")
"""What XML cannot hold, and what looks like the escape for it (ECMA-376, 22.9.2.19)."""
_EDGES = re.compile(r"^[ \t\n]|[ \t\n]$")


@dataclass(frozen=True, slots=True)
class Column:
    """Where cells stand in a sheet."""

    letters: str
    """`A` to `XFD`."""
    style: str
    """The number of their format in the workbook's styles; empty for none."""
    cells: Cells

    @property
    def styled(self) -> str:
        return f' s="{self.style}"' if self.style else ""


def rows(columns: Sequence[Column], start: int, stop: int) -> bytes:
    """Rows start..stop of the data, of which the first is the sheet's second. Raises UnicodeEncodeError for half a
    surrogate pair."""
    found = []
    for row, tails in enumerate(zip(*(tails_of(one, start, stop) for one in columns), strict=True), start + 2):
        cells = "".join(f'<c r="{one.letters}{row}"{tail}' for one, tail in zip(columns, tails, strict=True) if tail)
        found.append(f'<row r="{row}">{cells}</row>')
    return "".join(found).encode()


def tails_of(column: Column, start: int, stop: int) -> list[str | None]:
    """What stands behind each cell's address, up to `</c>`; None for empty cells."""
    style, values = column.styled, column.cells.values(start, stop)
    match column.cells.form:
        case Form.NUMBER:
            return [None if math.isnan(value) else _number(style, value) for value in values.tolist()]
        case Form.TEXT:
            texts = values if isinstance(values, list) else scalars(values, Kind.TEXT)
            return [None if text is None else text_tail(style, text) for text in texts]
        case _:
            return list(_each(style, values))


def text_tail(style: str, text: str) -> str:
    """A text as text, whatever it looks like."""
    keep = ' xml:space="preserve"' if _EDGES.search(text) else ""
    safe = escape(_UNSAID.sub(lambda found: f"_x{ord(found[0]):04X}_", text), quote=False)
    return f'{style} t="inlineStr"><is><t{keep}>{safe}</t></is></c>'


def _each(style: str, values: Iterable[Any]) -> Iterable[str | None]:
    for value in values:
        if value is None:
            yield None
        elif isinstance(value, bool):
            yield f'{style} t="b"><v>{value:d}</v></c>'
        else:
            yield _number(style, value) if isinstance(value, int | float) else text_tail(style, value)


def _number(style: str, value: float) -> str:
    """With all its digits, 17 where it takes them."""
    if math.isinf(value):
        return text_tail(style, str(value))
    return f"{style}><v>{repr(value).removesuffix('.0')}</v></c>"
