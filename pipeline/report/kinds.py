"""What a column holds, whatever its dtype: the one place where charts and exports ask.

A kind is a promise about every value that is not missing, so that a writer needs one rule a kind.
"""

from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Any, TypeAlias

import numpy as np
import pandas as pd

Column: TypeAlias = "pd.Series[Any]"


class Kind(StrEnum):
    INTEGER = "integers"
    NUMBER = "numbers"
    DECIMAL = "decimals"
    BOOLEAN = "truth values"
    TEXT = "text"
    DATE = "dates"
    DATETIME = "times without a zone"
    ZONED = "times with a zone"
    TIME = "times of day"
    DURATION = "durations"
    MIXED = "values of several kinds"


_INFERRED = {
    "string": Kind.TEXT,
    "empty": Kind.TEXT,
    "integer": Kind.INTEGER,
    "floating": Kind.NUMBER,
    "mixed-integer-float": Kind.NUMBER,
    "decimal": Kind.DECIMAL,
    "boolean": Kind.BOOLEAN,
    "timedelta": Kind.DURATION,
}
_TYPES: tuple[tuple[type | tuple[type, ...], Kind], ...] = (
    ((bool, np.bool_), Kind.BOOLEAN),
    ((int, np.integer), Kind.INTEGER),
    ((float, np.floating), Kind.NUMBER),
    (Decimal, Kind.DECIMAL),
    (str, Kind.TEXT),
    (datetime, Kind.DATETIME),
    (date, Kind.DATE),
    (time, Kind.TIME),
    (timedelta, Kind.DURATION),
)


def plain(column: Column) -> tuple[Column, Kind]:
    """The column without wrapping, and its kind: categories and Arrow-backed values become what they stand
    for, periods and intervals their text. Raises ValueError that says what it holds where that is no kind."""
    dtype: Any = column.dtype
    if isinstance(dtype, pd.CategoricalDtype | pd.ArrowDtype):
        return plain(column.astype(object))
    if isinstance(dtype, pd.PeriodDtype | pd.IntervalDtype):
        return column.astype(object).map(str, na_action="ignore"), Kind.TEXT
    if isinstance(dtype, pd.SparseDtype):
        return plain(column.astype(dtype.subtype))
    return column, _of_objects(column) if pd.api.types.is_object_dtype(dtype) else _of_dtype(dtype)


def scalars(column: Column, kind: Kind) -> list[Any]:
    """A plain column as Python values, None for what is missing: int, float, Decimal, bool, str, date,
    datetime, time, timedelta."""
    values = column.astype(object).where(column.notna(), None).tolist()
    if kind in _CASTS:
        cast = _CASTS[kind]
        return [None if value is None else cast(value) for value in values]
    return values


_CASTS: dict[Kind, Any] = {Kind.INTEGER: int, Kind.NUMBER: float, Kind.BOOLEAN: bool}


def of_value(value: Any) -> Kind:
    """The kind of one value that is not missing. Raises ValueError with its type where it is of none."""
    for types, kind in _TYPES:
        if isinstance(value, types):
            if getattr(value, "tzinfo", None) is None:
                return kind
            if kind is Kind.DATETIME:
                return Kind.ZONED
    raise ValueError(f"a value of type {type(value).__name__}")


def only_midnights(column: Column) -> bool:
    """Whether times without a zone are meant as dates: none has a time of day, and there is one at least."""
    values = pd.to_datetime(column.dropna())
    return bool(len(values)) and bool((values == values.dt.normalize()).all())


def _of_dtype(dtype: Any) -> Kind:
    if isinstance(dtype, pd.DatetimeTZDtype):
        return Kind.ZONED
    if isinstance(dtype, pd.StringDtype):
        return Kind.TEXT
    found = {
        "b": Kind.BOOLEAN,
        "i": Kind.INTEGER,
        "u": Kind.INTEGER,
        "f": Kind.NUMBER,
        "M": Kind.DATETIME,
        "m": Kind.DURATION,
    }.get(dtype.kind)
    if found is None:
        raise ValueError(f"values of dtype {dtype}")
    return found


def _of_objects(column: Column) -> Kind:
    values = column.dropna()
    inferred = pd.api.types.infer_dtype(values, skipna=True)
    if inferred in _INFERRED:
        return _INFERRED[inferred]
    found = {of_value(value) for value in values}
    return found.pop() if len(found) == 1 else Kind.MIXED
