"""The tables of `daily-delays`: who was late yesterday, against the days of the month before.

Delays are minutes at departure, below zero for early. A flight is late from `late_after` minutes on; one that
never left is cancelled: it counts in `flights`, and in no mean.
"""

from typing import Any

import pandas as pd


def ranking(departures: pd.DataFrame, before: pd.DataFrame, params: dict[str, Any]) -> pd.DataFrame:
    """One row a carrier with at least `min_flights` flights, the latest first.

    Columns: carrier, airline, flights, cancelled, late (share of those that left), mean_delay, usual_delay
    (the mean of the days before) and change, the difference of the two.
    """
    table = _measure(departures, ["carrier", "airline"], params)
    table = table[table["flights"] >= params["min_flights"]]
    usual = before.groupby("carrier")["dep_delay"].mean().astype("float64")
    table["usual_delay"] = table["carrier"].map(usual).astype("float64")
    table["change"] = table["mean_delay"] - table["usual_delay"]
    table = table.sort_values(["mean_delay", "carrier"], ascending=[False, True], ignore_index=True)
    return table.round({"late": 3, "mean_delay": 1, "usual_delay": 1, "change": 1})


def airports(departures: pd.DataFrame, params: dict[str, Any]) -> pd.DataFrame:
    """One row an airport, the latest first: airport, flights, cancelled, late, mean_delay as in `ranking`."""
    table = _measure(departures, ["origin"], params).rename(columns={"origin": "airport"})
    table = table.sort_values(["mean_delay", "airport"], ascending=[False, True], ignore_index=True)
    return table.round({"late": 3, "mean_delay": 1})


def day(departures: pd.DataFrame, before: pd.DataFrame, params: dict[str, Any]) -> pd.DataFrame:
    """The day in one row: flights, cancelled, late, mean_delay; usual_* are the same of the days before."""
    table = _measure(departures.assign(all="all"), ["all"], params)
    usual = _measure(before.assign(all="all"), ["all"], params)
    table["usual_delay"] = usual["mean_delay"]
    table["usual_late"] = usual["late"]
    table["usual_cancelled"] = usual["cancelled"] / usual["flights"] * table["flights"]
    return table.drop(columns="all")


def _measure(departures: pd.DataFrame, by: list[str], params: dict[str, Any]) -> pd.DataFrame:
    """Flights, cancelled, late and mean_delay of each group."""
    delay = departures["dep_delay"].astype("float64")  # NaN: never left
    marked = departures.assign(delay=delay, late=delay >= params["late_after"])
    table = marked.groupby(by, as_index=False).agg(
        flights=("delay", "size"), left=("delay", "count"), late=("late", "sum"), mean_delay=("delay", "mean")
    )
    table["cancelled"] = table["flights"] - table["left"]
    table["late"] = table["late"] / table["left"]
    return table[[*by, "flights", "cancelled", "late", "mean_delay"]]
