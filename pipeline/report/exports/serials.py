"""Columns as Excel's numbers, a NumPy array in which NaN is an empty cell: days since 30 December 1899 for times."""

from datetime import time
from typing import Any, TypeAlias

import numpy as np

from pipeline.report.kinds import Column

Numbers: TypeAlias = "np.ndarray[Any, Any]"
_DAY = 86_400_000_000
"""In microseconds, which is what Excel's 15 digits leave of a time."""
_EPOCH = 25_569
"""1 January 1970."""


def integers(values: Column) -> Numbers:
    """Whole numbers below 10¹⁵: floats where some are missing, which are exact up to there."""
    complete = getattr(values.dtype, "kind", "O") in "iu" and not values.hasnans
    return values.to_numpy(np.int64) if complete else floats(values)


def floats(values: Column) -> Numbers:
    return values.to_numpy(np.float64, na_value=np.nan)


def decimals(values: Column) -> Numbers:
    return np.array([np.nan if missing else float(v) for v, missing in zip(values, values.isna(), strict=True)])


def days(values: Column) -> Numbers:
    """Dates and times without a zone; the two calendars agree from 1 March 1900 on."""
    moments = _of_objects(values, "datetime64[us]")
    return _fractions(moments.astype(np.int64) + _EPOCH * _DAY, moments)


def durations(values: Column) -> Numbers:
    spans = _of_objects(values, "timedelta64[us]")
    return _fractions(spans.astype(np.int64), spans)


def times(values: Column) -> Numbers:
    """Times of day."""
    found = [None if missing else _since_midnight(value) for value, missing in zip(values, values.isna(), strict=True)]
    spans = np.array(found, "timedelta64[us]")
    return _fractions(spans.astype(np.int64), spans)


def _since_midnight(value: time) -> int:
    return ((value.hour * 60 + value.minute) * 60 + value.second) * 1_000_000 + value.microsecond


def _of_objects(values: Column, dtype: str) -> Numbers:
    if values.dtype != object:
        return values.to_numpy().astype(dtype)
    return np.array(values.where(values.notna(), None).tolist(), dtype)


def _fractions(microseconds: Numbers, source: Numbers) -> Numbers:
    return np.where(np.isnat(source), np.nan, microseconds / _DAY)
