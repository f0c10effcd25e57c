"""How a cell reads: `number:1`, `money:EUR`, `date:long`, or as spreadsheets write it, `#,##0.0`. What tables in mails,
their text and workbooks all understand."""

import re
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import PlainSerializer, WithJsonSchema

from pipeline.jobs.names import did_you_mean
from pipeline.jobs.scalars import from_text

FormatKind = Literal["number", "money", "percent", "delta", "date", "datetime", "text"]
FORMATS: tuple[FormatKind, ...] = ("number", "money", "percent", "delta", "date", "datetime", "text")
DATE_STYLES = ("short", "medium", "long", "full")
"""CLDR's ways to write a date, from 1/31/13 to Thursday, January 31, 2013."""
_PATTERN = re.compile(r"(\+?)(#,##)?0(?:\.(0{1,9}))?(%?)")
_EXPECTED = 'a format like percent, number:1, or in quotes "#,##0.0"'


@dataclass(frozen=True, slots=True)
class CellFormat:
    """A format, read. `str` of it is what was written."""

    written: str
    kind: FormatKind
    digits: int | None = None
    """Decimals of numbers; None: as the kind has it."""
    argument: str = ""
    """Of money the currency (ISO 4217), of dates a style (`long`) or a CLDR pattern."""
    grouped: bool = True
    """1,234 rather than 1234."""
    share: bool = False
    """Of a delta: 0.045 is +4.5%."""

    @property
    def numeric(self) -> bool:
        return self.kind in {"number", "money", "percent", "delta"}

    def __str__(self) -> str:
        return self.written


SIGNED = CellFormat("delta", "delta")
"""How a difference reads where nobody says it."""


def parse_format(text: str) -> CellFormat:
    """Raises ValueError for what is no format, with the near miss."""
    if (pattern := _PATTERN.fullmatch(text)) is not None:
        sign, grouped, decimals, percent = pattern.groups()
        kind: FormatKind = "delta" if sign else "percent" if percent else "number"
        return CellFormat(text, kind, len(decimals or ""), grouped=bool(grouped), share=bool(percent))
    word, _, argument = text.partition(":")
    if word not in FORMATS:
        near = did_you_mean(word, FORMATS)
        raise ValueError(f'"{text}" is not a format; one of {", ".join(FORMATS)}, or like "#,##0.0"{near}')
    kind = word
    if kind in {"number", "percent", "delta"}:
        if argument and not re.fullmatch(r"[0-9]", argument):
            raise ValueError(f'"{text}": "{argument}" is no number of decimals; write {word}:1')
        return CellFormat(text, kind, int(argument) if argument else None, share=kind == "percent")
    if kind == "money" and argument and not re.fullmatch(r"[A-Z]{3}", argument):
        raise ValueError(f'"{text}": "{argument}" is no currency; write its code, like money:EUR')
    if kind == "text" and argument:
        raise ValueError(f'"{text}": text takes nothing after it')
    return CellFormat(text, kind, argument=argument)


Format = Annotated[
    CellFormat,
    from_text(parse_format, CellFormat, _EXPECTED),
    PlainSerializer(str),
    WithJsonSchema({"type": "string", "examples": ["percent", "number:1", "money:EUR", "#,##0.0", "date:long"]}),
]
