"""What analysts' files, SQL and functions become, and what they are told when it goes wrong."""

import json
import sqlite3
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.errors import SourceError
from pipeline.jobs.model import Dataset, ExcelData, FileData, PythonData, SqlData
from pipeline.report.model import Facts
from pipeline.report.sources import load_dataset

Put = Callable[[Mapping[str, Any]], None]
NEW_YORK = "datetime64[us, America/New_York]"


def load(
    source: Dataset,
    facts: Facts,
    earlier: Mapping[str, pd.DataFrame] | None = None,
    urls: Mapping[str, str] | None = None,
) -> pd.DataFrame:
    return load_dataset("it", source, facts, earlier or {}, urls or {"files": "duckdb"}).frame


def dtypes(frame: pd.DataFrame) -> dict[str, str]:
    return {str(name): str(dtype) for name, dtype in frame.dtypes.items()}


# --- files --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("values", "dtype", "first"),
    [
        (["1", "-2"], "int64", 1),
        (["1", ""], "Int64", 1),
        (["1.5", "2"], "float64", 1.5),
        (["1e3", ""], "float64", 1000.0),
        (["true", "False"], "bool", True),
        (["true", ""], "boolean", True),
        (["007", "8"], "str", "007"),
        (["9223372036854775808", "1"], "str", "9223372036854775808"),
        (["1,5", "2"], "str", "1,5"),
        (["1/2/2013", "2/2/2013"], "str", "1/2/2013"),
        (["2013-01-02", ""], "datetime64[us]", pd.Timestamp(2013, 1, 2)),
        (["2013-01-02 03:04", "2013-01-02T03:04:05.25"], "datetime64[us]", pd.Timestamp(2013, 1, 2, 3, 4)),
        (["2013-02-30", "2013-01-01"], "str", "2013-02-30"),
        (["2013-01-02T05:00:00Z", ""], NEW_YORK, pd.Timestamp(2013, 1, 2, tz="America/New_York")),
        (["2013-01-02T05:00:00+01:00", "2013-07-01 00:00-0400"], NEW_YORK, None),
        (["2013-01-02", "soon"], "str", "2013-01-02"),
        (["=1+1", "NA"], "str", "=1+1"),
    ],
)
def test_csv_columns(facts: Facts, put: Put, values: list[str], dtype: str, first: Any) -> None:
    put({"a.csv": "x,y\n" + "".join(f'"{value}",1\n' if value else ",1\n" for value in values)})
    frame = load(FileData(file="a.csv"), facts)
    assert dtypes(frame) == {"x": dtype, "y": "int64"}
    assert first is None or frame.x.iloc[0] == first


def test_parquet_keeps_integers_with_gaps_and_long_decimals(facts: Facts, root: Path) -> None:
    table = pa.table(
        {
            "i": pa.array([1, None], pa.int64()),
            "b": pa.array([True, None]),
            "d": pa.array([date(2013, 1, 1), None]),
            "z": pa.array([datetime(2013, 1, 1, 5, tzinfo=UTC), None], pa.timestamp("us", "UTC")),
            "m": pa.array([Decimal("1.10"), None]),
            "s": pa.array(["a", None]),
        }
    )
    pq.write_table(table, root / "a.parquet")
    frame = load(FileData(file="a.parquet"), facts)
    kinds = {"i": "Int64", "b": "boolean", "d": "datetime64[us]", "z": NEW_YORK, "m": "object", "s": "str"}
    assert dtypes(frame) == kinds | {"d": str(frame.d.dtype)}
    assert frame.d.iloc[0] == pd.Timestamp(2013, 1, 1)
    assert frame.m.iloc[0] == Decimal("1.10")
    assert frame.z.iloc[0].isoformat() == "2013-01-01T00:00:00-05:00"


def test_json_and_json_lines(facts: Facts, put: Put) -> None:
    records = [{"n": 1, "big": 2**60, "t": "2013-01-01T10:00:00", "s": "7"}, {"n": None, "big": 1, "x": True}]
    put({"a.json": json.dumps(records), "a.jsonl": "\n".join(map(json.dumps, records))})
    frame = load(FileData(file="a.json"), facts)
    assert dtypes(frame) == {"n": "Int64", "big": "int64", "t": "datetime64[us]", "s": "str", "x": "boolean"}
    assert frame.big.iloc[0] == 2**60
    pd.testing.assert_frame_equal(frame, load(FileData(file="a.jsonl"), facts))


