"""Independent readers agree cell by cell with what was written; what no file holds is refused by name."""

import csv
import io
import json
import math
import zipfile
from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

import hypothesis.extra.pandas as pdst
import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from python_calamine import CalamineWorkbook

from pipeline.errors import ExportError
from pipeline.jobs.model import Export
from pipeline.report import exports
from pipeline.report.artifacts import ArtifactStore
from pipeline.report.exports import names
from pipeline.report.exports.book import Book

Kind = Any
at = datetime.fromisoformat


def write(store: ArtifactStore, kind: Kind, *, totals: bool = False, zip_it: bool = False, **data: Any) -> bytes:
    export = Export(kind=kind, data=tuple(data), totals=totals, zip=zip_it)
    name = exports.filename(export, "job", str)
    return store.read(exports.build(export, data, name, store, Book(totals=totals)).artifact.sha256)


def sheet(data: bytes, number: int = 0) -> list[list[Any]]:
    return CalamineWorkbook.from_filelike(io.BytesIO(data)).get_sheet_by_index(number).to_python()


def column(store: ArtifactStore, values: Any, **options: Any) -> list[Any]:
    """Header and cells of a column, as calamine reads them from a workbook beside a column that fills its rows."""
    frame = pd.DataFrame({"rows": range(len(values)), "x": values})
    return [row[1] for row in sheet(write(store, "xlsx", d=frame, **options))]


# --- workbooks ----------------------------------------------------------------------------------------------

AWKWARD = [
    "=1+1", "+1", "-1", "@SUM(A1)", "http://x", "mailto:a@b", "<r>x</r>", "_x0041_", "007", " a ", "a\nb", "é€😀",
]  # fmt: skip


@pytest.mark.parametrize(
    ("values", "cells"),
    [
        ([1, -2], [1, -2]),
        (pd.array([1, None], dtype="Int64"), [1, ""]),
        (pd.array([255, 0], dtype="uint8"), [255, 0]),
        (pd.array([1, None], dtype="int64[pyarrow]"), [1, ""]),
        ([0.1 + 0.2, math.nan], [0.1 + 0.2, ""]),
        ([math.inf, -math.inf], ["inf", "-inf"]),
        (np.array([1.5, 2], dtype="float32"), [1.5, 2]),
        (pd.array([1.5, None], dtype="Float64"), [1.5, ""]),
        ([True, False], [True, False]),
        (pd.array([True, None], dtype="boolean"), [True, ""]),
        ([Decimal("1.10"), None], [1.1, ""]),
        ([Decimal("1234567890123456.78"), Decimal(1)], ["1234567890123456.78", "1"]),
        ([2**53 + 1, 1], [str(2**53 + 1), "1"]),
        (pd.Series([2**70, 1], dtype=object), [str(2**70), "1"]),
        ([999_999_999_999_999, 1], [999_999_999_999_999, 1]),
        (pd.Categorical(["a", None]), ["a", ""]),
        (pd.Categorical([3, 1]), [3, 1]),
        (pd.to_timedelta(["26:03:04", None]), [timedelta(hours=26, minutes=3, seconds=4), ""]),
        (pd.to_timedelta(["-1:00:00", "0:00:01"]), ["-1:00:00", "0:00:01"]),
        ([date(2013, 1, 2), None], [date(2013, 1, 2), ""]),
        ([date(1900, 2, 28), date(2013, 1, 2)], ["1900-02-28", "2013-01-02"]),
        ([at("2013-01-02T03:04:05"), None], [at("2013-01-02T03:04:05"), ""]),
        (pd.to_datetime(["2013-01-02", None]), [date(2013, 1, 2), ""]),
        ([time(1, 2, 3), None], [time(1, 2, 3), ""]),
        (pd.period_range("2013-01", periods=2, freq="M"), ["2013-01", "2013-02"]),
        (pd.Series([1, "a"], dtype=object), [1, "a"]),
        (pd.Series([True, Decimal("2.5")], dtype=object), [True, 2.5]),
        (AWKWARD, AWKWARD),
        ([None, None], ["", ""]),
    ],
)  # fmt: skip
def test_each_dtype_in_a_workbook(store: ArtifactStore, values: Any, cells: list[Any]) -> None:
    header, *found = column(store, values)
    assert header == "X"
    # calamine leaves out trailing empty columns and reads whole numbers as floats; neither is a difference.
    assert [(type(b) is str, b) for b in found] == [(type(a) is str, a) for a in cells]


