"""How a column stands in a workbook: what kind of cells its values make, number format, width.

Excel's numbers are doubles of which it shows 15 digits, and its calendar begins on 1 March 1900 (before, it
counts a 29 February that never was). A column with a value beyond that is text as a whole: nobody is shown a
wrong number.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Any

import numpy as np
import pandas as pd

from pipeline.errors import ExportError
from pipeline.report.exports import serials
from pipeline.report.exports.columns import Plain, clock
from pipeline.report.kinds import Column, Kind, only_midnights, scalars

_MOST_EXACT = 10**15
_FIRST_DAY, _LAST_DAY = date(1900, 3, 1), date(9999, 12, 31)
_LONGEST = 32_767
"""Of a text in a cell, in UTF-16's units: "Excel specifications and limits"."""
WIDEST = 60
"""Of a column, in characters."""


class Format(StrEnum):
    """Excel number formats."""

    TEXT = "@"
    GENERAL = "General"
    INTEGER = "0"
    WHOLE = "#,##0"
    TENTHS = "#,##0.0"
    NUMBER = "#,##0.00"
    SMALL = "0.0000"
    DATE = "yyyy-mm-dd"
    DATETIME = "yyyy-mm-dd hh:mm"
    SECONDS = "yyyy-mm-dd hh:mm:ss"
    TIME = "hh:mm:ss"
    DURATION = "[h]:mm:ss"


class Form(StrEnum):
    """What cells are made of. Infinity among numbers is the text `inf`: Excel has no number for it."""

    NUMBER = "numbers"
    TEXT = "texts"
    BOOLEAN = "truth values"
    MIXED = "each as it is"


@dataclass(frozen=True, slots=True)
class Cells:
    """A column ready to be written."""

    name: str
    header: str
    format: str
    """Excel's number format."""
    width: int
    form: Form
    values: Callable[[int, int], Any]
    """Rows start..stop: an array of numbers with NaN for empty cells; texts as a column or a list; else a list with
    None for empty cells."""
    kind: Kind

    @property
    def numeric(self) -> bool:
        """Whether it holds plain numbers."""
        return self.form is Form.NUMBER and self.kind in {Kind.INTEGER, Kind.NUMBER, Kind.DECIMAL}

    @property
    def adds(self) -> bool:
        """Whether a sum of it means something."""
        return self.numeric or (self.form is Form.NUMBER and self.kind is Kind.DURATION)

    @property
    def timed(self) -> bool:
        """Whether it holds dates or times."""
        return self.form is Form.NUMBER and self.kind in {Kind.DATE, Kind.DATETIME, Kind.ZONED}


def cells_of(column: Plain) -> Cells:
    """The rules by kind; a column that they do not fit is written as text."""
    return _RULES[column.kind](column)


