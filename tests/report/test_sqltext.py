"""Where a colon is a parameter and where it is not; and that nothing else of the text changes."""

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.dialects import sqlite

from pipeline.report.sqltext import parse


@pytest.mark.parametrize(
    ("sql", "names"),
    [
        ("select :start", ["start"]),
        ("where t >= :start and t < :end or :start", ["start", "end", "start"]),
        ("select x::date, :a::int", ["a"]),
        ("select ':no', 'it''s :no', :yes", ["yes"]),
        (r"select E'it\'s :no', :yes", ["yes"]),
        (r"select '\', :yes", ["yes"]),
        ('select ":no", `:no`, :yes', ["yes"]),
        ("select 1 -- :no\n, :yes", ["yes"]),
        ("select /* :no */ :yes", ["yes"]),
        ("select /* a /* b */ :no */ :yes", ["yes"]),
        ("select $$ :no $$, $tag$ :no $$ :no $tag$, :yes", ["yes"]),
        ("select $1, :yes", ["yes"]),
        ("select a[1:2], '12:30', x[a:b]", []),
        ("select f(n := 1), {'a': 1}", []),
        ("select '12:30'::time, time '10:00' + :delta", ["delta"]),
        ("select :_a1, :naïve", ["_a1", "naïve"]),
        ("select 'unfinished :no", []),
        ("select /* unfinished :no", []),
    ],
)
def test_parameters(sql: str, names: list[str]) -> None:
    assert [param.name for param in parse(sql).params] == names


def test_comments_nest_only_where_the_database_nests_them() -> None:
    sql = "/* /* */ :a /* */"
    assert [p.name for p in parse(sql, nested_comments=False).params] == ["a"]
    assert parse(sql).params == ()


def test_lines() -> None:
    assert [(p.name, p.line) for p in parse("select\n:a,\n'\n',:b").params] == [("a", 2), ("b", 4)]


def test_for_duckdb() -> None:
    assert parse("select x::date, ':x', :a, :b").for_duckdb() == "select x::date, ':x', $a, $b"


_PIECES = st.sampled_from(
    [":a", "::", ":", "'", '"', "--", "\n", "/*", "*/", "$$", "$t$", "\\", "x", " ", "e'", "1", "`"]
)


@given(pieces=st.lists(_PIECES, max_size=15))
def test_the_text_is_kept(pieces: list[str]) -> None:
    sql = "".join(pieces)
    assert parse(sql).render(lambda name: f":{name}") == sql


@given(pieces=st.lists(_PIECES, max_size=15))
def test_sqlalchemy_reads_what_was_written_and_binds_what_we_found(pieces: list[str]) -> None:
    sql = "".join(pieces)
    statement = parse(sql)
    compiled = sa.text(statement.for_sqlalchemy()).compile(dialect=sqlite.dialect(paramstyle="named"))
    assert str(compiled) == sql
    assert set(compiled.params) == {param.name for param in statement.params}
