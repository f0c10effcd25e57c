"""The fast CSV is the slow one, byte for byte, or it leaves the table alone."""
# ruff: noqa: DTZ001 - times without a zone are among what is written

from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline.report.exports import csv_fast

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=6) | st.sampled_from(["a,b", '"', "\r\n", "=1+1", ""])
TIMES = st.datetimes(datetime(1000, 1, 1), datetime(9999, 12, 30)).map(lambda moment: moment.replace(microsecond=0))
MODERN = st.datetimes(datetime(1901, 1, 1), datetime(2100, 1, 1))


def column(values: st.SearchStrategy[Any], dtype: str) -> st.SearchStrategy[Any]:
    return st.lists(values, min_size=3, max_size=3).map(lambda chosen: pd.Series(chosen, dtype=dtype))


COLUMNS = st.one_of(
    column(TEXT | st.none(), "str"),
    column(TEXT | st.none(), "object"),
    column(st.integers(-(2**63), 2**63 - 1), "int64"),
    column(st.integers(0, 2**64 - 1) | st.none(), "UInt64"),
    column(st.booleans(), "bool"),
    column(st.booleans() | st.none(), "boolean"),
    column(st.floats(), "float64"),
    column(st.floats(-1e6, 1e6), "float64"),
    column(st.floats(1e8, 1e17).map(lambda value: round(value, 3)), "float64"),
    column(st.floats(width=32), "float32"),
    column(st.integers(-1000, 1000).map(float) | st.none(), "float64"),
    column(TIMES | st.none(), "datetime64[s]"),
    column(TIMES | MODERN, "datetime64[us]"),
    column(TIMES.map(lambda moment: moment.replace(hour=0, minute=0, second=0)), "datetime64[us]"),
    column(MODERN.map(lambda m: m.replace(microsecond=0)) | st.none(), "datetime64[us, America/New_York]"),
    column(MODERN.map(lambda m: m.replace(microsecond=0)) | st.none(), "datetime64[us, UTC]"),
    column(st.decimals(-100, 100), "object"),
)


def slow(table: pd.DataFrame, header: list[str]) -> bytes:
    return table.to_csv(index=False, header=header, lineterminator="\r\n").encode("utf-8-sig")


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(COLUMNS, min_size=1, max_size=4), st.lists(TEXT, min_size=4, max_size=4))
def test_the_same_bytes_or_none(tmp_path: Path, columns: list[pd.Series], names: list[str]) -> None:
    table = pd.concat([one.rename(str(number)) for number, one in enumerate(columns)], axis=1)
    header = names[: len(columns)]
    path = tmp_path / "fast.csv"
    path.unlink(missing_ok=True)
    if csv_fast.write(table, header, path):
        assert path.read_bytes() == slow(table, header)
    else:
        assert not path.exists()


def test_more_rows_than_are_joined_at_once(tmp_path: Path) -> None:
    rows = 120_001
    table = pd.DataFrame({"n": range(rows), "text": ["a,b" if n % 7 else "plain" for n in range(rows)]})
    assert csv_fast.write(table, ["n", "text"], tmp_path / "fast.csv")
    assert (tmp_path / "fast.csv").read_bytes() == slow(table, ["n", "text"])


@pytest.mark.parametrize(
    ("values", "sure"),
    [
        (pd.Series([1, 2]), True),
        (pd.Series([0.5, 517.0, np.nan]), True),
        (pd.Series([1e-5]), False),
        (pd.Series([9_999_999_999.5, 1e-4]), True),
        (pd.Series([1e10]), False),  # which Arrow writes as 1e+10
        (pd.Series([-0.0]), False),
        (pd.Series([np.inf]), False),
        (pd.Series([datetime(2013, 1, 1, 10)]), True),
        (pd.Series([datetime(2013, 1, 1, 10, 0, 0, 5)]), False),
        (pd.Series([datetime(2013, 1, 1)]), False),
        (pd.Series([Decimal("1.5")]), False),
        (pd.Series(["a", 1], dtype=object), False),
        (pd.Series([pd.Timedelta(1)]), False),
    ],
)
def test_only_what_is_sure_goes_the_fast_way(tmp_path: Path, values: pd.Series, sure: bool) -> None:
    table = pd.concat([values.rename("a"), values.rename("b")], axis=1)
    assert csv_fast.write(table, ["a", "b"], tmp_path / "fast.csv") is sure


def test_one_column_alone_goes_the_slow_way(tmp_path: Path) -> None:
    assert not csv_fast.write(pd.DataFrame({"a": [""]}), ["a"], tmp_path / "fast.csv")
