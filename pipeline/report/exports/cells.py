"""How a column stands in a workbook: number format, width, total, and what its cells hold.

Excel's numbers are doubles of which it shows 15 digits, and its calendar begins on 1 March 1900 (before, it
counts a 29 February that never was). A column with a value beyond that is text as a whole: nobody is shown a
wrong number.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Any

import pandas as pd

from pipeline.report.exports.columns import Plain, clock
from pipeline.report.kinds import Column, Kind, only_midnights, scalars

_MOST_EXACT = 10**15
_FIRST_DAY = date(1900, 3, 1)
_WIDEST = 60
_DAY = timedelta(days=1)


class Format(StrEnum):
    """Excel number formats."""

    TEXT = "@"
    GENERAL = "General"
    INTEGER = "0"
    WHOLE = "#,##0"
    NUMBER = "#,##0.00"
    SMALL = "0.0000"
    DATE = "yyyy-mm-dd"
    DATETIME = "yyyy-mm-dd hh:mm"
    SECONDS = "yyyy-mm-dd hh:mm:ss"
    TIME = "hh:mm:ss"
    DURATION = "[h]:mm:ss"


@dataclass(frozen=True, slots=True)
class Cells:
    """A column ready to be written; `values` gives Python values of rows start..stop, None for empty
    cells."""

    name: str
    header: str
    format: Format
    width: int
    total: float | None
    values: Callable[[int, int], list[Any]]
    write: Callable[[Any, int, int, Any, Any], int]
    """(sheet, row, column, value, format) → XlsxWriter's code, negative where the cell was not written."""


def cells_of(column: Plain) -> Cells:
    """The rules by kind; a column that they do not fit is written as text, and has no total."""
    return _RULES[column.kind](column)


def _integers(column: Plain) -> Cells:
    values = column.values.dropna()
    if any(abs(int(bound)) >= _MOST_EXACT for bound in _bounds(values)):
        return _as_text(column, str)
    total = sum(values.tolist())
    return _cells(column, Format.INTEGER, len(str(total)) + 1, _number, total=total)


def _numbers(column: Plain) -> Cells:
    """Infinity is the text `inf`: Excel has no number for it; the column has no total then."""
    values = column.values.dropna().astype("float64")
    finite = values[values.abs() != math.inf]
    largest = finite.abs().max() if len(finite) else 0.0
    shown = Format.SMALL if 0 < largest < 1 else Format.NUMBER
    if len(finite) and (finite % 1 == 0).all():
        shown = Format.WHOLE
    total = _sum(finite) if len(finite) == len(values) else None
    return _cells(column, shown, len(f"{abs(total or largest):,.2f}") + 1, _float, total=total)


def _sum(values: Column) -> float | None:
    try:
        return math.fsum(values)
    except OverflowError:
        return None


def _decimals(column: Plain) -> Cells:
    values = list(column.values.dropna())
    if any(not value.is_finite() or len(value.as_tuple().digits) > 15 for value in values):
        return _as_text(column, lambda value: f"{value:f}")
    places = max((-int(value.as_tuple().exponent) for value in values), default=0)
    shown = Format.WHOLE if places <= 0 else Format.NUMBER if places <= 2 else Format.SMALL
    total = float(sum(values, Decimal(0)))
    return _cells(column, shown, len(f"{total:,.2f}") + 1, _number, total=total, convert=float)


def _durations(column: Plain) -> Cells:
    """A fraction of days. Excel shows negative ones as ####, so a column with one is text."""
    values = scalars(column.values.dropna(), column.kind)
    if any(value < timedelta(0) for value in values):
        return _as_text(column, clock)
    total = sum(values, timedelta(0)) / _DAY
    return _cells(column, Format.DURATION, 12, _number, total=total, convert=lambda value: value / _DAY)


def _texts(column: Plain) -> Cells:
    widest = column.values.dropna().astype("str").str.len().max()
    return _cells(column, Format.TEXT, 0 if pd.isna(widest) else int(widest), _string)