def test_excel_sheets_by_name_number_and_year(facts: Facts, root: Path) -> None:
    with pd.ExcelWriter(root / "plan.xlsx", engine="xlsxwriter") as book:
        pd.DataFrame({"n": [1, None], "s": ["a", "b"]}).to_excel(book, sheet_name="first", index=False)
        pd.DataFrame({"n": [2026]}).to_excel(book, sheet_name="2026", index=False)
    assert dtypes(load(ExcelData(excel="plan.xlsx"), facts)) == {"n": "Int64", "s": "str"}
    assert load(ExcelData(excel="plan.xlsx", sheet=2026), facts).n.tolist() == [2026]
    assert load(FileData(file="plan.xlsx", columns=("s",)), facts).s.tolist() == ["a", "b"]
    with pytest.raises(SourceError, match=r'"it".*no sheet "frist"; did you mean "first"\?; it has "first", "2026"'):
        load(ExcelData(excel="plan.xlsx", sheet="frist"), facts)


@pytest.mark.parametrize(
    ("files", "source", "message"),
    [
        ({"sales.csv": "a\n1\n"}, FileData(file="sale.csv"), 'no such file .*; did you mean "sales.csv"'),
        (
            {"a.csv": "a,b\n1,2\n"},
            FileData(file="a.csv", columns=("aa",)),
            'no column "aa"; did you mean "a"',
        ),
        ({"a.csv": b"a\n\xff\n"}, FileData(file="a.csv"), "not UTF-8"),
        ({"a.csv": "a,b\n1,2\n1,2,3\n"}, FileData(file="a.csv"), "cannot be read as CSV"),
        ({"a.csv": ""}, FileData(file="a.csv"), "cannot be read as CSV"),
        ({"a.json": "{"}, FileData(file="a.json"), "not JSON"),
        ({"a.json": "{}"}, FileData(file="a.json"), "list of objects"),
        ({"a.jsonl": "{}\n{"}, FileData(file="a.jsonl"), r"a\.jsonl:2: not JSON"),
        ({"a.parquet": b"no"}, FileData(file="a.parquet"), "cannot be read as Parquet"),
        ({"a.xlsx": b"no"}, FileData(file="a.xlsx"), "not a workbook"),
        ({"a.txt": "no"}, FileData(file="a.txt"), "unknown kind of file"),
        ({}, FileData(file="../secret.csv"), "leads out of the project"),
    ],
)
def test_files_that_cannot_be_read(facts: Facts, put: Put, files: Any, source: Dataset, message: str) -> None:
    put(files)
    with pytest.raises(SourceError, match=rf'(?s)^dataset "it": .*{message}'):
        load(source, facts)


def test_links_do_not_lead_out_of_the_project(facts: Facts, root: Path, tmp_path: Path) -> None:
    (tmp_path / "secret.csv").write_text("a\n1\n")
    (root / "link.csv").symlink_to(tmp_path / "secret.csv")
    with pytest.raises(SourceError, match="leads out of the project"):
        load(FileData(file="link.csv"), facts)


def test_inputs_are_recorded(facts: Facts, put: Put) -> None:
    put({"data/a.csv": "a\n1\n"})
    (found,) = load_dataset("it", FileData(file="data/a.csv"), facts, {}, {}).inputs
    assert (found.path, found.size, len(found.sha256)) == ("data/a.csv", 4, 64)


# --- SQL ----------------------------------------------------------------------------------------------------


