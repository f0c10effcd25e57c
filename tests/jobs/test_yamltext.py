"""Plain scalars hold no surprises, and no text breaks the parser."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import Problem, ProjectErrors
from pipeline.jobs.tree import plain
from pipeline.jobs.yamltext import parse_yaml, scalar


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("true", True), ("False", False), ("null", None), ("~", None), ("", None),
        ("0", 0), ("-17", -17), ("1.5", 1.5), ("1e3", 1000.0), ("-0.5E-2", -0.005),
        ("no", "no"), ("on", "on"), ("yes", "yes"), ("Off", "Off"), ("y", "y"),
        ("012", "012"), ("0x1f", "0x1f"), ("0o17", "0o17"), ("1_000", "1_000"),
        ("+5", "+5"), ("1.", "1."), (".5", ".5"),
        ("2026-01-01", "2026-01-01"), ("07:30", "07:30"), ("1:30:00", "1:30:00"),
        (".inf", ".inf"), (".nan", ".nan"),
        ("1e999", "1e999"), ("9" * 30, int("9" * 30)), ("=", "="), ("٣", "٣"),
    ],
)  # fmt: skip
def test_scalar(text: str, value: object) -> None:
    found = scalar(text)
    assert found == value
    assert type(found) is type(value)


def test_quoted_scalars_are_text() -> None:
    assert plain(parse_yaml("a: \"1\"\nb: 'true'\nc: |\n  5\nd: ''\n", "x")) == {
        "a": "1", "b": "true", "c": "5\n", "d": "",
    }  # fmt: skip


def test_places_count_from_one_and_follow_merges() -> None:
    root = parse_yaml("a: &x {b: 1}\nc:\n  <<: *x\n  d: 2\n", "x")
    assert root.get("c", "b") == root.get("a", "b")
    assert root.mapping["c"].key_place("b") == (1, 8)
    assert root.mapping["c"].key_place("d") == (4, 3)
    assert root.mapping["c"].mapping["d"].path == ("c", "d")


@pytest.mark.parametrize(
    "text",
    [
        "a: " + "[" * 100_000 + "]" * 100_000,
        "- " * 100_000 + "x",
        "? " * 100_000 + "x",
        "a: " + "{a: " * 5000,
        "\n".join(" " * depth + "a:" for depth in range(1500)),
        "a: &a [*a]",
        "a: &a\n  b: &b {c: *a}\n",
    ],
    ids=["flow", "sequences", "keys", "open", "blocks", "self", "grandparent"],
)
def test_what_would_overflow_is_refused(text: str) -> None:
    with pytest.raises(ProjectErrors, match=r"nested deeper|alias to itself"):
        parse_yaml(text, "x")


def problems_of(text: str) -> tuple[Problem, ...]:
    try:
        parse_yaml(text, "x")
    except ProjectErrors as errors:
        return errors.problems
    return ()


@given(st.text(alphabet="ab:-[]{}&*!|>'\"#%@`, \n\t?~<=1.\\", max_size=60))
def test_every_text_is_read_or_refused_with_a_place(text: str) -> None:
    for problem in problems_of(text):
        assert 1 <= problem.line <= text.count("\n") + 2
        assert problem.column >= 1
        assert problem.message