def test_zoned_times_are_wall_clock_times_and_say_which(store: ArtifactStore) -> None:
    values = pd.to_datetime(["2013-01-02 05:00", "2013-07-02 05:30"], utc=True).tz_convert("America/New_York")
    assert column(store, values) == [
        "X (America/New_York)", date(2013, 1, 2), at("2013-07-02T01:30"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ([[1], [2]], 'column "x" of d holds a value of type list'),
        ([{}, None], "of type dict"),
        ([b"a", b"b"], "of type bytes"),
        ([1j, 2j], "dtype complex128"),
        ([object(), 1], "of type object"),
        (["a" * 32_768, "b"], 'column "x" of d, row 1: a text of 32,768 characters; Excel takes 32,767'),
        (pd.Series(["\ud800", "b"], dtype=object), "half a surrogate pair"),
    ],
)
@pytest.mark.parametrize("kind", ["xlsx"])
def test_what_no_workbook_holds_is_refused_by_name(store: ArtifactStore, kind: Kind, values: Any, message: str) -> None:
    with pytest.raises(ExportError, match=rf"job\.xlsx: .*{message}"):
        write(store, kind, d=pd.DataFrame({"x": values}))


def test_too_large_for_a_sheet(store: ArtifactStore) -> None:
    with pytest.raises(ExportError, match=r"1,048,577 rows .* export it as csv or parquet"):
        write(store, "xlsx", d=pd.DataFrame({"x": np.zeros(1_048_576, dtype="int8")}))
    with pytest.raises(ExportError, match="16,385 columns"):
        write(store, "xlsx", d=pd.DataFrame(np.zeros((1, 16_385))))


_CELLS = {
    "i": st.integers(-(10**15) + 1, 10**15 - 1),
    "f": st.floats(allow_nan=False, allow_infinity=False, width=64),
    "s": st.text(st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="\ufffe\uffff"), max_size=20),
    "t": st.datetimes(at("1900-03-02"), at("2200-01-01")).map(lambda t: t.replace(microsecond=0)),
    "b": st.booleans(),
}


@settings(max_examples=40, deadline=None)
@given(
    frame=pdst.data_frames(
        [pdst.column(name, elements=cells, dtype=object) for name, cells in _CELLS.items()],
        index=pdst.range_indexes(min_size=1, max_size=12),
    )
)
def test_any_frame_comes_back(tmp_path_factory: pytest.TempPathFactory, frame: pd.DataFrame) -> None:
    store = ArtifactStore(tmp_path_factory.mktemp("store"))
    head, *rows = sheet(write(store, "xlsx", d=frame))
    assert head == list("IFSTB")
    for row, values in zip(rows, frame.itertuples(index=False), strict=True):
        i, f, s, t, b = row
        moment = t if isinstance(t, datetime) else at(t.isoformat())
        assert (i, f, s, b) == (values.i, values.f, values.s, values.b)
        assert moment == values.t


def test_totals_and_the_header_that_stays(store: ArtifactStore) -> None:
    frame = pd.DataFrame({"k": ["a", "b"], "n": [1, 2], "x": [0.5, None], "d": pd.to_timedelta(["1h", "2h"])})
    data = write(store, "xlsx", totals=True, d=frame)
    assert sheet(data)[-1] == ["Total", 3, 0.5, timedelta(hours=3)]
    xml = zipfile.ZipFile(io.BytesIO(data)).read("xl/worksheets/sheet1.xml").decode()
    assert "<f>SUBTOTAL(109,d[N])</f><v>3</v>" in xml
    assert 'state="frozen"' in xml
    assert xml.count("<f>") == 3


def test_sheets(store: ArtifactStore) -> None:
    one = pd.DataFrame({"x": [1]})
    data = write(store, "xlsx", a=one, b=pd.DataFrame({"y": ["z"]}))
    assert CalamineWorkbook.from_filelike(io.BytesIO(data)).sheet_names == ["a", "b"]
    assert sheet(data, 1) == [["Y"], ["z"]]


