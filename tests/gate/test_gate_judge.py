"""The gate's judgement and what it means for a run: freshness, crossings, changes, waiting."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.engine.gating import LATEST, SOONEST, GateNews, GateTerms, decide, next_look
from pipeline.errors import GateError
from pipeline.gate.content import content_hash
from pipeline.gate.freshness import stale
from pipeline.gate.judge import Finding, Judgement, Numbers, judge
from pipeline.jobs.gating import Fresh, Gate, SendWhen
from pipeline.ledger.kept_records import Before

ZONE = "America/New_York"
DUE = datetime(2013, 2, 1, 11, 30, tzinfo=UTC)  # 06:30 in New York
SALES = pd.DataFrame({"day": pd.to_datetime(["2013-01-30", "2013-01-31"]), "units": [3, 5]})
DAY = timedelta(days=1)


def numbers(sales: pd.DataFrame = SALES, due: datetime = DUE) -> Numbers:
    return Numbers({"sales": sales}, {"least": 1}, {"label": "January"}, due, ZONE)


def told(judged: Judgement) -> list[str]:
    return [finding.told for finding in judged.failures]


# --- fresh --------------------------------------------------------------------------------------------------


def test_old_numbers_name_the_last_due_time_that_they_are_fresh_for() -> None:
    gate = Gate(fresh=(Fresh(data="sales", column="day", within=timedelta(hours=30)),), expect=("len(sales) > 9",))
    (old, few) = judge(gate, numbers(due=DUE + 3 * DAY), Before()).failures
    assert old.until == datetime(2013, 2, 1, 11, tzinfo=UTC)  # midnight in New York, and 30 hours
    assert few.until is None
    assert GateNews("hold", (old,)).fresh_until == old.until
    assert GateNews("hold", (old, few)).fresh_until is None  # another due time does not make it right
    assert GateNews("hold", (old, replace(old, until=DUE))).fresh_until == old.until
    assert judge(gate, numbers(due=old.until), Before()).failures == (few,)


def fresh(hours: float, frame: pd.DataFrame, column: str = "day") -> str:
    return stale(Fresh(data="sales", column=column, within=timedelta(hours=hours)), frame, DUE, ZONE)


@pytest.mark.parametrize(
    ("newest", "age"),
    [
        (pd.Timestamp("2013-01-31"), 30.5),  # without a zone: midnight in New York
        (pd.Timestamp("2013-01-31", tz="UTC"), 35.5),
        (pd.Timestamp("2013-02-01 05:30"), 1),
        ("2013-01-31", 30.5),
        ("2013-02-01T10:30:00Z", 1),
        (pd.Timestamp("2013-02-01 05:30").date(), 6.5),
        (pd.Timestamp("2013-02-03"), -41.5),  # newer than the due time: a rebuild of the past
    ],
)
def test_age_counts_from_the_due_time(newest: Any, age: float) -> None:
    frame = pd.DataFrame({"day": [newest, None]})
    assert fresh(max(age, 0.01), frame) == ""
    if age > 0:
        assert "the due time, but its newest is 2013-0" in fresh(age - 0.01, frame)


def test_an_old_dataset_is_told_with_its_newest_row() -> None:
    assert fresh(26, SALES) == (
        "expected sales.day within 26 hours of the due time, but its newest is 2013-01-31 00:00 America/New_York,"
        " 30.5 hours old"
    )
    assert "but sales has no row with a time in it" in fresh(26, SALES.iloc[:0])


@pytest.mark.parametrize(
    ("column", "error"), [("dya", 'no column "dya"; did you mean "day"?'), ("units", "holds no times")]
)
def test_a_column_without_times(column: str, error: str) -> None:
    with pytest.raises(GateError, match=error.replace("?", r"\?")):
        fresh(26, SALES.assign(units=["a", "b"]), column)


# --- expect, send_when, only_changes ------------------------------------------------------------------------


def test_every_failure_is_told_at_once() -> None:
    gate = Gate(
        fresh=(Fresh(data="sales", column="day", within=DAY, wait=2 * DAY),),
        expect=("len(sales) > 1", "sales.units.min() > 4", "sales.units.max() > least"),
        send_when=SendWhen(when="sales.units.nonsense() > 0"),  # of wrong numbers nobody asks whether to send them
    )
    judged = judge(gate, numbers(), Before(armed=False))
    assert [finding.rule for finding in judged.failures] == [
        "fresh: sales.day within 1 day",
        "expect: sales.units.min() > 4",
    ]
    assert told(judged)[1] == "expected sales.units.min() > 4, but sales.units.min() is 3"
    assert not judged.armed


def test_what_cannot_be_evaluated_is_an_error_that_names_its_place() -> None:
    with pytest.raises(GateError, match=r'gate.expect "sales.unit.min\(\) > 4": sales has no column "unit"'):
        judge(Gate(expect=("sales.unit.min() > 4",)), numbers(), Before())
    with pytest.raises(GateError, match=r'gate.send_when "sales.units > 4": sales.units > 4 is a column'):
        judge(Gate(send_when=SendWhen(when="sales.units > 4")), numbers(), Before())


def test_last_is_the_run_sent_before_and_the_first_report_is_sent() -> None:
    gate = Gate(
        expect=("len(sales) >= len(last.sales)",), send_when=SendWhen(when="sales.units.sum() > last.sales.units.sum()")
    )
    first = judge(gate, numbers(), Before())
    assert (first.failures, first.uneventful) == ((), None)
    assert first.values == {"len(sales)": 2, "sales.units.sum()": 8}
    before = Before(DUE - DAY, first.values)
    again = judge(gate, numbers(), before)
    assert again.uneventful is not None
    assert again.uneventful.told == (
        "sales.units.sum() > last.sales.units.sum() is not so: sales.units.sum() is 8 and last.sales.units.sum() is 8"
    )
    fewer = judge(gate, numbers(SALES.iloc[:1]), before)
    assert told(fewer) == ["expected len(sales) >= len(last.sales), but len(sales) is 1 and len(last.sales) is 2"]


def test_only_changes() -> None:
    gate = Gate(only_changes="sales")
    first = judge(gate, numbers(), Before())
    same = judge(gate, numbers(SALES.copy(), DUE + DAY), Before(DUE, first.values))
    assert same.uneventful is not None
    assert same.uneventful.told == "sales has not changed: it equals the one sent for 2013-02-01 11:30 UTC"
    changed = judge(gate, numbers(SALES.assign(units=[3, 6])), Before(DUE, first.values))
    assert changed.uneventful is None


@pytest.mark.parametrize(
    ("rule", "days", "sent"),
    [
        # over the threshold or not, day by day; sent or not
        (SendWhen(when="sales.units.max() > 4"), "-++--+", "-++--+"),
        (SendWhen(when="sales.units.max() > 4", once=True), "-+++-+", "-+---+"),
        (SendWhen(when="sales.units.max() > 4", once=True), "++-++", "+--+-"),
        (SendWhen(when="sales.units.max() > 4", quiet=3 * DAY), "++++++", "+--+--"),
        # a crossing in the quiet time is sent after it, if it still is one
        (SendWhen(when="sales.units.max() > 4", once=True, quiet=3 * DAY), "+-+++-+", "+--+--+"),
        (SendWhen(when="sales.units.max() > 4", once=True, quiet=3 * DAY), "+-+--+", "+----+"),
    ],
)
def test_alarms_arm_again(rule: SendWhen, days: str, sent: str) -> None:
    before, came = Before(), ""
    for number, day in enumerate(days):
        due = DUE + number * DAY
        judged = judge(Gate(send_when=rule), numbers(SALES.assign(units=9 if day == "+" else 1), due), before)
        came += "-" if judged.uneventful else "+"
        before = replace(before, armed=judged.armed, sent_due=before.sent_due if judged.uneventful else due)
    assert came == sent


# --- the same content ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "other",
    [
        SALES.assign(units=[5, 3]),
        SALES.iloc[::-1],
        SALES.rename(columns={"units": "unit"}),
        SALES.assign(units=[3.0, 5.0]),
        SALES.assign(units=["3", "5"]),
        SALES.iloc[:1],
        SALES.assign(more=None),
        SALES[["units", "day"]],
        SALES.assign(units=[3, None]),
    ],
)
def test_other_content_has_another_hash(other: pd.DataFrame) -> None:
    assert content_hash(other) != content_hash(SALES)


CELLS = st.one_of(st.none(), st.integers(), st.text(max_size=3), st.floats(), st.binary(max_size=2), st.decimals())


@given(st.lists(st.tuples(CELLS, CELLS), max_size=5))
def test_equal_content_has_one_hash(rows: list[tuple[Any, Any]]) -> None:
    frames = [pd.DataFrame(rows, columns=["a", "b"], dtype=object) for _ in range(2)]
    assert content_hash(frames[0]) == content_hash(frames[1])
    if rows:
        assert content_hash(frames[0].iloc[1:]) != content_hash(frames[0])


def test_categories_count_by_their_values() -> None:
    texts = pd.DataFrame({"a": ["x", "y", None]})
    one, two = (texts.astype({"a": pd.CategoricalDtype(categories)}) for categories in (["x", "y"], ["y", "x", "z"]))
    assert content_hash(one) == content_hash(two)


# --- what it means ------------------------------------------------------------------------------------------

OLD = Judgement((Finding("fresh", "old", timedelta(hours=2)), Finding("expect", "few")))
DULL = Judgement(uneventful=Finding("send_when", "dull"))


@pytest.mark.parametrize(
    ("judged", "terms", "action", "failed"),
    [
        (Judgement(), GateTerms(), "pass", False),
        (DULL, GateTerms(), "skip", False),
        (DULL, GateTerms(asked=True), "pass", False),
        (OLD, GateTerms(), "wait", False),
        (OLD, GateTerms(waited=timedelta(hours=2)), "hold", True),
        (OLD, GateTerms(asked=True), "hold", True),
        (Judgement(OLD.failures[1:]), GateTerms(), "hold", True),
    ],
)
def test_consequences(judged: Judgement, terms: GateTerms, action: str, *, failed: bool) -> None:
    news = decide("hold", judged, terms)
    assert (news.action, news.failed) == (action, failed)


@given(st.timedeltas(timedelta(seconds=1), timedelta(days=30)))
def test_a_waiting_run_looks_at_the_end_of_its_patience_and_never_in_a_rush(wait: timedelta) -> None:
    now, looks = DUE, 0
    while now < DUE + wait:
        following = next_look(now, DUE + wait - now)
        assert now < following <= min(now + LATEST, DUE + wait)
        assert following - now >= SOONEST or following == DUE + wait
        now, looks = following, looks + 1
    assert now == DUE + wait
    assert looks <= wait / LATEST + 120
