"""The gate's language: what it says of good and wrong numbers, and that nothing else can be said in it."""

import ast
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import GateError
from pipeline.gate.telling import why_not
from pipeline.gate.values import NotKnownError, Values, plain
from pipeline.jobs.expressions import FUNCTIONS, METHODS, PROPERTIES, check_names, parse, remembered

DELAYS = pd.DataFrame(
    {
        "carrier": ["AA", "UA", None],
        "mean_delay": [1.5, None, 30.0],
        "late": [True, False, True],
        "day": pd.to_datetime(["2013-01-01", "2013-01-02", "2013-01-03"]),
    }
)
NAMES = {
    "delays": DELAYS,
    "threshold": 15,
    "params": {"threshold": 15},
    "period": {"start": datetime(2013, 1, 1, tzinfo=UTC), "label": "January 2013"},
}
LAST = {"delays.mean_delay.max()": 20.0, "len(delays)": 3}


def truth(text: str, last: dict[str, Any] | None = None) -> bool:
    return Values(NAMES, LAST if last is None else last).truth(parse(text))


@pytest.mark.parametrize(
    "text",
    [
        "len(delays) > 0",
        "delays.mean_delay.max() > threshold",
        "delays.mean_delay.max() > 1.2 * last.delays.mean_delay.max()",
        "len(delays) >= len(last.delays)",
        "0 < len(delays) <= 3 and not delays.empty",
        "delays.late.any() or len(delays) > 99",
        "delays['carrier'].isin(['AA', 'UA', None]).all()",
        "delays[delays.mean_delay > 2].carrier.isna().all()",
        "((delays.mean_delay > 0) | delays.mean_delay.isna()).all()",
        "'AA' in delays.carrier and 'XX' not in delays.carrier",
        "delays.iloc[0].carrier == 'AA' and delays.carrier.iloc[1] == 'UA'",
        "max(delays.mean_delay) == 30",  # pandas' maximum: Python's own is wrong where there is a gap
        "delays.groupby('late').mean_delay.max().loc[True] == 30",
        "params.threshold == 15 and period.start.year == 2013 and period.label.startswith('Jan')",
        "(delays.day.max() - delays.day.min()).days == 2",
        "delays.carrier.str.len().max() == 2",
        "round(delays.mean_delay.mean(), 2) == 15.75",
        "-delays.mean_delay.min() < 0 and ~delays.late.iloc[1]",
    ],
)
def test_what_is_true(text: str) -> None:
    check_names(text, ["delays"], ["threshold"])
    assert truth(text) is True
    assert truth(f"not ({text})") is False


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("len(delays) > 5", "expected len(delays) > 5, but len(delays) is 3"),
        (
            "delays.mean_delay.max() < threshold",
            "expected delays.mean_delay.max() < threshold, but delays.mean_delay.max() is 30 and threshold is 15",
        ),
        ("len(delays) > 0 and len(delays) > 9", "expected len(delays) > 9, but len(delays) is 3"),
        ("delays.mean_delay.notna().all()", "expected delays.mean_delay.notna().all(), but it is false in 1 of 3 rows"),
        ("not delays.late.any()", "expected not delays.late.any(), but delays.late.any() is true"),
        (
            "len(delays) > last.len(delays)",
            "expected len(delays) > last.len(delays), but len(delays) is 3 and last.len(delays) is not known",
        ),
        (
            "delays.carrier.iloc[2] == 'AA'",
            "expected delays.carrier.iloc[2] == 'AA', but delays.carrier.iloc[2] is missing",
        ),
        (
            "len(delays) > 5 or threshold > 20",
            "expected len(delays) > 5 or threshold > 20, but len(delays) is 3 and threshold is 15",
        ),
    ],
)
def test_a_failure_is_told_with_its_values(text: str, told: str) -> None:
    assert why_not(parse(text), Values(NAMES)) == told


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("delays.men_delay.max() > 0", 'delays has no column "men_delay"; did you mean "mean_delay"?'),
        ("delays['men_delay'].max() > 0", 'delays has no column "men_delay"; did you mean "mean_delay"?'),
        ("dleays.empty", 'there is no dataset or param "dleays"; did you mean "delays"?'),
        ("delays.mean_delay > 0", "is a column of 3 values, not true or false; end it with .all() or .any()"),
        ("delays.mean_delay.max()", "is 30, not true or false; compare it with something"),
        ("0 < delays.mean_delay < 9", "compare a column once, like (a < b) & (b < c)"),
        ("delays.carrier.max > 0", 'delays.carrier has no "max"; write max()'),
        ("threshold.max() > 0", "threshold is 15, which has no max()"),
        ("delays.carrier.iloc[7] == 'AA'", "IndexError"),
        ("delays.carrier + 1 > 0", "delays.carrier + 1 > 0: TypeError"),
    ],
)
def test_what_cannot_be_evaluated_says_so_with_the_expression(text: str, error: str) -> None:
    with pytest.raises(GateError) as raised:
        truth(text)
    assert error in str(raised.value)


