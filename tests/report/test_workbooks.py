"""Workbooks: whole packages by Excel's rules, and rows that are the same bytes whichever way they are made."""

import io
import math
import re
from collections.abc import Sequence
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import openpyxl
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pytest
import vl_convert
from babel import Locale
from hypothesis import given, settings
from hypothesis import strategies as st
from python_calamine import CalamineWorkbook
from workbooks import MAIN, Package, cells_of, check, said

from pipeline.errors import ExportError
from pipeline.jobs.cellformat import parse_format
from pipeline.jobs.columnspec import ColumnSpec
from pipeline.report.exports import as_xlsx, rowxml
from pipeline.report.exports.book import Book, Picture
from pipeline.report.exports.cells import cells_of as columns_of
from pipeline.report.exports.columns import taken_apart
from pipeline.report.exports.numberformats import number_code, time_code
from pipeline.report.exports.rowxml import Column
from pipeline.report.exports.rowxml_fast import FastRows

at = datetime.fromisoformat


def written(tmp_path: Path, *, book: Book | None = None, totals: bool = False, **datasets: pd.DataFrame) -> bytes:
    path = tmp_path / "book.xlsx"
    as_xlsx.write(datasets, path, book or Book(totals=totals))
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
    assert 'name="Carrier" totalsRowLabel="Total"' in table
    assert 'name="Delay" totalsRowFunction="sum"' in table
    sheet = package.text("xl/worksheets/sheet1.xml")
    assert '<dimension ref="A1:C5"/>' in sheet
    assert "<f>SUBTOTAL(109,delays[Flights])</f><v>12</v>" in sheet
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
        (["x", "X", "x ~2"], ["X", "X ~2", "x ~2 ~2"]),
        (["", "a\nb", "A _x0041_"], ["_", "A b", "A _X0041_"]),
        (["a" * 300, "[x]#'@", "=1+1"], ["A" + "a" * 238 + "…", "[x]#'@", "=1+1"]),
    ],
)
def test_headers_that_a_table_takes(tmp_path: Path, columns: list[str], headers: list[str]) -> None:
    data = written(tmp_path, totals=True, d=pd.DataFrame([[1.0] * len(columns)] * 2, columns=columns))
    check(data)
    assert cells_of(data)[0] == headers
    assert [value for value in cells_of(data)[-1] if value != "Total"] == [2.0] * len(columns)


def test_a_header_that_looks_like_a_place_in_the_sheet_stays(tmp_path: Path) -> None:
    package = check(written(tmp_path, totals=True, d=pd.DataFrame({'Q r="A3"': [1.0, 2.0]})))
    assert '<c r="A4"' in (sheet := package.text("xl/worksheets/sheet1.xml"))
    assert """<f>SUBTOTAL(109,d[Q r="A3"])</f>""" in sheet


def test_more_rows_than_are_written_at_once(tmp_path: Path) -> None:
    frame = pd.DataFrame({"n": range(20_001), "s": [f"<{n}>" for n in range(20_001)]})
    data = written(tmp_path, totals=True, d=frame)
    check(data)
    body = cells_of(data)[1:-1]
    assert [row[0] for row in body] == list(range(20_001))
    assert body[20_000][1] == "<20000>"


def test_without_arrow_the_file_is_the_same(tmp_path: Path) -> None:
    frame = pd.DataFrame(
        {"n": range(20_001), "s": [f"<{n}>" if n % 7 else " a" for n in range(20_001)], "x": NUMBERS[3]}
    )
    as_xlsx.write({"d": frame}, tmp_path / "slow.xlsx", Book(totals=True), rowxml.rows)
    assert (tmp_path / "slow.xlsx").read_bytes() == written(tmp_path, totals=True, d=frame)


def test_a_text_is_as_long_as_excel_counts_it(tmp_path: Path) -> None:
    check(written(tmp_path, d=pd.DataFrame({"x": ["a" * 32_767]})))
    with pytest.raises(ExportError, match="row 2: a text of 32,768 characters"):
        written(tmp_path, d=pd.DataFrame({"x": ["a", "😀" * 16_384]}))


# --- columns ----------------------------------------------------------------------------------------------------


def described(tmp_path: Path, columns: dict[str, Any], frame: pd.DataFrame, **more: Any) -> tuple[Package, list[Any]]:
    specs = {name: ColumnSpec.model_validate(spec) for name, spec in columns.items()}
    data = written(tmp_path, book=Book(columns={"d": specs}, **more), d=frame)
    return check(data), cells_of(data)


def test_labels_units_hidden_columns_and_differences(tmp_path: Path) -> None:
    frame = pd.DataFrame({"carrier": ["AA"], "mean_delay": [12.5], "usual": [10.0], "id": [7]})
    columns = {
        "carrier": {"label": "Airline"},
        "mean_delay": {"unit": "min", "format": "number:1", "highlight": {"delta": "usual"}, "good": "down"},
        "id": {"hidden": True},
    }
    package, cells = described(tmp_path, columns, frame)
    assert cells == [["Airline", "Mean delay (min)", "vs. Usual", "Usual"], ["AA", 12.5, 2.5, 10]]
    sheet = package.text("xl/worksheets/sheet1.xml")
    assert re.findall(r'sqref="([^"]+)"', sheet) == ["C2"]
    assert re.findall("<formula>(.*?)</formula>", sheet) == [
        "AND(ISNUMBER(C2),C2&gt;0)",
        "AND(ISNUMBER(C2),C2&lt;0)",
    ]
    assert '"▲ "+#,##0.0;"▼ "-#,##0.0;"±"#,##0.0'.replace('"', "&quot;") in package.text("xl/styles.xml")


