"""The example's own tables: small frames with answers worked out by hand."""

import sys
from pathlib import Path
from types import ModuleType

import pandas as pd
import pytest

from pipeline.errors import SourceError
from pipeline.report.functions import load

ROOT = Path(__file__).parents[2]
PARAMS = {"late_after": 15, "min_flights": 2}


def module(name: str, function: str) -> ModuleType:
    """Loaded the way that a run loads it."""
    return sys.modules[load(ROOT, f"{name}:{function}", SourceError).__module__]


@pytest.fixture
def delays() -> ModuleType:
    return module("reports.delays", "ranking")


@pytest.fixture
def weekly() -> ModuleType:
    return module("reports.weekly", "week")


def departures(*rows: tuple[str, str, str, int | None]) -> pd.DataFrame:
    """carrier, origin, dest, delay: one row a flight, all of Monday 28 January 2013; None never left."""
    frame = pd.DataFrame(rows, columns=["carrier", "origin", "dest", "dep_delay"])
    frame["dep_delay"] = frame["dep_delay"].astype("Int16")
    frame["airline"] = frame["carrier"] + " Airlines"
    frame["cancelled"] = frame["dep_delay"].isna()
    frame["scheduled"] = pd.Timestamp("2013-01-28 09:30")
    return frame


YESTERDAY = departures(
    ("AA", "JFK", "BOS", 10), ("AA", "EWR", "BOS", 20), ("AA", "EWR", "BOS", None),
    ("UA", "EWR", "ORD", 15), ("UA", "EWR", "ORD", 45),
    ("HA", "JFK", "HNL", 500),
)  # fmt: skip
BEFORE = departures(("AA", "JFK", "BOS", -2), ("AA", "JFK", "BOS", 6), ("UA", "EWR", "ORD", None))


def test_ranking_puts_the_latest_first_and_leaves_small_carriers_out(delays: ModuleType) -> None:
    table = delays.ranking(YESTERDAY, BEFORE, PARAMS)
    expected = pd.DataFrame(
        {
            "carrier": ["UA", "AA"],
            "airline": ["UA Airlines", "AA Airlines"],
            "flights": [2, 3],
            "cancelled": [0, 1],
            "late": [1.0, 0.5],
            "mean_delay": [30.0, 15.0],
            "usual_delay": [float("nan"), 2.0],
            "change": [float("nan"), 13.0],
        }
    )
    pd.testing.assert_frame_equal(table, expected)


def test_the_day_counts_a_cancelled_flight_but_not_its_delay(delays: ModuleType) -> None:
    day = delays.day(YESTERDAY, BEFORE, PARAMS).iloc[0]
    assert (day["flights"], day["cancelled"], day["mean_delay"]) == (6, 1, 118.0)
    assert (day["usual_delay"], day["usual_late"], day["usual_cancelled"]) == (2.0, 0.0, 2.0)


def test_airports_are_ranked_too(delays: ModuleType) -> None:
    table = delays.airports(YESTERDAY, PARAMS)
    assert table[["airport", "mean_delay"]].to_numpy().tolist() == [["JFK", 255.0], ["EWR", 26.7]]


def test_the_week_of_a_carrier_without_a_past_has_no_usual(weekly: ModuleType) -> None:
    week = weekly.week(YESTERDAY, BEFORE, PARAMS).set_index("carrier")
    assert week.loc["AA", ["flights", "cancelled", "late", "usual_delay", "usual_late"]].tolist() == [
        3, 1, 0.5, 2.0, 0.0,
    ]  # fmt: skip
    assert pd.isna(week.loc["HA", "usual_delay"])


def test_routes_name_the_destination_or_its_code(weekly: ModuleType) -> None:
    airports = pd.DataFrame({"dest": ["BOS"], "name": ["Logan"]})
    routes = weekly.routes(YESTERDAY, airports, PARAMS)
    shown = routes[["carrier", "airport", "destination", "flights", "longest"]].to_numpy().tolist()
    assert shown == [["AA", "EWR", "Logan", 2, 20], ["UA", "EWR", "ORD", 2, 45]]


def test_every_table_that_is_cut_by_carrier_has_the_column(weekly: ModuleType) -> None:
    airports = pd.DataFrame({"dest": ["BOS"], "name": ["Logan"]})
    tables = [
        weekly.by_day(YESTERDAY),
        weekly.week(YESTERDAY, BEFORE, PARAMS),
        weekly.routes(YESTERDAY, airports, PARAMS),
    ]
    assert all("carrier" in table.columns for table in tables)
