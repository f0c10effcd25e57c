"""Whether a column's values are what its description needs: numbers for `number:1`, for a sum, for a colour scale."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import get_args

from pipeline.jobs.cellformat import CellFormat
from pipeline.jobs.columnspec import ColumnSpec, Highlight, Total
from pipeline.jobs.names import listed
from pipeline.report.kinds import Column, Kind, of_value, plain

_NUMBERS = frozenset({Kind.INTEGER, Kind.NUMBER, Kind.DECIMAL})
_TIMES = frozenset({Kind.DATE, Kind.DATETIME, Kind.ZONED, Kind.TIME})
_CLOCK = re.compile(r"(?:'[^']*'|[abBhHkKmsSA]|[^A-Za-z'])*")
"""A CLDR pattern with nothing of days in it."""
_OR_NONE = ", or leave the highlight out"
_AS_TEXT = "write format: text"
_READS: Mapping[Kind, str] = {
    Kind.TEXT: f"{_AS_TEXT}, or make numbers of it in the dataset",
    Kind.BOOLEAN: "leave the format out, and it reads yes and no",
    Kind.DURATION: "leave the format out, and it reads like 1:05:00",
    **dict.fromkeys(_NUMBERS, "write a format like number:1"),
    **dict.fromkeys(_TIMES, "write a format like datetime"),
}
"""What to write in place of a format that does not fit."""


@dataclass(frozen=True, slots=True)
class Misfit:
    """What a description wants and its column has not."""

    keys: tuple[str, ...]
    """Where the description says it: `format`."""
    message: str


@dataclass(frozen=True, slots=True)
class _Held:
    """A column as far as descriptions ask: the values that are there, and their kinds."""

    name: str
    present: Column
    kinds: frozenset[Kind]
    words: str

    @property
    def numbers(self) -> bool:
        return self.kinds <= _NUMBERS

    @property
    def told(self) -> str:
        return f'the column "{self.name}" holds {self.words} (dtype {self.present.dtype})'


def misfits(name: str, spec: ColumnSpec, columns: Mapping[str, Column]) -> Iterator[Misfit]:
    """What of `spec` the column `name` of these cannot fulfil. A column without values fulfils anything."""
    held = _held(name, columns[name])
    if not len(held.present):
        return
    if spec.format is not None and (fault := _unreadable(held, spec.format)):
        yield Misfit(("format",), f"{held.told}, which format: {spec.format} cannot read; {fault}")
    if spec.total is not None and not _comes_to(held, spec.total):
        others = [total for total in get_args(Total) if _comes_to(held, total)]
        yield Misfit(("total",), f"{held.told}, which has no {spec.total}; write total: {listed(others)}")
    if spec.highlight is not None:
        yield from _unmarkable(held, spec.highlight, spec.format, columns)


def _held(name: str, column: Column) -> _Held:
    present = column.dropna()
    try:
        values, kind = plain(present)
        kinds = frozenset(map(of_value, values)) if kind is Kind.MIXED else frozenset({kind})
    except ValueError as error:
        return _Held(name, present, frozenset({Kind.MIXED}), str(error))
    return _Held(name, present, kinds, str(kind))


def _unreadable(held: _Held, wanted: CellFormat) -> str:
    """What to do instead; empty where the format reads all values."""
    if wanted.kind == "text" or (wanted.numeric and held.numbers):
        return ""
    if wanted.numeric or not held.kinds <= {*_TIMES, Kind.TEXT}:
        kind, *more = held.kinds
        return _AS_TEXT if more else _READS.get(kind, _AS_TEXT)
    if Kind.TIME in held.kinds and _tells_days(wanted):
        return "write one of hours and minutes, like date:HH:mm"
    strange = next((text for text in held.present if isinstance(text, str) and not _is_date(text)), None)
    return "" if strange is None else f'write "{strange}" as dates are, like 2013-01-31, or format: text'


def _tells_days(wanted: CellFormat) -> bool:
    """A day and its time is what `datetime` alone writes; a time of day has no style of its own."""
    return wanted.written == "datetime" or _CLOCK.fullmatch(wanted.argument) is None


def _is_date(text: str) -> bool:
    try:
        datetime.fromisoformat(text)
    except ValueError:
        return False
    return True


def _comes_to(held: _Held, total: Total) -> bool:
    """Whether there is such a total of the values."""
    if total == "count":
        return True
    if total in {"sum", "mean"} and Kind.TEXT in held.kinds:  # texts add up to one long text
        return False
    if total in {"min", "max"} and Kind.BOOLEAN in held.kinds:
        return False
    try:
        getattr(held.present, total)()
    except (TypeError, ValueError):
        return False
    return True


def _unmarkable(
    held: _Held, highlight: Highlight, wanted: CellFormat | None, columns: Mapping[str, Column]
) -> Iterator[Misfit]:
    if highlight.against is not None:
        other = _held(highlight.against, columns[highlight.against])
        if len(other.present) and not _subtract(held, other):
            both = f"{held.told}, {other.told.removeprefix('the column ')}, and there is no difference of the two"
            yield Misfit(("highlight", "delta"), f"{both}; make numbers of one kind of both in the dataset{_OR_NONE}")
    elif not held.numbers and not (highlight.delta and wanted is not None and not wanted.numeric):
        need = f"{held.told}, and a highlight needs numbers"
        yield Misfit(("highlight",), f"{need}; make numbers of it in the dataset{_OR_NONE}")


def _subtract(one: _Held, other: _Held) -> bool:
    """Decimals and binary fractions do not mix, nor do categories."""
    try:
        return one.numbers and other.numbers and len(one.present - other.present) > 0
    except TypeError:
        return False
