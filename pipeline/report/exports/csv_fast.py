"""The same CSV, byte for byte, joined by Arrow instead of written cell by cell: for columns whose text is sure.

A column that Arrow would write otherwise than pandas (fractions of seconds, numbers that need an exponent) makes the
whole table take the slow way: a fast file with another value in it is worth nothing.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from pipeline.errors import MissingExtraError
from pipeline.report.exports.arrowtext import ArrowText, has_same_digits
from pipeline.report.extras import need
from pipeline.report.kinds import Column

_ROWS = 50_000
"""Rows joined at a time, so that memory does not grow with the dataset."""
_END = "\r\n"


def write(table: pd.DataFrame, header: Sequence[str], path: Path) -> bool:
    """Writes the file as `DataFrame.to_csv(encoding="utf-8-sig", lineterminator="\\r\\n")` does; False, and no file,
    where that is not sure or pyarrow is not installed."""
    try:
        pa, pc = (need(module, "fast CSV", "parquet") for module in ("pyarrow", "pyarrow.compute"))
    except MissingExtraError:
        return False
    columns = [table[name] for name in table.columns]
    if len(columns) < 2 or not all(map(_is_sure, columns)):  # pandas quotes an empty cell that stands alone
        return False
    writer = _Writer(pa, pc)
    with path.open("wb") as file:
        file.write(b"\xef\xbb\xbf")
        head = [writer.quoted(pa.array([name], pa.large_string())) for name in header]
        file.write(",".join(cell[0].as_py() for cell in head).encode() + _END.encode())
        for chunk in _chunks(columns, len(table)):
            file.write(writer.lines(chunk))
    return True


def _chunks(columns: Sequence[Column], rows: int) -> Iterator[list[Column]]:
    for start in range(0, rows, _ROWS):
        yield [column.iloc[start : start + _ROWS] for column in columns]


def _is_sure(column: Column) -> bool:
    dtype: Any = column.dtype
    if isinstance(dtype, pd.StringDtype):
        return True
    if pd.api.types.is_object_dtype(dtype):
        return pd.api.types.infer_dtype(column, skipna=True) in {"string", "empty"}
    if isinstance(dtype, pd.DatetimeTZDtype):
        return _is_whole_seconds(column.dt.tz_localize(None)) and bool((_offsets(column).dropna() % 60 == 0).all())
    if dtype == np.float64:
        return has_same_digits(column.to_numpy())
    if dtype.kind == "M":
        return _is_whole_seconds(column)
    return dtype.kind in "iub"


def _is_whole_seconds(column: Column) -> bool:
    """And of years that both write with four digits; midnights alone pandas writes as dates."""
    values = column.dropna()
    if values.empty:
        return True
    years = values.min().year, values.max().year
    whole = bool((values.dt.floor("s") == values).all())
    return whole and years[0] >= 1000 and years[1] <= 9999 and not bool((values == values.dt.normalize()).all())


def _offsets(column: Column) -> Column:
    """Seconds east of UTC."""
    return (column.dt.tz_localize(None) - column.dt.tz_convert(None)).dt.total_seconds()


def _offset_text(seconds: float) -> str:
    """`-05:00`."""
    minutes = round(abs(seconds) / 60)
    return f"{'-' if seconds < 0 else '+'}{minutes // 60:02}:{minutes % 60:02}"


class _Writer(ArrowText):
    """Arrow's kernels, put to CSV."""

    def lines(self, chunk: Sequence[Column]) -> memoryview:
        """The rows as the bytes of one Arrow buffer: what stands in memory is the file."""
        cells = [self._cells(column) for column in chunk]
        cells[-1] = self.joined("", cells[-1], _END)
        return self.octets(self.joined(",", *cells))

    def _cells(self, column: Column) -> Any:
        pa, pc = self.pa, self.pc
        if isinstance(column.dtype, pd.DatetimeTZDtype):
            local = self._cells(column.dt.tz_localize(None))
            codes, seconds = pd.factorize(_offsets(column))
            texts = pa.array([_offset_text(one) for one in seconds], self.kind)
            zones = texts.take(pa.array(codes, mask=codes < 0))
            return self.joined("", local, pc.fill_null(zones, ""))
        values = self.whole(column)
        if pa.types.is_boolean(values.type):
            text = pc.if_else(values, "True", "False")
        elif pa.types.is_floating(values.type):
            text = self._floats(values)
        elif pa.types.is_timestamp(values.type):
            text = self.text(pc.cast(values, pa.timestamp("s")))
        elif pa.types.is_integer(values.type):
            text = self.text(values)
        else:
            text = self.quoted(self.text(values))
        return self.filled(self.text(text))

    def _floats(self, values: Any) -> Any:
        """`517.0`, as Python writes it; Arrow writes `517`."""
        whole = self.pc.equal(self.pc.floor(values), values)
        if self.pc.all(whole).as_py():  # integers with gaps, mostly; they are much quicker as such
            return self.joined("", self.text(self.pc.cast(values, self.pa.int64())), ".0")
        text = self.text(values)
        return self.pc.if_else(whole, self.joined(".", text, "0"), text)

    def quoted(self, text: Any) -> Any:
        """In quotes where a separator, a quote or a line end is inside (RFC 4180)."""
        pc = self.pc
        special = pc.match_substring_regex(text, r'[,"\r\n]')
        if not pc.any(special).as_py():
            return text
        doubled = pc.replace_substring(text, '"', '""')
        return pc.if_else(special, self.joined("", '"', doubled, '"'), text)