def check_texts(dataset: str, column: Plain) -> None:
    """Raises ExportError for a text that is too long for a cell."""
    if column.kind is Kind.TEXT:
        long = column.values.str.len().fillna(0) > _LONGEST // 2
    elif column.kind is Kind.MIXED:
        long = column.values.map(lambda value: isinstance(value, str) and len(value) > _LONGEST // 2)
    else:
        return
    for row in long.to_numpy(bool).nonzero()[0]:
        units = len(column.values.iloc[row].encode("utf-16-le", "surrogatepass")) // 2
        if units > _LONGEST:
            raise ExportError(
                f'column "{column.name}" of {dataset}, row {row + 1}: a text of {units:,} characters; Excel takes '
                f"{_LONGEST:,} in a cell"
            )


def _integers(column: Plain) -> Cells:
    bounds = [abs(int(bound)) for bound in _bounds(column.values.dropna())]
    if any(bound >= _MOST_EXACT for bound in bounds):
        return _as_text(column, str)
    width = len(f"{abs(np.nansum(serials.integers(column.values), dtype=np.float64)):.0f}") + 1
    return _numeric(column, Format.INTEGER, width, serials.integers)


def _numbers(column: Plain) -> Cells:
    values = serials.floats(column.values)
    finite = values[np.isfinite(values)]
    largest = abs(finite).max() if len(finite) else 0.0
    with np.errstate(over="ignore", invalid="ignore"):
        shown = _fewest_decimals(finite, largest)
        total = abs(finite.sum())
    width = len(f"{total if np.isfinite(total) else largest:,.2f}") + 1
    return _numeric(column, shown, width, serials.floats)


def _fewest_decimals(values: serials.Numbers, largest: float) -> Format:
    """That show the column as it is; else two, or four where all are small."""
    for digits, shown in enumerate((Format.WHOLE, Format.TENTHS, Format.NUMBER)):
        if len(values) and (values.round(digits) == values.round(6)).all():
            return shown
    return Format.SMALL if 0 < largest < 1 else Format.NUMBER


def _decimals(column: Plain) -> Cells:
    values = list(column.values.dropna())
    if any(not value.is_finite() or len(value.as_tuple().digits) > 15 for value in values):
        return _as_text(column, lambda value: f"{value:f}")
    places = max((-int(value.as_tuple().exponent) for value in values), default=0)
    shown = Format.WHOLE if places <= 0 else Format.NUMBER if places <= 2 else Format.SMALL
    width = len(f"{sum(values, Decimal(0)):,.2f}") + 1
    return _numeric(column, shown, width, serials.decimals)


def _durations(column: Plain) -> Cells:
    """A fraction of days. Excel shows negative ones as ####, so a column with one is text."""
    if any(bound < timedelta(0) for bound in _bounds(column.values.dropna())):
        return _as_text(column, clock)
    return _numeric(column, Format.DURATION, 12, serials.durations)


def _texts(column: Plain) -> Cells:
    widest = column.values.dropna().astype("str").str.len().max()
    values = column.values
    return _cells(
        column,
        Format.TEXT,
        0 if pd.isna(widest) else int(widest),
        Form.TEXT,
        lambda start, stop: values.iloc[start:stop],
    )


def _times(column: Plain) -> Cells:
    """Wall-clock time: Excel has no zones, so the header names the zone. Times of several zones are text."""
    values, zone = column.values, ""
    if column.kind is Kind.ZONED:
        if values.dtype == object:
            return _as_text(column, lambda value: value.isoformat(" "))
        zone = str(values.dt.tz)
        values = values.dt.tz_localize(None)
    present = values.dropna()
    days = [bound.date() if isinstance(bound, datetime) else bound for bound in _bounds(present)]
    if not all(_FIRST_DAY <= day <= _LAST_DAY for day in days):
        return _as_text(column, lambda value: value.isoformat(" ") if isinstance(value, datetime) else str(value))
    if column.kind is Kind.DATE or only_midnights(values):
        shown = Format.DATE
    else:
        on_minutes = (pd.to_datetime(present).dt.second == 0).all()
        shown = Format.DATETIME if on_minutes else Format.SECONDS
    plain = Plain(column.name, values, column.kind)
    return _numeric(plain, shown, len(shown.value), serials.days, header=f"{column.name} ({zone})" if zone else None)


def _as_text(column: Plain, text: Callable[[Any], str]) -> Cells:
    widest = max((len(text(value)) for value in scalars(column.values.dropna(), column.kind)), default=0)
    return _cells(column, Format.TEXT, widest, Form.TEXT, _each(column, text))


def _each(column: Plain, convert: Callable[[Any], Any]) -> Callable[[int, int], list[Any]]:
    def values(start: int, stop: int) -> list[Any]:
        found = scalars(column.values.iloc[start:stop], column.kind)
        return [None if value is None else convert(value) for value in found]

    return values


def _numeric(
    column: Plain,
    shown: Format,
    width: int,
    numbers: Callable[[Column], serials.Numbers],
    *,
    header: str | None = None,
) -> Cells:
    def values(start: int, stop: int) -> serials.Numbers:
        return numbers(column.values.iloc[start:stop])

    return _cells(column, shown, width, Form.NUMBER, values, header=header)


def _cells(
    column: Plain,
    shown: Format,
    width: int,
    form: Form,
    values: Callable[[int, int], Any],
    *,
    header: str | None = None,
) -> Cells:
    name = column.name if header is None else header
    # The header needs room for the filter's button.
    return Cells(column.name, name, shown, min(max(width + 1, len(name) + 3, 6), WIDEST), form, values, column.kind)


def _bounds(values: Column) -> tuple[Any, ...]:
    return (values.min(), values.max()) if len(values) else ()


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


_RULES: Mapping[Kind, Callable[[Plain], Cells]] = {
    Kind.INTEGER: _integers,
    Kind.NUMBER: _numbers,
    Kind.DECIMAL: _decimals,
    Kind.BOOLEAN: lambda column: _cells(column, Format.GENERAL, 6, Form.BOOLEAN, _each(column, bool)),
    Kind.TEXT: _texts,
    Kind.DATE: _times,
    Kind.DATETIME: _times,
    Kind.ZONED: _times,
    Kind.TIME: lambda column: _numeric(column, Format.TIME, 8, serials.times),
    Kind.DURATION: _durations,
    Kind.MIXED: lambda column: _cells(column, Format.GENERAL, 16, Form.MIXED, _each(column, _mixed)),
}
