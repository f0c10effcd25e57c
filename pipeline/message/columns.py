"""Tables as people read them: which columns, their labels, every cell as text. The HTML and the text body
share it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from pipeline.jobs.names import did_you_mean
from pipeline.message.formats import Formats

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from pandas import DataFrame, Series

Cell = Callable[[Any], str]

LONGEST_WORD = 12
"""Characters that a phone keeps together: a third of 320 px, which leaves room for numbers beside it."""
FORMATS = ("number", "money", "percent", "delta", "date", "datetime", "text")


@dataclass(frozen=True, slots=True)
class Column:
    label: str
    numeric: bool
    """Right-aligned, and never broken over lines."""
    long: bool = False
    """Has a word, in its label or a cell, that may be broken where the screen is narrow."""


@dataclass(frozen=True, slots=True)
class Table:
    """What a table component shows: `rows` are cells as text, one for each column."""

    columns: tuple[Column, ...]
    rows: tuple[tuple[str, ...], ...]
    total: int
    """Rows that the data has."""
    note: str = ""
    """Says honestly what is left out; empty where nothing is."""


def make_table(
    formats: Formats,
    frame: "DataFrame",
    *,
    columns: Sequence[str] | None = None,
    labels: Mapping[str, str] | None = None,
    cell_formats: Mapping[str, str] | None = None,
    limit: int,
    attachment: str = "",
) -> Table:
    """The first `limit` rows of a frame. `attachment` is the file that has them all.

    Raises ValueError for a column that the frame does not have (with the near miss) and for an unknown
    format.
    """
    frame = select(with_index(frame), columns)
    labels, cell_formats = dict(labels or {}), dict(cell_formats or {})
    for mapping, what in ((labels, "labels"), (cell_formats, "formats")):
        for name in mapping:
            if name not in frame.columns:
                raise ValueError(
                    f'table: {what} names the column "{name}"{did_you_mean(name, map(str, frame.columns))}'
                )
    shown = frame.head(limit)
    cells: list[list[str]] = []
    heads: list[Column] = []
    for position, name in enumerate(frame.columns):
        series = frame.iloc[:, position]
        cell, numeric = column_format(formats, series, str(name), cell_formats.get(name))
        label = labels.get(name, humanised(str(name)))
        texts = [cell(value) for value in shown.iloc[:, position].tolist()]
        heads.append(Column(label, numeric, has_long_word([label] if numeric else [label, *texts])))
        cells.append(texts)
    rows = tuple(zip(*cells, strict=True)) if cells else ()
    return Table(tuple(heads), rows, len(frame), left_out(formats, len(frame), len(shown), attachment))


def has_long_word(texts: Sequence[str]) -> bool:
    """Whether one word is so long that it would push a table over the edge of a phone."""
    return any(len(word) > LONGEST_WORD for text in texts if len(text) > LONGEST_WORD for word in text.split())


def left_out(formats: Formats, total: int, shown: int, attachment: str) -> str:
    """`… and 1,204 more rows; the whole table is in the attachment delays.xlsx`, or nothing."""
    more = total - shown
    if not more:
        return ""
    where = f"; the whole table is in the attachment {attachment}" if attachment else ""
    return f"… and {formats.number(more)} more {'row' if more == 1 else 'rows'}{where}"


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


def humanised(name: str) -> str:
    """`mean_delay` → `Mean delay`; a name with capitals or spaces is somebody's choice and stays."""
    if name != name.lower() or " " in name:
        return name
    words = name.replace("_", " ").strip()
    return words[:1].upper() + words[1:]


# --- how a cell reads ---------------------------------------------------------------------------------------


def column_format(formats: Formats, series: "Series[Any]", name: str, wanted: str | None) -> tuple[Cell, bool]:
    """The formatter of a column, and whether it is numeric: as asked (`number:1`, `money:EUR`), else by its
    dtype."""
    if wanted is None:
        return by_dtype(formats, series, name)
    kind, _, argument = wanted.partition(":")
    if kind not in FORMATS:
        known = ", ".join(FORMATS)
        raise ValueError(f'table: "{wanted}" is not a format; one of {known}{did_you_mean(kind, FORMATS)}')
    digits = int(argument) if argument.isdecimal() else None
    asked: dict[str, tuple[Cell, bool]] = {
        "number": (lambda value: formats.number(value, digits), True),
        "money": (lambda value: formats.money(value, argument or None), True),
        "percent": (lambda value: formats.percent(value, 1 if digits is None else digits), True),
        "delta": (lambda value: formats.delta(value, "number", digits), True),
        "date": (lambda value: formats.date(value, argument or None), False),
        "datetime": (lambda value: formats.date(value, argument or "y-MM-dd HH:mm"), False),
        "text": (lambda value: as_text(formats, value), False),
    }
    return asked[kind]


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
        present = series.dropna()
        pattern = "%Y-%m-%d" if bool((present == present.dt.normalize()).all()) else "%Y-%m-%d %H:%M"
        return lambda value: formats.missing if formats.is_missing(value) else value.strftime(pattern), False
    if _holds_decimals(series):
        return formats.number, True
    return lambda value: as_text(formats, value), False


def decimals(series: "Series[Any]") -> int:
    """The fewest decimals, up to two, that show the column as it is; four where all values are tiny."""
    import numpy as np  # noqa: PLC0415

    if series.dtype.kind in "iu":
        return 0
    values = np.abs(_finite(series))
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
    values = _finite(series)
    return len(values) > 0 and bool(values.min() >= 1900 and values.max() < 2100)


def _finite(series: "Series[Any]") -> "NDArray[np.float64]":
    """The numbers of a column, without what is missing or infinite; numpy, because tables are small and many."""
    import numpy as np  # noqa: PLC0415

    values: NDArray[np.float64] = series.to_numpy(dtype="float64", na_value=np.nan)
    return values[np.isfinite(values)]


def plain_whole(value: float) -> str:
    return str(value) if isinstance(value, int) else f"{value:.0f}"


def _holds_decimals(series: "Series[Any]") -> bool:
    from decimal import Decimal  # noqa: PLC0415

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


def rows_that_fit(columns: int, tables: int) -> int:
    """A row cap that keeps a mail of so many tables under Gmail's 102 kB; at most 25, at least 5.

    A cell costs about 130 octets of HTML, the layout and charts about 12 kB.
    """
    return max(5, min(25, 75_000 // (130 * max(1, columns) * max(1, tables))))
