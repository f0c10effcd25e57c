"""DataFrames as every later stage expects them: unique text column names, no meaning in the index, settled
dtypes.

Datasets come out of `tidy`; those that we read ourselves also out of `settle`, so that a dtype depends on
the data's meaning and not on the reader: integers with gaps are Int64 and not floats, a date is a datetime64
at midnight.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import pandas as pd

from pipeline.errors import SourceError


def tidy(frame: pd.DataFrame, where: str) -> pd.DataFrame:
    """The same rows with text column names and a plain index. A named index (what `groupby` leaves) becomes
    columns.

    Raises SourceError for column names in several levels and for names that occur twice.
    """
    if frame.columns.nlevels > 1:
        raise SourceError(
            f"{where}: column names have {frame.columns.nlevels} levels; flatten them, for instance "
            'with df.columns = ["_".join(map(str, c)) for c in df.columns]'
        )
    if any(name is not None for name in frame.index.names):
        clash = [str(name) for name in frame.index.names if name in frame.columns]
        if clash:
            raise SourceError(f'{where}: "{clash[0]}" is both an index and a column; rename one of the two')
        frame = frame.reset_index()
    else:
        frame = frame.reset_index(drop=True)
    frame.columns = pd.Index([str(name) for name in frame.columns], dtype=object)
    twice = [name for name, count in Counter(frame.columns).items() if count > 1]
    if twice:
        raise SourceError(f'{where}: column "{twice[0]}" occurs twice; give each column its own name')
    return frame


def from_rows(names: Sequence[str], rows: Iterable[Sequence[Any]], where: str) -> pd.DataFrame:
    """Rows of plain Python values → settled frame. Raises SourceError for a name that occurs twice."""
    columns = list(zip(*rows, strict=True)) or [()] * len(names)
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        raise SourceError(f'{where}: column "{twice[0]}" occurs twice; give each column its own name')
    series = {n: pd.Series(values, dtype=object) for n, values in zip(names, columns, strict=True)}
    return settle(pd.DataFrame(series))


def settle(frame: pd.DataFrame) -> pd.DataFrame:
    """Gives each column the narrowest plain dtype that holds its values: int64 (Int64 with gaps), float64,
    bool (boolean with gaps), str, datetime64[us] with or without a zone, timedelta64; what fits none stays
    object."""
    return pd.DataFrame({name: _settled(frame[name]) for name in frame.columns}, index=frame.index)


def _settled(series: "pd.Series[Any]") -> "pd.Series[Any]":
    if series.dtype == object:
        series = _from_objects(series)
    if isinstance(series.dtype, pd.StringDtype):
        return series.astype("str")
    if pd.api.types.is_extension_array_dtype(series.dtype):
        return _without_mask(series)
    return series


def _without_mask(series: "pd.Series[Any]") -> "pd.Series[Any]":
    """Masked dtypes only where a gap needs them; floats have NaN for that."""
    name = str(series.dtype)
    if name.startswith("Float"):
        return series.astype(pd.api.types.pandas_dtype(name.lower()))
    if name == "boolean" or name.startswith(("Int", "UInt")):
        plain = pd.api.types.pandas_dtype("bool" if name == "boolean" else name.lower())
        return series if series.hasnans else series.astype(plain)
    return series


def _from_objects(series: "pd.Series[Any]") -> "pd.Series[Any]":
    convert = _CONVERSIONS.get(pd.api.types.infer_dtype(series, skipna=True))
    if convert is None:
        return series
    try:
        return convert(series)
    except (ValueError, OverflowError):  # times of several zones, integers beyond 64 bits
        return series


_CONVERSIONS: Mapping[str, Callable[["pd.Series[Any]"], "pd.Series[Any]"]] = {
    "integer": lambda series: series.astype("Int64"),
    "boolean": lambda series: series.astype("boolean"),
    "floating": lambda series: series.astype("float64"),
    "mixed-integer-float": lambda series: series.astype("float64"),
    "string": lambda series: series.astype("str"),
    "date": lambda series: pd.to_datetime(series).astype("datetime64[us]"),
    "datetime": pd.to_datetime,
    "timedelta": pd.to_timedelta,
}
