"""The tables of `carrier-weekly`; by its column `carrier` every reader gets their own rows.

Delays are minutes at departure, below zero for early. A flight is late from `late_after` minutes on.
"""

from typing import Any

import pandas as pd


def by_day(departures: pd.DataFrame) -> pd.DataFrame:
    """One row a carrier, day and airport, with date, flights, cancelled, mean_delay and longest."""
    marked = departures.assign(date=departures["scheduled"].dt.normalize(), airport=departures["origin"])
    return _measure(marked, ["carrier", "date", "airport"])


def week(departures: pd.DataFrame, before: pd.DataFrame, params: dict[str, Any]) -> pd.DataFrame:
    """One row a carrier: airline, flights, cancelled, mean_delay, longest, late, usual_delay, usual_late."""
    late = params["late_after"]
    table = _measure(departures, ["carrier", "airline"])
    usual = before.groupby("carrier")["dep_delay"].mean()
    # map, as a Series assigned to a table without rows would bring its own
    table["late"] = table["carrier"].map(_late_share(departures, late)).astype("float64")
    table["usual_delay"] = table["carrier"].map(usual).astype("float64")
    table["usual_late"] = table["carrier"].map(_late_share(before, late)).astype("float64")
    return table


def routes(departures: pd.DataFrame, airports: pd.DataFrame, params: dict[str, Any]) -> pd.DataFrame:
    """The latest routes of each carrier, those with at least `min_flights` flights, the latest first.

    Columns: carrier, airport, destination, flights, cancelled, mean_delay, longest.
    """
    marked = departures.merge(airports, how="left", on="dest")
    marked["airport"] = marked["origin"]
    marked["destination"] = marked["name"].fillna(marked["dest"])
    table = _measure(marked, ["carrier", "airport", "destination"])
    table = table[table["flights"] >= params["min_flights"]]
    return table.sort_values(["carrier", "mean_delay"], ascending=[True, False], ignore_index=True)


def _measure(departures: pd.DataFrame, by: list[str]) -> pd.DataFrame:
    """Flights, cancelled, mean_delay and longest delay of each group, in order of the group."""
    marked = departures.assign(delay=departures["dep_delay"].astype("float64"))  # NaN: never left
    table = marked.groupby(by, as_index=False).agg(
        flights=("delay", "size"),
        cancelled=("cancelled", "sum"),
        mean_delay=("delay", "mean"),
        longest=("dep_delay", "max"),
    )
    return table.round({"mean_delay": 1}).astype({"longest": "Int64"})


def _late_share(departures: pd.DataFrame, late_after: int) -> pd.Series:
    """Share of late flights among those that left, by carrier."""
    left = departures.dropna(subset="dep_delay")
    return (left["dep_delay"] >= late_after).groupby(left["carrier"]).mean().astype("float64")