@pytest.mark.parametrize(
    ("datasets", "titles"),
    [
        (["a", "A"], ["a", "A~2"]),
        (["x" * 40, "x" * 41], ["x" * 31, "x" * 29 + "~2"]),
        (["a/b[c]:*?\\", "'q'"], ["a_b_c_____", "q"]),
        (["history", ""], ["history_", "_"]),
    ],
)
def test_sheet_titles(datasets: list[str], titles: list[str]) -> None:
    assert names.sheet_titles(datasets) == titles


def test_empty_frames(store: ArtifactStore) -> None:
    frame = pd.DataFrame({"x": pd.Series([], dtype="int64"), "s": pd.Series([], dtype="str")})
    assert sheet(write(store, "xlsx", totals=True, d=frame)) == [["X", "S"]]
    assert write(store, "csv", d=frame) == b"\xef\xbb\xbfx,s\r\n"
    assert json.loads(write(store, "json", d=frame)) == []
    assert pq.read_table(io.BytesIO(write(store, "parquet", d=frame))).num_rows == 0


# --- the others ---------------------------------------------------------------------------------------------


def all_kinds() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "i": pd.array([1, None], dtype="Int64"),
            "f": [0.1 + 0.2, math.nan],
            "b": pd.array([True, None], dtype="boolean"),
            "s": ["=1+1", None],
            "day": pd.to_datetime(["2013-01-02", None]),
            "t": pd.to_datetime(["2013-01-02 03:04:05", None]),
            "z": pd.to_datetime(["2013-01-02 05:00", None], utc=True).tz_convert("America/New_York"),
            "m": [Decimal("1.10"), None],
            "d": pd.to_timedelta(["26:03:04", None]),
            "c": pd.Categorical(["=x", None]),
            "big": [2**60, 1],
        }
    )


def test_csv(store: ArtifactStore) -> None:
    data = write(store, "csv", d=all_kinds())
    assert data.startswith(b"\xef\xbb\xbf")
    assert data.count(b"\r\n") == 3
    assert data.count(b"\n") == 3
    header, first, second = csv.reader(io.StringIO(data.decode("utf-8-sig"), newline=""))
    assert header == list(all_kinds().columns)
    assert first == [
        "1", "0.30000000000000004", "True", "'=1+1", "2013-01-02", "2013-01-02 03:04:05",
        "2013-01-02 00:00:00-05:00", "1.10", "26:03:04", "'=x", str(2**60),
    ]  # fmt: skip
    assert second == [""] * 10 + ["1"]


@pytest.mark.parametrize("text", ["=a", "+a", "-a", "@a", "\ta", "\ra"])
def test_csv_formulas_are_dead_in_cells_and_headers(store: ArtifactStore, text: str) -> None:
    data = write(store, "csv", d=pd.DataFrame({text: [text, "a" + text], "n": [-1, -2]})).decode("utf-8-sig")
    rows = list(csv.reader(io.StringIO(data, newline="")))
    assert rows == [["'" + text, "n"], ["'" + text, "-1"], ["a" + text, "-2"]]


@given(texts=st.lists(st.text(st.characters(exclude_categories=["Cs"]), min_size=1), min_size=1, max_size=8))
def test_csv_texts_come_back(tmp_path_factory: pytest.TempPathFactory, texts: list[str]) -> None:
    store = ArtifactStore(tmp_path_factory.mktemp("store"))
    data = write(store, "csv", d=pd.DataFrame({"s": texts, "n": 1})).decode("utf-8-sig")
    found = [row[0] for row in csv.reader(io.StringIO(data, newline=""))][1:]
    assert [
        f.removeprefix("'") if t[:1] in tuple("=+-@\t\r") else f for f, t in zip(found, texts, strict=True)
    ] == texts


def test_json(store: ArtifactStore) -> None:
    first, second = json.loads(write(store, "json", d=all_kinds()))
    assert first == {
        "i": 1, "f": 0.1 + 0.2, "b": True, "s": "=1+1", "day": "2013-01-02", "t": "2013-01-02T03:04:05",
        "z": "2013-01-02T00:00:00-05:00", "m": "1.10", "d": "P1DT2H3M4S", "c": "=x", "big": 2**60,
    }  # fmt: skip
    assert second == dict.fromkeys(first) | {"big": 1}
    with pytest.raises(ExportError, match=r'd\.json: column "x" holds infinity'):
        write(store, "json", d=pd.DataFrame({"x": [math.inf]}))


