"""What the files that jobs.yaml names are checked for, and where problems point."""

from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from pipeline.errors import Problem, ProjectErrors
from pipeline.jobs.check import check_project
from pipeline.jobs.load import Loaded, load
from pipeline.jobs.model import Job
from pipeline.jobs.reserved import COMPONENTS, CONTEXT, JINJA
from pipeline.jobs.sqltext import is_blank, placeholders
from pipeline.message.names import CONTEXT_NAMES

Load = Callable[..., Loaded]
ROOT = Path(__file__).parents[2]
TEXT = """\
defaults: {message: {preheader: "{{ x }}"}}
jobs:
  sales.weekly:
    data: sales.csv
    to: team@example.com
    exports: [{csv: sales, name: "{{ y }}.csv"}]
"""


def test_problems_of_templates_are_placed(load_text: Load, tmp_path: Path) -> None:
    def check(job: Job) -> Iterable[Problem]:
        yield Problem("", 0, 0, "no subject", f"jobs.{job.name}.message.subject")
        yield Problem("", 0, 0, "no x", f"jobs.{job.name}.message.preheader")
        yield Problem("", 0, 0, "no y", f"jobs.{job.name}.exports.0.name")
        yield Problem("templates/a.html", 3, 4, "no z")

    (tmp_path / "sales.csv").write_text("a\n1\n", encoding="utf-8")
    found = check_project(load_text(TEXT), check)
    assert [str(problem) for problem in found] == [
        "jobs.yaml:1:21: no subject",  # nobody wrote one: the mapping that would hold it
        "jobs.yaml:1:33: no x",  # where the default was written
        "jobs.yaml:6:34: no y",
        "templates/a.html:3:4: no z",
    ]


@pytest.mark.parametrize(
    ("job", "module", "expected"),
    [
        ("data: a.parquet", "pyarrow", '3:11: reading Parquet needs the "parquet" extra'),
        ("data: a.xlsx", "python_calamine", '3:11: reading Excel needs the "excel" extra'),
        ("data: {a: {excel: a.xlsx}}", "python_calamine", '3:23: reading Excel needs the "excel" extra'),
        ("data: {a: {sql: a.sql, source: f}}", "duckdb", '3:36: SQL over files needs the "duckdb" extra'),
        ("data: {a: {sql: a.sql, source: p}}", "psycopg", '3:36: PostgreSQL needs the "postgres" extra'),
        ("charts: {c: {bar: a, x: x, y: y}}", "vl_convert", '3:18: a bar chart needs the "charts" extra'),
        ("exports: parquet", "pyarrow", '3:14: writing Parquet needs the "parquet" extra'),
    ],
)
def test_missing_extras(load_text: Load, tmp_path: Path, job: str, module: str, expected: str) -> None:
    for name in ("a.parquet", "a.xlsx", "a.csv"):
        (tmp_path / name).touch()
    (tmp_path / "a.sql").write_text("select 1", encoding="utf-8")
    sources = "sources: {f: duckdb, p: postgresql://db/x}\n"
    data = "" if job.startswith("data") else "    data: a.csv\n"
    loaded = load_text(f"jobs:\n  a:\n    {job}\n{data}    to: a@example.com\n{sources}")
    assert check_project(loaded, installed=lambda _: True) == []
    (problem,) = check_project(loaded, installed=lambda name: name != module)
    assert str(problem).startswith(f"jobs.yaml:{expected}")


def test_symbolic_links_do_not_lead_out(
    load_text: Load, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    outside = tmp_path_factory.mktemp("outside") / "sales.csv"
    outside.write_text("a\n", encoding="utf-8")
    (tmp_path / "link.csv").symlink_to(outside)
    (tmp_path / "inside.csv").symlink_to("real.csv")
    (tmp_path / "real.csv").write_text("a\n", encoding="utf-8")
    (tmp_path / "circle.csv").symlink_to("circle.csv")
    load_text("jobs: {a: {data: inside.csv, to: a@example.com}}")
    for name in ("link.csv", "circle.csv"):
        with pytest.raises(ProjectErrors, match=f'^jobs.yaml:1:18: "{name}" '):
            load_text(f"jobs: {{a: {{data: {name}, to: a@example.com}}}}")


@pytest.mark.parametrize("folder", [".", "pipeline/cli/scaffold"])
def test_our_own_examples_are_right(folder: str) -> None:
    assert check_project(load(ROOT / folder, {}), installed=lambda _: True) == []


@pytest.mark.parametrize(
    ("sql", "names"),
    [
        ("where a = :a and b=:b2", ["a", "b2"]),
        ("select x::int, y::text", []),
        ("select ':a', \"b:c\", `:d`, 'it''s :e'", []),
        ("-- :a\nselect :b /* :c\n:d */ -- :e", ["b"]),
        ("select $$ :a $$, $tag$ :b $$ :c $tag$, :d", ["d"]),
        ("select '12:30', a[1:2], {'k':1}, t:name", []),
        ("in (:a,:b);", ["a", "b"]),
        ("select \\:a", []),
        ("select 'open :a", []),
    ],
)
def test_placeholders(sql: str, names: list[str]) -> None:
    assert [found.name for found in placeholders(sql)] == names


def test_places_of_placeholders() -> None:
    (found,) = placeholders("select 'ü'\n  , :a")
    assert (found.line, found.column, found.offset) == (2, 5, 15)


@pytest.mark.parametrize(
    ("sql", "blank"), [("", True), ("-- x\n/* y */ ;\n", True), ("select 1", False), ("'--'", False)]
)
def test_blank_sql(sql: str, blank: bool) -> None:
    assert is_blank(sql) is blank


def test_names_that_templates_use_are_refused_for_datasets() -> None:
    assert CONTEXT_NAMES <= CONTEXT | COMPONENTS | JINJA


def test_a_dkim_key_needs_its_package(load_text: Load) -> None:
    text = (
        'mailers: {r: {smtp: "smtps://m.example.com", dkim: {domain: example.com, selector: a, key: "${KEY}"}}}\n'
        "jobs: {a: {data: a.csv, to: b@example.com, from: a@example.com}}\n"
    )
    found = check_project(load_text(text, {"KEY": "x"}), installed=lambda name: name != "cryptography")
    assert 'jobs.yaml:1:52: DKIM signing needs the "dkim" extra: pip install "report-pipeline[dkim]"' in map(str, found)