def test_a_difference_to_nothing_is_nothing(tmp_path: Path) -> None:
    frame = pd.DataFrame({"a": [1], "b": pd.Series([None], dtype="str")})
    _, cells = described(tmp_path, {"a": {"highlight": {"delta": "b"}}}, frame)
    assert cells[1] == [1, None, None]


@pytest.mark.parametrize(
    ("highlight", "good", "rules"),
    [
        ({"above": 15}, None, ["AND(ISNUMBER(A2),A2>15)"]),
        ({"above": "limit", "below": 0.5}, None, ["AND(ISNUMBER(A2),A2>20)", "AND(ISNUMBER(A2),A2<0.5)"]),
        ({"delta": True}, "none", []),
        ({"delta": True}, None, ["AND(ISNUMBER(A2),A2>0)", "AND(ISNUMBER(A2),A2<0)"]),
        ({"heat": True}, None, ["colorScale:2"]),
        ({"heat": True}, "down", ["colorScale:3"]),
        ({"bar": True}, None, ["dataBar"]),
    ],
)
def test_highlights(tmp_path: Path, highlight: dict[str, Any], good: str | None, rules: list[str]) -> None:
    spec = {"highlight": highlight} | ({"good": good} if good else {})
    package, _ = described(tmp_path, {"n": spec}, pd.DataFrame({"n": [1.0, None, 30.0]}), params={"limit": 20})
    sheet = package.tree("xl/worksheets/sheet1.xml")
    found = []
    for rule in sheet.iter(f"{MAIN}cfRule"):
        formula, scale = rule.find(f"{MAIN}formula"), rule.find(f"{MAIN}colorScale")
        said = formula.text if formula is not None else None
        found.append(said or (f"colorScale:{len(scale) // 2}" if scale is not None else rule.get("type")))
    assert found == rules


def test_text_is_not_highlighted_and_a_limit_is_a_number(tmp_path: Path) -> None:
    package, _ = described(tmp_path, {"s": {"highlight": {"above": 1}}}, pd.DataFrame({"s": ["a"]}))
    assert "conditionalFormatting" not in package.text("xl/worksheets/sheet1.xml")
    with pytest.raises(ExportError, match=r'the param "limit" is .x., not a number'):
        described(tmp_path, {"n": {"highlight": {"above": "limit"}}}, pd.DataFrame({"n": [1]}), params={"limit": "x"})


@pytest.mark.parametrize(
    ("total", "number", "value"),
    [("sum", 109, 9), ("mean", 101, 3), ("min", 105, 1), ("max", 104, 5), ("count", 103, 3)],
)
@pytest.mark.parametrize("dtype", ["int64", "float64", "Int64"])
def test_totals_by_function(tmp_path: Path, total: str, number: int, value: float, dtype: str) -> None:
    frame = pd.DataFrame({"k": ["a", "b", "c"], "n": pd.array([1, 3, 5], dtype=dtype), "m": [1, 1, 1]})
    package, cells = described(tmp_path, {"n": {"total": total}}, frame, totals=True)
    words = {"sum": "Total", "mean": "Mean", "min": "Lowest", "max": "Highest", "count": "Count"}
    assert cells[-1] == [words[total], value, None]
    assert f"<f>SUBTOTAL({number},d[N])</f>" in package.text("xl/worksheets/sheet1.xml")


