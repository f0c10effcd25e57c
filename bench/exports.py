"""What files cost: `python -m bench.exports [--rounds N] [--rows N]`; part of `make bench`.

336,776 rows of 19 columns, as the nycflights table has them: the example's January again and again, with the columns
that the example left out made from the others. Each writer in a process of its own, from the same Parquet file;
seconds are of writing alone, memory is that of the whole process, pandas and the frame included.
"""

import argparse
import json
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from statistics import median

import numpy as np
import pandas as pd

from bench.meter import Meter
from bench.workload import FLIGHTS
from pipeline.jobs.columnspec import ColumnSpec
from pipeline.report.exports import as_csv, as_xlsx
from pipeline.report.exports.book import Book

ROWS = 336_776
OUT = Path(__file__).parent / "out"
_DESCRIBED: Mapping[str, Mapping[str, object]] = {
    "dep_delay": {"unit": "min", "format": "number:0", "highlight": {"above": 60}, "total": "mean"},
    "arr_delay": {"unit": "min", "highlight": {"heat": True}, "good": "down", "total": "mean"},
    "distance": {"unit": "mi", "highlight": {"bar": True}, "total": "sum"},
    "time_hour": {"label": "Hour", "format": "datetime"},
}
POLISHED = Book(
    title="Flights",
    description="Every departure from New York.",
    period="2013",
    filters=(("Origin", "New York"),),
    note="Numbers are final.",
    cover=True,
    columns={"flights": {name: ColumnSpec.model_validate(spec) for name, spec in _DESCRIBED.items()}},
)
"""Cover, totals of columns, conditional formats."""

Write = Callable[[pd.DataFrame, Path], object]
WRITERS: Mapping[str, tuple[str, str, Write]] = {
    "openpyxl": ("xlsx", "pandas, openpyxl", lambda f, path: f.to_excel(path, index=False, engine="openpyxl")),
    "xlsxwriter": ("xlsx", "pandas, XlsxWriter", lambda f, path: f.to_excel(path, index=False, engine="xlsxwriter")),
    "polished": (
        "xlsx",
        "**pipeline**, cover, totals, highlights",
        lambda f, p: as_xlsx.write({"flights": f}, p, POLISHED),
    ),
    "plain": ("xlsx", "**pipeline**, a table alone", lambda f, path: as_xlsx.write({"flights": f}, path, Book())),
    "to_csv": ("csv", "pandas", lambda f, path: f.to_csv(path, index=False)),
    "csv": ("csv", "**pipeline**", lambda f, path: as_csv.write({"flights": f}, path, Book())),
}
"""Ending, title and how it writes. pandas takes XlsxWriter where it is installed, as here, else openpyxl."""
GOALS = (
    ("polished", "openpyxl", 3.0),
    ("polished", "xlsxwriter", 3.0),
    ("plain", "openpyxl", 10.0),
    ("plain", "xlsxwriter", 10.0),
    ("csv", "to_csv", 4.0),
)
"""Ours, the other: how many times faster."""
MOST_MIB = 400

Run = Mapping[str, float]


def flights(rows: int) -> pd.DataFrame:
    """The table of nycflights with `rows` rows."""
    month = pd.read_parquet(FLIGHTS)
    data = month.iloc[np.arange(rows) % len(month)].reset_index(drop=True)
    hour = data["time_hour"].dt.tz_convert("America/New_York").dt.tz_localize(None)
    number = {name: data[name].astype("float64") for name in ("hour", "minute", "dep_delay", "arr_delay", "distance")}
    due = number["hour"] * 60 + number["minute"]
    left = due + number["dep_delay"]
    aloft = (15 + number["distance"] / 7.5).round() + 0 * number["dep_delay"]
    return pd.DataFrame(
        {
            "year": hour.dt.year.astype("int64"),
            "month": hour.dt.month.astype("int64"),
            "day": hour.dt.day.astype("int64"),
            "dep_time": _clock(left),
            "sched_dep_time": _clock(due).astype("int64"),
            "dep_delay": number["dep_delay"],
            "arr_time": _clock(left + aloft + 20),
            "sched_arr_time": _clock(due + (35 + number["distance"] / 7.5).round()).astype("int64"),
            "arr_delay": number["arr_delay"],
            "carrier": data["carrier"],
            "flight": data["flight"].astype("int64"),
            "tailnum": data["tailnum"],
            "origin": data["origin"],
            "dest": data["dest"],
            "air_time": aloft,
            "distance": number["distance"],
            "hour": number["hour"],
            "minute": number["minute"],
            "time_hour": hour,
        }
    )