def _times(column: Plain) -> Cells:
    """Wall-clock time: Excel has no zones, so the header names the zone. Times of several zones are text."""
    values, header = column.values, column.name
    if column.kind is Kind.ZONED:
        if values.dtype == object:
            return _as_text(column, lambda value: value.isoformat(" "))
        header = f"{column.name} ({values.dt.tz})"
        values = values.dt.tz_localize(None)
    present = values.dropna()
    first = present.min() if len(present) else None
    if first is not None and (first.date() if isinstance(first, datetime) else first) < _FIRST_DAY:
        return _as_text(column, lambda value: value.isoformat(" ") if isinstance(value, datetime) else str(value))
    if column.kind is Kind.DATE or only_midnights(values):
        shown = Format.DATE
    else:
        on_minutes = (pd.to_datetime(present).dt.second == 0).all()
        shown = Format.DATETIME if on_minutes else Format.SECONDS
    plain = Plain(column.name, values, column.kind)
    return _cells(plain, shown, len(shown.value), _datetime, header=header)


def _as_text(column: Plain, text: Callable[[Any], str]) -> Cells:
    """As wide as the text of the extremes."""
    widest = max((len(text(value)) for value in scalars(column.values.dropna(), column.kind)), default=0)
    return _cells(column, Format.TEXT, widest, _string, convert=text)


def _cells(
    column: Plain,
    shown: Format,
    width: int,
    write: Callable[[Any, int, int, Any, Any], int],
    *,
    total: float | None = None,
    header: str | None = None,
    convert: Callable[[Any], Any] | None = None,
) -> Cells:
    name = column.name if header is None else header

    def values(start: int, stop: int) -> list[Any]:
        found = scalars(column.values.iloc[start:stop], column.kind)
        return found if convert is None else [None if value is None else convert(value) for value in found]

    # The header needs room for the filter's button.
    return Cells(column.name, name, shown, min(max(width + 1, len(name) + 3, 6), _WIDEST), total, values, write)


def _bounds(values: Column) -> tuple[Any, ...]:
    return (values.min(), values.max()) if len(values) else ()


def _number(sheet: Any, row: int, position: int, value: Any, shown: Any) -> int:
    return int(sheet.write_number(row, position, value, shown))


def _float(sheet: Any, row: int, position: int, value: float, shown: Any) -> int:
    if math.isinf(value):
        return int(sheet.write_string(row, position, str(value), shown))
    return int(sheet.write_number(row, position, value, shown))


def _string(sheet: Any, row: int, position: int, value: str, shown: Any) -> int:
    return int(sheet.write_string(row, position, value, shown))


def _boolean(sheet: Any, row: int, position: int, value: Any, shown: Any) -> int:
    return int(sheet.write_boolean(row, position, value, shown))


def _datetime(sheet: Any, row: int, position: int, value: Any, shown: Any) -> int:
    return int(sheet.write_datetime(row, position, value, shown))


def _mixed(value: Any) -> Any:
    """Numbers and truth values as they are where Excel can; everything else as its text."""
    if isinstance(value, bool | str):
        return value
    if isinstance(value, int | float | Decimal):
        number = float(value)
        return number if abs(number) < _MOST_EXACT else str(value)
    if isinstance(value, timedelta):
        return clock(value)
    return value.isoformat(" ") if isinstance(value, datetime) else str(value)


def _any(sheet: Any, row: int, position: int, value: Any, shown: Any) -> int:
    if isinstance(value, bool):
        return _boolean(sheet, row, position, value, shown)
    write = _number if isinstance(value, int | float) else _string
    return write(sheet, row, position, value, shown)


_RULES: Mapping[Kind, Callable[[Plain], Cells]] = {
    Kind.INTEGER: _integers,
    Kind.NUMBER: _numbers,
    Kind.DECIMAL: _decimals,
    Kind.BOOLEAN: lambda column: _cells(column, Format.GENERAL, 6, _boolean),
    Kind.TEXT: _texts,
    Kind.DATE: _times,
    Kind.DATETIME: _times,
    Kind.ZONED: _times,
    Kind.TIME: lambda column: _cells(column, Format.TIME, 8, _datetime),
    Kind.DURATION: _durations,
    Kind.MIXED: lambda column: _cells(column, Format.GENERAL, 16, _any, convert=_mixed),
}