def test_what_the_last_run_did_not_keep_is_not_known() -> None:
    with pytest.raises(NotKnownError):
        truth("delays.mean_delay.min() > last.delays.mean_delay.min()")
    assert list(remembered(parse("a.x.max() > last.a.x.max() and len(last.a) > 2 * last.b.iloc[0].y"))) == [
        "a.x.max()",
        "len(a)",
        "b.iloc[0].y",
    ]


@pytest.mark.parametrize(
    "text",
    [
        "__import__('os').system('true')",
        "open('/etc/passwd')",
        "delays.__class__.__mro__",
        "delays._mgr",
        "delays.to_csv('/tmp/x')",
        "delays.eval('1')",
        "delays.query('late')",
        "delays.pipe(print)",
        "delays.mean_delay.apply(str)",
        "delays.mean_delay.map(str)",
        "delays.fillna(0, inplace=True)",
        "delays.fillna(**params)",
        "(lambda: 1)()",
        "[x for x in delays]",
        "f'{delays}'",
        "'{0.__class__}'.format(delays)",
        "9 ** 9 ** 9",
        "1 << 99999",
        "(x := 1)",
        "delays if late else 1",
        "delays.mean_delay is None",
        "b'bytes' == 1",
        "delays; delays",
        "import os",
        "last",
        "print",
        "",
        "(" * 500,
        "a" * 1001,
    ],
)
def test_nothing_else_can_be_said(text: str) -> None:
    with pytest.raises(ValueError, match=r"expression|can(not)? be|last|at most|there is no"):
        check_names(text, ["delays"], ["threshold"])


def test_no_name_of_the_language_writes_runs_or_imports() -> None:
    words = FUNCTIONS | METHODS | PROPERTIES
    assert not [
        word for word in words if word.startswith(("_", "to_", "read_", "eval", "exec", "apply", "pipe", "map"))
    ]
    assert not words & {"query", "agg", "transform", "style", "plot", "format", "attrs", "values", "array", "T"}


def test_the_evaluator_refuses_what_the_reader_would_have() -> None:
    """Two fences: a tree that did not come from `parse` gets nowhere either."""
    for text in (
        "delays.to_csv",
        "delays.__class__",
        "delays.to_csv('/tmp/never')",
        "print('x')",
        "(lambda: 1)()",
        "f'{1}'",
    ):
        with pytest.raises(GateError):
            Values(NAMES).of(ast.parse(text, mode="eval").body)


EXPRESSIONS = st.recursive(
    st.sampled_from(["delays", "threshold", "1", "'AA'", "delays.mean_delay", "last.delays.late.sum()", "period"]),
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from([">", "+", "and", "==", "in", "|"]), inner).map(" ".join),
        inner.map("len({})".format),
        st.tuples(inner, st.sampled_from(sorted(METHODS))).map(lambda pair: f"({pair[0]}).{pair[1]}()"),
        st.tuples(inner, st.sampled_from(sorted(PROPERTIES))).map(lambda pair: f"({pair[0]}).{pair[1]}"),
        st.tuples(inner, inner).map(lambda pair: f"({pair[0]})[{pair[1]}]"),
        inner.map("not ({})".format),
    ),
    max_leaves=6,
)


@given(EXPRESSIONS)
def test_any_expression_is_true_false_or_an_error_of_ours(text: str) -> None:
    try:
        tree = parse(text)
        verdict = Values(NAMES, LAST).truth(tree)
    except (ValueError, NotKnownError, GateError):
        return
    assert isinstance(verdict, bool)
    if not verdict:
        assert why_not(tree, Values(NAMES, LAST)).startswith("expected ")
    assert DELAYS.equals(NAMES["delays"])


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        (np.int64(3), 3),
        (np.float64("nan"), None),
        (pd.NA, None),
        (np.bool_(True), True),
        (Decimal("1.5"), 1.5),
        (pd.Timestamp("2013-01-01 06:30"), datetime.fromisoformat("2013-01-01T06:30")),
        (np.timedelta64(90, "s"), timedelta(seconds=90)),
        (datetime(2013, 1, 1, tzinfo=UTC).date(), datetime.fromisoformat("2013-01-01")),
    ],
)
def test_one_value_is_kept_plainly(value: Any, kept: Any) -> None:
    found = plain(value, "x")
    assert (found, type(found)) == (kept, type(kept))


def test_a_table_is_not_kept() -> None:
    with pytest.raises(GateError, match=r"delays is a table of 3 rows; only one value can be kept"):
        plain(DELAYS, "delays")
