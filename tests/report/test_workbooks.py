"""Workbooks: whole packages by Excel's rules, and rows that are the same bytes whichever way they are made."""

import io
import math
from collections.abc import Sequence
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from python_calamine import CalamineWorkbook
from workbooks import cells_of, check, said

from pipeline.errors import ExportError
from pipeline.report.exports import as_xlsx, rowxml
from pipeline.report.exports.cells import cells_of as columns_of
from pipeline.report.exports.columns import taken_apart
from pipeline.report.exports.rowxml import Column
from pipeline.report.exports.rowxml_fast import FastRows

at = datetime.fromisoformat


def written(tmp_path: Path, *, totals: bool = False, **datasets: pd.DataFrame) -> bytes:
    path = tmp_path / "book.xlsx"
    as_xlsx.write(datasets, path, totals)
    return path.read_bytes()


# --- the two ways to make rows --------------------------------------------------------------------------------

AWKWARD = [
    "=1+1", "http://x", "007", " a", "a ", "\ta", "a\nb\n", "a\r\nb", "\xa0a", "<r>&amp;</r>", "_x0041_", "__x0041_",
    "_x00_", "\x00", "\x1f", "\x7f", "\ufffe", "\uffff", "é€😀", "", "]]>", '"', "'",
]  # fmt: skip
NUMBERS = [
    0.0, -0.0, 0.1 + 0.2, 1e-4, 9.999e-5, 1e15, 1e15 - 1, 1e16, 1e22, 1e300, 5e-324, 1.7976931348623157e308, 517.0,
    123456789.125, 1 / 3, 2 / 3, 41275.416666666664, math.inf, -math.inf, math.nan, 999999999999999.9,
]  # fmt: skip
_TEXT = st.one_of(st.sampled_from(AWKWARD), st.text(st.characters(exclude_categories=["Cs"]), max_size=8))
_FLOAT = st.one_of(st.sampled_from(NUMBERS), st.floats(width=64))
_INT = st.integers(-(10**15) + 1, 10**15 - 1)
_TIME = st.datetimes(at("1900-03-01"), at("2900-01-01"))