@pytest.mark.parametrize(
    ("values", "total", "value"),
    [
        (["x", None], "count", 1),
        (pd.to_datetime(["2013-01-01", "2013-01-03"]), "max", at("2013-01-03")),
        (pd.to_datetime(["2013-01-01", "2013-01-03"]), "sum", None),
        ([math.inf, 1.0], "sum", None),
        ([math.nan, math.nan], "mean", None),
        ([math.nan, math.nan], "sum", 0),
        ([1e308, 1e308], "sum", None),
        ([2**53 // 10, 1], "sum", 2**53 // 10 + 1),
    ],
)
def test_totals_of_what_has_some(tmp_path: Path, values: Any, total: str, value: Any) -> None:
    _, cells = described(tmp_path, {"n": {"total": total}}, pd.DataFrame({"k": ["a", "b"], "n": values}))
    assert cells[-1][1] == value if value is not None else len(cells) == 3


def test_a_total_in_the_first_column_leaves_no_room_for_the_word(tmp_path: Path) -> None:
    frame = pd.DataFrame({"n": [1, 2], "k": ["a", "b"], "m": [3, 4]})
    _, cells = described(tmp_path, {"n": {"total": "sum"}, "m": {"total": "sum"}}, frame)
    assert cells[-1] == [3, None, 7]


@pytest.mark.parametrize(
    ("spec", "values", "code"),
    [
        ({}, [1, 2, 2, 4], "#,##0.0"),
        ({}, [1.0, 2.0, 2.0, 4.0], "#,##0.0"),
        ({"highlight": {"delta": True}}, [1, 2, 2, 4], "#,##0.0"),
        ({}, [1.25, 2.0, 2.0, 4.0], "#,##0.00"),
        ({"format": "0"}, [1, 2, 2, 4], "0"),
    ],
)
def test_the_mean_of_whole_numbers_has_a_decimal(
    tmp_path: Path, spec: dict[str, Any], values: list[float], code: str
) -> None:
    frame = pd.DataFrame({"k": list("abcd"), "n": values})
    described(tmp_path, {"n": {**spec, "total": "mean"}}, frame)
    sheet = openpyxl.load_workbook(tmp_path / "book.xlsx").worksheets[0]
    assert sheet["B6"].number_format == code


# --- number formats -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("written", "locale", "code"),
    [
        ("number", "en_US", "#,##0.00"),
        ("number:1", "en_US", "#,##0.0"),
        ("0", "en_US", "0"),
        ("percent", "en_US", "0.0%"),
        ("percent:0", "en_US", "0%"),
        ("delta:1", "en_US", '+#,##0.0;-#,##0.0;"±"#,##0.0'),
        ("+0.0%", "en_US", '+0.0%;-0.0%;"±"0.0%'),
        ("money:EUR", "de_DE", '#,##0.00"\xa0€"'),
        ("money:EUR", "en_US", '"€"#,##0.00'),
        ("money:JPY", "en_US", '"¥"#,##0'),
        ("money", "en_US", '"$"#,##0.00'),
        ("money", "fr", "#,##0.00"),
        ("text", "en_US", "General"),
    ],
)
def test_formats_of_numbers(written: str, locale: str, code: str) -> None:
    assert number_code(parse_format(written), 2, Locale.parse(locale)) == code


@pytest.mark.parametrize(
    ("written", "locale", "code"),
    [
        ("date", "en_US", "yyyy-mm-dd"),
        ("datetime", "en_US", "yyyy-mm-dd hh:mm"),
        ("date:long", "en_US", "mmmm d, yyyy"),
        ("date:full", "de_DE", "dddd, d. mmmm yyyy"),
        ("date:long", "ja_JP", 'yyyy"年"m"月"d"日"'),
        ("datetime:EEE d MMM, HH:mm z", "en_US", "ddd d mmm, hh:mm"),
        ("date:d 'of' MMMM", "en_US", 'd "of" mmmm'),
        ("date:QQQ y", "en_US", None),
        ("number", "en_US", None),
    ],
)
def test_formats_of_times(written: str, locale: str, code: str | None) -> None:
    assert time_code(parse_format(written), Locale.parse(locale)) == code


# --- cover and charts -------------------------------------------------------------------------------------------


def test_the_cover_says_what_the_file_is_and_leads_to_its_sheets(tmp_path: Path) -> None:
    png = vl_convert.vegalite_to_png({"data": {"values": [{"a": 1}]}, "mark": "point"}, scale=2)
    book = Book(
        title="Daily <delays> & more",
        description="=1+1",
        owner="desk@example.com",
        period="2 January 2013",
        due=datetime(2013, 1, 3, 6, 30, tzinfo=ZoneInfo("America/New_York")),
        filters=(("Carrier", "AA"), ("Late after", "15")),
        note="Final on the 5th.",
        cover=True,
        pictures=(Picture("By hour", "Delays grow", png, 40),),
    )
    data = written(tmp_path, book=book, cover=flights(), b=flights(2))
    package = check(data)
    assert cells_of(data) == [
        ["Daily <delays> & more", None],
        ["2 January 2013", None],
        [None, None],
        ["About", "=1+1"],
        ["Note", "Final on the 5th."],
        ["Carrier", "AA"],
        ["Late after", "15"],
        ["Made for", "2013-01-03 06:30 America/New_York"],
        ["Questions to", "desk@example.com"],
        [None, None],
        ["Rows", "Sheet"],
        [3, "cover~2"],
        [2, "b"],
        [None, "Charts"],
    ]
    cover = package.text("xl/worksheets/sheet1.xml")
    assert re.findall('location="([^"]+)"', cover) == ["'cover~2'!A1", "'b'!A1", "'Charts'!A1"]
    assert "<f>" not in cover
    core = package.text("docProps/core.xml")
    assert "<dc:title>Daily &lt;delays&gt; &amp; more</dc:title>" in core
    assert core.count("2013-01-03T11:30:00Z") == 2
    drawing = package.text("xl/drawings/drawing1.xml")
    assert 'descr="Delays grow"' in drawing
    assert f'cx="{40 * 9525}"' in drawing
    assert "xl/media/image1.png" in package.names
    assert [len(cells_of(data, number)) for number in (1, 2)] == [4, 3]
    assert data == written(tmp_path, book=book, cover=flights(), b=flights(2))