def test_duckdb_reads_files_and_earlier_datasets(facts: Facts, put: Put) -> None:
    put(
        {
            "data/a.csv": "k,t\n1,2013-01-01 23:59:59\n2,2013-01-02 00:00:00\n3,2013-01-03 00:00:00\n",
            "q.sql": "select e.name, sum(k) total, avg(k) mean, :name as said\n"
            "from 'data/a.csv' join earlier e using (k)\n"
            "where t >= :start and t < :end -- :nothing\n and 'a:b'::varchar <> ':end' group by all;",
        }
    )
    earlier = {"earlier": pd.DataFrame({"k": [1, 2, 3], "name": ["x", "y", "z"]})}
    frame = load(SqlData(sql="q.sql", source="files"), facts, earlier)
    assert frame.to_dict("records") == [{"name": "y", "total": 2, "mean": 2.0, "said": "O'Hare; --"}]
    assert dtypes(frame) == {"name": "str", "total": "int64", "mean": "float64", "said": "str"}


def test_duckdb_compares_wall_clock_parameters_with_instants_in_the_jobs_zone(facts: Facts, put: Put) -> None:
    put({"q.sql": "select timestamptz '2013-01-02 05:00:00+00' = :start same, :start_utc u, :due d, :due_utc du"})
    (row,) = load(SqlData(sql="q.sql", source="files"), facts).to_dict("records")
    assert row["same"] is True
    assert [str(row[name]) for name in ("u", "d", "du")] == [
        "2013-01-02 05:00:00", "2013-01-03 06:30:00", "2013-01-03 11:30:00",
    ]  # fmt: skip


def test_duckdb_dtypes(facts: Facts, put: Put) -> None:
    put(
        {
            "q.sql": "select 1::int i, null::int n, 1.5::decimal(9,2) d, date '2013-01-02' as day_, "
            "now() z, true b, "
            "'x' s, interval 90 minutes as span, time '10:00' clock"
        }
    )
    found = dtypes(load(SqlData(sql="q.sql", source="files"), facts))
    assert {k: found[k] for k in "indzbs"} == {
        "i": "int32", "n": "Int32", "d": "float64", "z": NEW_YORK, "b": "bool", "s": "str",
    }  # fmt: skip
    assert found["day_"].startswith("datetime64")


@pytest.mark.parametrize(
    ("sql", "message"),
    [
        ("select * from '{outside}'", "only files inside the project"),
        ("select * from '../secret.csv'", "only files inside the project"),
        ("select * from 'link.csv'", "only files inside the project"),
        ("select * from read_text('/etc/hostname')", "only files inside the project"),
        ("select * from 'http://127.0.0.1:9/x.csv'", "only files inside the project"),
        ("copy (select 1) to 'out.csv'", "one SELECT"),
        ("set enable_external_access = true", "one SELECT"),
        ("attach 'x.db'", "one SELECT"),
        ("install httpfs", "one SELECT"),
        ("select 1; select 2", "one SELECT"),
        ("select * from facts", "facts does not exist"),
        ("select :strat", r'q\.sql:1: nothing is bound to ":strat"; did you mean "start"\?'),
        ("selec 1", "(?i)syntax error"),
        ("select 1 a, 2 a", 'column "a" occurs twice'),
    ],
)
def test_duckdb_refuses(facts: Facts, put: Put, root: Path, tmp_path: Path, sql: str, message: str) -> None:
    (tmp_path / "secret.csv").write_text("a\n1\n")
    (root / "link.csv").symlink_to(tmp_path / "secret.csv")
    put({"q.sql": sql.format(outside=tmp_path / "secret.csv")})
    with pytest.raises(SourceError, match=message):
        load(SqlData(sql="q.sql", source="files"), facts)
    assert not (root / "out.csv").exists()


def test_sqlite(facts: Facts, put: Put, root: Path) -> None:
    url = f"sqlite:///{root / 'a.db'}"
    with sqlite3.connect(root / "a.db") as database:
        database.execute("create table f (t text, n integer, x real)")
        rows = [
            ("2013-01-01 23:59:59", 1, 1.5),
            ("2013-01-02 00:00:00", None, 2),
            ("2013-01-03 00:00:00", 3, 3),
        ]
        database.executemany("insert into f values (?, ?, ?)", rows)
    put({"q.sql": "select n, x, ':start' s from f where t >= :start and t < :end /* :x */ and x < :threshold"})
    frame = load(SqlData(sql="q.sql", source="db"), facts, urls={"db": url})
    assert frame.x.tolist() == [2.0]
    assert frame.s.tolist() == [":start"]
    put({"q.sql": "delete from f"})
    with pytest.raises(SourceError, match=r"q\.sql on db: .*readonly"):
        load(SqlData(sql="q.sql", source="db"), facts, urls={"db": url})


