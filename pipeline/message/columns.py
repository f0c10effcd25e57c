"""How columns read: the formatter of each, as asked or as its dtype says, and which of a frame's columns are meant."""

from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from babel.numbers import get_group_symbol

from pipeline.jobs.cellformat import CellFormat
from pipeline.jobs.names import did_you_mean
from pipeline.message.formats import Formats

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from pandas import DataFrame, Series

Cell = Callable[[Any], str]


# --- which columns ------------------------------------------------------------------------------------------


def as_frame(data: Any) -> "DataFrame":
    """A DataFrame from one, from a Series, or from rows as dicts. Raises ValueError for anything else."""
    import pandas as pd  # noqa: PLC0415 - pandas is here only where a table is made, in the child process

    if isinstance(data, pd.DataFrame):
        return data
    if isinstance(data, pd.Series):
        return data.to_frame(data.name if data.name is not None else "value")
    if isinstance(data, list | tuple) and all(isinstance(row, Mapping) for row in data):
        return pd.DataFrame(list(data))
    raise ValueError(f"table needs a dataset or a list of rows, not a {type(data).__name__}")


def with_index(frame: "DataFrame") -> "DataFrame":
    """A named index is data (groupby leaves one), so it becomes the first columns; a nameless one is not."""
    named = [name for name in frame.index.names if name is not None and name not in frame.columns]
    return frame.reset_index(level=named) if named else frame


def select(frame: "DataFrame", columns: Sequence[str] | None) -> "DataFrame":
    if columns is None:
        return frame
    for name in columns:
        if name not in frame.columns:
            there = ", ".join(map(str, frame.columns))
            raise ValueError(
                f'table: there is no column "{name}", only {there}{did_you_mean(name, map(str, frame.columns))}'
            )
    return frame[list(columns)]


# --- how a cell reads ---------------------------------------------------------------------------------------


def column_format(formats: Formats, series: "Series[Any]", name: str, wanted: CellFormat | None) -> tuple[Cell, bool]:
    """The formatter of a column, and whether it is numeric: as asked, else by its dtype."""
    if wanted is None:
        return by_dtype(formats, series, name)
    kind, digits, argument = wanted.kind, wanted.digits, wanted.argument or None
    if kind in {"number", "delta"} and digits is None and not wanted.share:
        digits = fixed_decimals(series)
    change = "percent" if wanted.share else "number"
    asked: dict[str, Cell] = {
        "number": lambda value: formats.number(value, digits),
        "money": lambda value: formats.money(value, argument),
        "percent": lambda value: formats.percent(value, 1 if digits is None else digits),
        "delta": lambda value: formats.delta(value, change, digits),
        "date": lambda value: formats.date(value, argument),
        "datetime": lambda value: formats.date(value, argument or "y-MM-dd HH:mm"),
        "text": lambda value: as_text(formats, value),
    }
    return (asked[kind] if wanted.grouped else ungrouped(formats, asked[kind])), wanted.numeric


def ungrouped(formats: Formats, cell: Cell) -> Cell:
    """1234 rather than 1,234."""
    separator = get_group_symbol(formats.locale)
    return lambda value: cell(value).replace(separator, "")


def fixed_decimals(series: "Series[Any]") -> int | None:
    """Those of the column, so that they stand under each other; None where nothing fixes them."""
    from pandas.api import types  # noqa: PLC0415

    return decimals(series) if types.is_numeric_dtype(series.dtype) else None


def by_dtype(formats: Formats, series: "Series[Any]", name: str) -> tuple[Cell, bool]:
    """What a column's dtype says: decimals fixed for the whole column, so that they stand under each
    other."""
    from pandas.api import types  # noqa: PLC0415

    if types.is_bool_dtype(series.dtype):
        return (
            lambda value: formats.missing if formats.is_missing(value) else ("yes" if value else "no"),
            False,
        )
    if types.is_numeric_dtype(series.dtype):
        digits = decimals(series)
        if digits == 0 and is_label(series, name):
            return lambda value: formats.missing if formats.is_missing(value) else plain_whole(value), True
        return lambda value: formats.number(value, digits), True
    if types.is_datetime64_any_dtype(series.dtype):
        return times(formats, series), False
    if _holds_decimals(series):
        return formats.number, True
    return lambda value: as_text(formats, value), False


def times(formats: Formats, series: "Series[Any]") -> Cell:
    """Days as days, and times on the reader's clocks."""
    present = series.dropna()
    if bool((present == present.dt.normalize()).all()):
        return lambda value: formats.missing if formats.is_missing(value) else value.strftime("%Y-%m-%d")
    return lambda value: formats.missing if formats.is_missing(value) else f"{formats.here(value):%Y-%m-%d %H:%M}"


def decimals(series: "Series[Any]") -> int:
    """The fewest decimals, up to two, that show the column as it is; four where all values are tiny."""
    import numpy as np  # noqa: PLC0415

    if series.dtype.kind in "iu":
        return 0
    values = np.abs(finite(series))
    largest = values.max(initial=0.0)
    if 0 < largest < 0.1:
        return 4
    for digits in (0, 1):
        if bool((values.round(digits) == values.round(6)).all()):
            return digits
    return 2 if largest < 1000 else 1


def is_label(series: "Series[Any]", name: str) -> bool:
    """Whole numbers that name something (years, flight numbers, ids) are not grouped: 2013, not 2,013."""
    last = name.lower().rsplit("_", 1)[-1].rsplit(" ", 1)[-1]
    if last in {"id", "year", "no", "nr", "code", "zip", "number", "flight", "week", "key"}:
        return True
    values = finite(series)
    return len(values) > 0 and bool(values.min() >= 1900 and values.max() < 2100)


def finite(series: "Series[Any]") -> "NDArray[np.float64]":
    """The numbers of a column, without what is missing or infinite; numpy, because tables are small and many."""
    import numpy as np  # noqa: PLC0415

    values: NDArray[np.float64] = series.to_numpy(dtype="float64", na_value=np.nan)
    return values[np.isfinite(values)]


def plain_whole(value: float) -> str:
    return str(value) if isinstance(value, int) else f"{value:.0f}"


def _holds_decimals(series: "Series[Any]") -> bool:
    from decimal import Decimal  # noqa: PLC0415

    if series.dtype.name in {"str", "string"}:  # to ask them costs a tenth of a millisecond a column, a letter
        return False
    present = series.dropna()
    return bool(len(present)) and all(isinstance(value, Decimal) for value in present.head(100))


def as_text(formats: Formats, value: Any) -> str:
    """Anything else, in one line: durations as `1:05:00`, the rest as it prints."""
    if formats.is_missing(value):
        return formats.missing
    if isinstance(value, timedelta):
        return duration(value)
    return " ".join(str(value).split())


def duration(value: timedelta) -> str:
    seconds = round(value.total_seconds())
    sign, seconds = ("−" if seconds < 0 else ""), abs(seconds)
    days, seconds = divmod(seconds, 86400)
    clock = f"{seconds // 3600}:{seconds % 3600 // 60:02}:{seconds % 60:02}"
    return f"{sign}{days} d {clock}" if days else sign + clock