def test_parquet_keeps_the_frame(store: ArtifactStore) -> None:
    frame = all_kinds().assign(lists=[[1], [2, 3]])
    table = pq.read_table(io.BytesIO(write(store, "parquet", d=frame)))
    found = table.to_pandas()
    pd.testing.assert_frame_equal(found.drop(columns="lists"), frame.drop(columns="lists"))
    assert [list(value) for value in found.lists] == [[1], [2, 3]]
    with pytest.raises(ExportError, match=r'd\.parquet: column "x" of d cannot be written to Parquet'):
        write(store, "parquet", d=pd.DataFrame({"x": [1, "a"]}))


@pytest.mark.parametrize("kind", ["csv", "xlsx", "parquet", "json"])
@pytest.mark.parametrize("zip_it", [False, True])
def test_the_same_data_gives_the_same_bytes(store: ArtifactStore, kind: Kind, zip_it: bool) -> None:
    first = write(store, kind, d=all_kinds(), zip_it=zip_it)
    assert first == write(store, kind, d=all_kinds(), zip_it=zip_it)
    if zip_it:
        with zipfile.ZipFile(io.BytesIO(first)) as archive:
            assert archive.namelist() == [f"{'job' if kind == 'xlsx' else 'd'}.{kind}"]
            assert archive.read(archive.namelist()[0]) == write(store, kind, d=all_kinds())
            assert archive.infolist()[0].date_time == (1980, 1, 1, 0, 0, 0)


def test_a_workbook_does_not_tell_when_it_was_made(store: ArtifactStore) -> None:
    with zipfile.ZipFile(io.BytesIO(write(store, "xlsx", d=all_kinds()))) as book:
        assert book.read("docProps/core.xml").count(b"2000-01-01T00:00:00Z") == 2
        assert {entry.date_time for entry in book.infolist()} == {(1980, 1, 1, 0, 0, 0)}


# --- names --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "zip_it", "name"),
    [
        ("a", False, "a.csv"),
        ("a.csv", False, "a.csv"),
        ("a.CSV", True, "a.csv.zip"),
        ("a.zip", True, "a.csv.zip"),
        ("a.csv.zip", True, "a.csv.zip"),
        ("a.zip", False, "a.zip.csv"),
        ("../../etc/passwd", False, "_.._etc_passwd.csv"),
        ("c:\\x", False, "c__x.csv"),
        ("a\r\nBcc: x", False, "a  Bcc_ x.csv"),
        ("exe\u202efdp", False, "exefdp.csv"),
        ("CON", False, "_CON.csv"),
        ("nul.txt", False, "_nul.txt.csv"),
        ("Verspätung Köln", False, "Verspätung Köln.csv"),
        (" .a. ", False, "a.csv"),
        ("x" * 300, False, "x" * 120 + ".csv"),
    ],
)
def test_file_names(given: str, zip_it: bool, name: str) -> None:
    assert names.finished(given, ".csv", zip_it=zip_it) == name


@pytest.mark.parametrize("given", ["", "..", "/", "\u202e", ".csv"])
def test_names_of_nothing(given: str) -> None:
    with pytest.raises(ExportError, match="leaves nothing to call a file"):
        names.finished(given, ".csv", zip_it=False)


@given(text=st.text())
def test_any_name_is_safe_or_refused(text: str) -> None:
    try:
        name = names.finished(text, ".csv", zip_it=False)
    except ExportError:
        return
    assert name.endswith(".csv")
    assert len(name.encode()) <= 4 * 120 + 4
    assert not set(name) & set('/\\<>:"|?*\r\n\t\0')
    assert name == names.finished(name, ".csv", zip_it=False)


def test_two_files_of_one_name() -> None:
    with pytest.raises(ExportError, match=r'two files of this mail are called "A\.csv"'):
        names.refuse_twins(["a.csv", "b.csv", "A.csv"])


def test_names_by_default_and_by_template() -> None:
    shout: Callable[[str], str] = str.upper
    assert exports.filename(Export(kind="csv", data=("d",)), "job", shout) == "d.csv"
    assert exports.filename(Export(kind="xlsx", data=("d", "e")), "job", shout) == "job.xlsx"
    assert exports.filename(Export(kind="csv", data=("d",), name="n-x"), "job", shout) == "N-X.csv"