def test_a_url_with_a_password_is_never_told(facts: Facts, put: Put) -> None:
    put({"q.sql": "select 1"})
    for url in (
        "postgresql+psycopg://me:canary-secret@127.0.0.1:9/x",
        "no canary-secret url",
        "nosuch://canary-secret",
    ):
        with pytest.raises(SourceError) as told:
            load(SqlData(sql="q.sql", source="db"), facts, urls={"db": url})
        assert "canary" not in str(told.value)


# --- Python -------------------------------------------------------------------------------------------------


def test_a_function_gets_what_it_asks_for_and_cannot_change_others_data(facts: Facts, put: Put) -> None:
    put(
        {
            "reports_a/rank.py": "from reports_a.common import double\n"
            "def ranking(sales, *, params, period, due, extra=5):\n"
            "    sales['n'] = double(sales.n) + params['threshold'] + extra\n"
            "    return sales.groupby('k').sum()\n",
            "reports_a/common.py": "def double(x): return x * 2\n",
        }
    )
    sales = pd.DataFrame({"k": ["b", "b", "a"], "n": [1, 2, 3]})
    frame = load(PythonData(python="reports_a.rank:ranking"), facts, {"sales": sales})
    assert frame.to_dict("list") == {"k": ["a", "b"], "n": [26, 46]}
    assert sales.n.tolist() == [1, 2, 3]


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("def f(sale): return sale", 'nothing to pass as "sale"; did you mean "sales"'),
        ("def f(): return 7", "must return a DataFrame, returned int"),
        ("def f(sales): return sales.n", r"returned Series; call .to_frame\(\)"),
        ("def f(): raise SystemExit(3)", "SystemExit: 3"),
        ("def f(): return 1 +", r"SyntaxError: .* at bad\w+\.py:1"),
        ("import nosuchmodule", "No module named 'nosuchmodule'"),
        ("def g(): pass", r"bad\w+\.py has no function f"),
        (
            "def f(sales):\n    return g(sales)\ndef g(sales):\n    return sales['mean']",
            (
                r"(?s)KeyError: 'mean' at bad\w+\.py:4 in g: return sales\['mean'\]\n"
                r".*called from bad\w+\.py:2 in f"
            ),
        ),
        (
            (
                "import pathlib\ndef f():\n    x = pathlib.Path(__file__).parent / '.venv/lib/site-packages/x.py'\n"
                "    exec(compile('1/0', str(x), 'exec'))"
            ),
            r"ZeroDivisionError: division by zero at bad\w+\.py:4 in f: exec[^\n]*$",
        ),
        (
            (
                "import os, pathlib\ndef f():\n    x = os.path.relpath(pathlib.Path(__file__).parent / 'error.pxi')\n"
                "    exec(compile('1/0', x, 'exec'))"
            ),
            r"ZeroDivisionError: division by zero at bad\w+\.py:4 in f: exec[^\n]*$",
        ),
        (
            "import pandas as pd\ndef f():\n    return pd.DataFrame([[1, 2]], columns=['a', 'a'])",
            'column "a" occurs twice',
        ),
    ],
)
def test_functions_that_fail(facts: Facts, put: Put, request: Any, body: str, message: str) -> None:
    module = f"bad{abs(hash(request.node.name))}"
    put({f"{module}.py": body})
    with pytest.raises(SourceError, match=message) as told:
        load(PythonData(python=f"{module}:f"), facts, {"sales": pd.DataFrame({"n": [1]})})
    assert "functions.py" not in str(told.value)
    assert "site-packages" not in str(told.value)


def test_modules_that_are_not_the_projects(facts: Facts) -> None:
    with pytest.raises(SourceError, match="installed module"):
        load(PythonData(python="json:loads"), facts)
    with pytest.raises(SourceError, match=r"there is no reports/absent\.py in"):
        load(PythonData(python="reports.absent:f"), facts)