def gaps(values: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.one_of(st.none(), values)


_COLUMNS: dict[str, tuple[st.SearchStrategy[Any], Any]] = {
    "int": (_INT, "int64"),
    "small": (st.integers(0, 255), "uint8"),
    "nullable": (gaps(_INT), "Int64"),
    "float": (_FLOAT, "float64"),
    "single": (st.floats(width=32), "float32"),
    "gaps": (gaps(st.floats(allow_nan=False)), "Float64"),
    "text": (gaps(_TEXT), "str"),
    "object": (gaps(_TEXT), object),
    "category": (gaps(st.sampled_from(["a", "<b>", " c"])), "category"),
    "bool": (st.booleans(), "bool"),
    "boolean": (gaps(st.booleans()), "boolean"),
    "time": (gaps(_TIME), "datetime64[us]"),
    "zoned": (gaps(_TIME), "datetime64[us, UTC]"),
    "duration": (gaps(st.timedeltas(timedelta(0), timedelta(900))), "timedelta64[us]"),
    "negative": (gaps(st.timedeltas(timedelta(-9), timedelta(9))), "timedelta64[us]"),
    "decimal": (gaps(st.decimals(-999, 999, places=2)), object),
    "day": (gaps(st.dates(date(1900, 3, 1))), object),
    "clock": (gaps(st.times()), object),
    "mixed": (gaps(st.one_of(_TEXT, _FLOAT, _INT, st.booleans(), st.dates())), object),
}  # fmt: skip


@st.composite
def frames(draw: st.DrawFn) -> pd.DataFrame:
    names = draw(st.lists(st.sampled_from(sorted(_COLUMNS)), min_size=1, max_size=5, unique=True))
    rows = draw(st.integers(1, 6))
    columns = {}
    for name in names:
        values, dtype = _COLUMNS[name]
        columns[name] = pd.Series(draw(st.lists(values, min_size=rows, max_size=rows)), dtype=dtype)
    return pd.DataFrame(columns)


def placed(frame: pd.DataFrame, styles: Sequence[str] = ("", "7")) -> list[Column]:
    cells = [columns_of(column) for column in taken_apart("d", frame)]
    return [Column(chr(65 + n), styles[n % len(styles)], one) for n, one in enumerate(cells)]


@settings(max_examples=300, deadline=None)
@given(frame=frames(), start=st.integers(0, 2))
def test_arrow_makes_the_same_bytes(frame: pd.DataFrame, start: int) -> None:
    columns, stop = placed(frame), len(frame)
    fast = FastRows(pa, pc).rows(columns, min(start, stop), stop)
    assert bytes(fast).decode() == rowxml.rows(columns, min(start, stop), stop).decode()


@pytest.mark.parametrize("values", [AWKWARD, NUMBERS], ids=["texts", "numbers"])
@pytest.mark.parametrize("together", [False, True])
def test_each_awkward_value_alone_and_among_the_others(values: list[Any], together: bool) -> None:
    for frame in [pd.DataFrame({"x": values})] if together else [pd.DataFrame({"x": [one]}) for one in values]:
        columns = placed(frame)
        assert bytes(FastRows(pa, pc).rows(columns, 0, len(frame))) == rowxml.rows(columns, 0, len(frame))


@settings(max_examples=60, deadline=None)
@given(frame=frames())
def test_two_readers_agree_with_the_frame(tmp_path_factory: pytest.TempPathFactory, frame: pd.DataFrame) -> None:
    data = written(tmp_path_factory.mktemp("book"), d=frame)
    check(data)
    calamine = CalamineWorkbook.from_filelike(io.BytesIO(data)).get_sheet_by_index(0).to_python()
    columns = [columns_of(column) for column in taken_apart("d", frame)]
    for reader in (calamine, cells_of(data)):
        for number, column in enumerate(columns):
            found = [row[number] for row in reader[1:]]
            found += [None] * (len(frame) - len(found))  # empty rows at the end are none to calamine
            for cell, value in zip(found, column.values(0, len(frame)), strict=True):
                assert agrees(cell, value), (column.name, column.format, cell, value)


def agrees(found: Any, value: Any) -> bool:
    """A reader may make the time of a number that its format says; infinity is text."""
    if pd.isna(value):
        return found in {"", None}
    if isinstance(value, str):
        return (found or "") == value or said(found) == value
    if isinstance(found, datetime | date | time | timedelta):
        return abs(serial(found) - value) < 1e-8
    return bool(str(float(value)) == found if np.isinf(value) else found == value)


def serial(found: datetime | date | time | timedelta) -> float:
    day = timedelta(days=1)
    if isinstance(found, timedelta):
        return found / day
    if isinstance(found, time):
        return (
            timedelta(hours=found.hour, minutes=found.minute, seconds=found.second, microseconds=found.microsecond)
            / day
        )
    moment = found if isinstance(found, datetime) else at(found.isoformat())
    return (moment - at("1899-12-30")) / day


# --- the package ----------------------------------------------------------------------------------------------


def flights(rows: int = 3) -> pd.DataFrame:
    return pd.DataFrame(
        {"carrier": ["AA", "B6", "AA"][:rows], "flights": [3, 4, 5][:rows], "delay": [0.5, 1.5, 4][:rows]}
    )


def test_a_table_with_totals_that_follow_the_filter(tmp_path: Path) -> None:
    package = check(written(tmp_path, totals=True, delays=flights()))
    table = package.text("xl/tables/table1.xml")
    assert 'name="delays" displayName="delays" ref="A1:C5" totalsRowCount="1"><autoFilter ref="A1:C4"/>' in table
    assert 'name="carrier" totalsRowLabel="Total"' in table
    assert 'name="delay" totalsRowFunction="sum"' in table
    sheet = package.text("xl/worksheets/sheet1.xml")
    assert '<dimension ref="A1:C5"/>' in sheet
    assert "<f>SUBTOTAL(109,delays[flights])</f><v>12</v>" in sheet
    assert 'ySplit="1"' in sheet
    assert 'state="frozen"' in sheet
    assert 'orientation="landscape"' in sheet
    assert cells_of(written(tmp_path, totals=True, delays=flights()))[-1] == ["Total", 12, 6]


@pytest.mark.parametrize("rows", [0, 1, 2])
@pytest.mark.parametrize("totals", [False, True])
def test_few_rows(tmp_path: Path, rows: int, totals: bool) -> None:
    data = written(tmp_path, totals=totals, a=flights(rows), b=flights(rows))
    check(data)
    body = cells_of(data, 1)[1 : 1 + rows]
    assert [row[0] for row in body] == ["AA", "B6"][:rows]
    assert len(cells_of(data)) == 1 + rows + (totals and rows > 0)


def test_many_sheets_and_one_without_columns(tmp_path: Path) -> None:
    data = written(tmp_path, totals=True, a=flights(), empty=pd.DataFrame(index=range(3)), A=flights(2), q1=flights(1))
    package = check(data)
    names = [package.tree(f"xl/tables/table{n}.xml").get("name") for n in (1, 2, 3)]
    assert names == ["a", "A_2", "_q1"]
    assert [len(cells_of(data, n)) for n in range(4)] == [5, 0, 4, 3]


@pytest.mark.parametrize(
    ("columns", "headers"),
    [
        (["x", "X", "x ~2"], ["x", "X ~2", "x ~2 ~2"]),
        (["", "a\nb", "_x0041_"], ["_", "a b", "_X0041_"]),
        (["a" * 300, "[x]#'@", "=1+1"], ["a" * 239 + "…", "[x]#'@", "=1+1"]),
    ],
)
def test_headers_that_a_table_takes(tmp_path: Path, columns: list[str], headers: list[str]) -> None:
    data = written(tmp_path, totals=True, d=pd.DataFrame([[1.0] * len(columns)] * 2, columns=columns))
    check(data)
    assert cells_of(data)[0] == headers
    assert [value for value in cells_of(data)[-1] if value != "Total"] == [2.0] * len(columns)


def test_more_rows_than_are_written_at_once(tmp_path: Path) -> None:
    frame = pd.DataFrame({"n": range(20_001), "s": [f"<{n}>" for n in range(20_001)]})
    data = written(tmp_path, totals=True, d=frame)
    check(data)
    body = cells_of(data)[1:-1]
    assert [row[0] for row in body] == list(range(20_001))
    assert body[20_000][1] == "<20000>"


def test_a_text_is_as_long_as_excel_counts_it(tmp_path: Path) -> None:
    check(written(tmp_path, d=pd.DataFrame({"x": ["a" * 32_767]})))
    with pytest.raises(ExportError, match="row 2: a text of 32,768 characters"):
        written(tmp_path, d=pd.DataFrame({"x": ["a", "😀" * 16_384]}))