def measure(rounds: int, rows: int = ROWS) -> list[Mapping[str, Run]]:
    """Each writer in turn within a round."""
    OUT.mkdir(exist_ok=True)
    flights(rows).to_parquet(OUT / "exports.parquet")
    found: list[Mapping[str, Run]] = []
    for number in range(1, rounds + 1):
        found.append({name: _run(name) for name in WRITERS})
        told = (f"{name} {run['seconds']:.1f} s" for name, run in found[-1].items())
        print(f"  round {number} of {rounds}: {', '.join(told)}", flush=True)
    if not _same_csv():
        raise SystemExit("the CSV of pandas and ours differ in more than the byte order mark and line ends")
    return found


def section(rounds: Sequence[Mapping[str, Run]], rows: int = ROWS) -> str:
    """Its table, and how far the goals are met."""
    lines = [
        f"## Files: {rows:,} flights of 19 columns",
        "",
        "The example's January again and again, columns that it left out made from the others. Each writer in a",
        "process of its own; ratios are pandas' seconds ÷ ours within a round. pandas takes XlsxWriter where it is",
        "installed, else openpyxl. Both CSVs have the same octets but for the byte order mark and line ends.",
        "",
        "| file | writer | s | CPU s | peak MiB | file MB | times as fast as pandas | as pandas with XlsxWriter |",
        "| --- | --- | --: | --: | --: | --: | --: | --: |",
        *(_row(name, rounds) for name in WRITERS),
        "",
    ]
    reached = [f"{ours} against {other} {_ratio(rounds, ours, other):.1f} of {goal:g}" for ours, other, goal in GOALS]
    peak = max(run["peak_mib"] for one in rounds for name, run in one.items() if "**" in WRITERS[name][1])
    return "\n".join([*lines, f"Reached of the goals: {'; '.join(reached)}; peak {peak:.0f} MiB of {MOST_MIB}.", ""])


def _row(name: str, rounds: Sequence[Mapping[str, Run]]) -> str:
    ending, title, _ = WRITERS[name]
    middle = {key: median(one[name][key] for one in rounds) for key in rounds[0][name]}
    others = ("openpyxl", "xlsxwriter") if ending == "xlsx" else ("to_csv",)
    ratios = [f"{_ratio(rounds, name, other):.1f}" for other in others] + [""] * (2 - len(others))
    cost = f"{middle['seconds']:.2f} | {middle['cpu_seconds']:.2f} | {middle['peak_mib']:.0f}"
    return f"| {ending.upper()} | {title} | {cost} | {middle['size'] / 1e6:.1f} | {ratios[0]} | {ratios[1]} |"


def _ratio(rounds: Sequence[Mapping[str, Run]], ours: str, other: str) -> float:
    return median(one[other]["seconds"] / one[ours]["seconds"] for one in rounds)


def _clock(minutes: "pd.Series[float]") -> "pd.Series[float]":
    """517 for 5:17."""
    of_day = minutes % 1440
    return of_day // 60 * 100 + of_day % 60


def _path(name: str) -> Path:
    return OUT / f"exports-{name}.{WRITERS[name][0]}"


def _run(name: str) -> Run:
    done = subprocess.run(
        [sys.executable, "-m", "bench.exports", "one", name], check=True, capture_output=True, text=True
    )
    run: dict[str, float] = json.loads(done.stdout)
    return {**run, "size": _path(name).stat().st_size}


def _one(name: str) -> None:
    frame = pd.read_parquet(OUT / "exports.parquet")
    with Meter(len(frame)):
        WRITERS[name][2](frame, _path(name))


def _same_csv() -> bool:
    ours, theirs = (_path(name).read_bytes() for name in ("csv", "to_csv"))
    return ours.removeprefix(b"\xef\xbb\xbf").replace(b"\r\n", b"\n") == theirs


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.exports", description=__doc__)
    parser.add_argument("one", nargs="*", help=argparse.SUPPRESS)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--rows", type=int, default=ROWS)
    options = parser.parse_args()
    if options.one:
        _one(options.one[1])
    else:
        print(section(measure(options.rounds, options.rows), options.rows))


if __name__ == "__main__":
    main()
