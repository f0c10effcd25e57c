"""What a letter costs before it is sent: `python -m bench.compose [--letters N] [--form FORM] [--curve]`.

Builds a real job (`each` with `slice`): N people, twenty rows each, a template over the reader's own rows.
Times the child's whole work from the audience's rows to letters (into nothing), the same into a ledger with
fsync on, and the difference, in µs a letter. `--curve` prints rate and memory along one run into the ledger.
"""

import argparse
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pandas as pd

from bench.meter import rss_mib
from bench.workload import COLUMNS, FIRST, FLIGHTS, HTML, LAST, ROWS, SENDER, TEXT
from pipeline.engine.build import BuildRequest, Summary, build
from pipeline.engine.process import Progress
from pipeline.engine.sinks import LedgerSink
from pipeline.ledger.records import Letter, RunKey
from pipeline.wiring import Workspace

OWNER = "bench"
KEY = RunKey("w1", datetime(2026, 1, 5, 6, 30, tzinfo=UTC))
TABLE = "<p>Dear {{ recipient.name }}</p>\n{{ table(flights, limit=20) }}\n"
FORMS = {
    "rows": "for r in flights",
    "records": "for r in flights.to_dict('records')",
    "tuples": "for r in flights.itertuples()",
    "series": "for _, r in flights.iterrows()",
    "table": "table(flights)",
    "shared": "for r in flights: sixteen slices for everybody",
}
"""How a template may go over the reader's rows; each is a workload of its own."""

JOBS = """
defaults: {{from: {sender}}}
mailers: {{box: {{local: var/inbox}}}}
jobs:
  w1:
    data:
      people: {{file: people.parquet}}
      flights: {{file: flights.parquet}}
    message: {{subject: "Flight report for {{{{ recipient.name }}}} no. {{{{ recipient.id }}}}", template: w1}}
    each: {{data: people, email: email, slice: {{flights: {by}}}, max: 10000000}}
    memory: 8GB
"""


def write_project(root: Path, letters: int, form: str) -> None:
    """A project of one job: its people, their rows, its templates."""
    by = "group" if form == "shared" else "id"
    (root / "jobs.yaml").write_text(JOBS.format(sender=SENDER, by=by), encoding="utf-8")
    ids = pd.Series(range(1, letters + 1))
    people = pd.DataFrame(
        {
            "id": ids,
            "group": ids % 16,
            "name": [f"{FIRST[number % 10]} {LAST[number // 10 % 10]}" for number in ids],
            "email": [f"user{number:07d}@example.com" for number in ids],
        }
    )
    people.to_parquet(root / "people.parquet")
    flights = pd.read_parquet(FLIGHTS, columns=COLUMNS).astype("string").fillna("n/a").astype("str")
    count = 16 if form == "shared" else letters
    flights = flights.take([place % len(flights) for place in range(count * ROWS)]).reset_index(drop=True)
    flights.insert(0, by, [1 + place // ROWS if by == "id" else place % 16 for place in range(count * ROWS)])
    flights.to_parquet(root / "flights.parquet")
    loop = FORMS["rows" if form == "shared" else form]
    (root / "templates").mkdir()
    sources = {"w1.html": TABLE} if form == "table" else {"w1.html": HTML, "w1.txt": TEXT}
    for name, source in sources.items():
        own = source.replace("for r in recipient.rows", loop).replace("recipient.rows", "flights")
        (root / "templates" / name).write_text(own, encoding="utf-8")


@dataclass(slots=True)
class _Nothing:
    """Takes letters, keeps the time of the first one."""

    first: float = 0.0

    def add(self, letter: Letter) -> None:
        del letter
        self.first = self.first or time.process_time()


@dataclass(frozen=True, slots=True)
class NoSink:
    """Where letters go that nobody wants."""

    taken: _Nothing

    @contextmanager
    def open(self, progress: Progress) -> Iterator[_Nothing]:
        del progress
        yield self.taken


@dataclass(slots=True)
class _Timed:
    """The ledger's stage with a clock at its first letter, and a line every tenth of the run."""

    inner: object
    letters: int
    curve: bool
    first: float = 0.0
    count: int = 0
    last: float = 0.0

    def add(self, letter: Letter) -> None:
        self.first = self.first or time.process_time()
        self.inner.add(letter)  # type: ignore[attr-defined]
        self.count += 1
        if self.curve and self.count % (self.letters // 10) == 0:
            now = time.process_time()
            rate = self.letters // 10 / (now - (self.last or self.first))
            print(f"{self.count:>9,} letters  {rate:>7,.0f} a second  {rss_mib():>7,.0f} MiB", flush=True)
            self.last = now


@dataclass(slots=True)
class TimedSink:
    """A sink whose letters are timed as they come."""

    inner: LedgerSink
    letters: int
    curve: bool = False
    made: _Timed | None = None

    @contextmanager
    def open(self, progress: Progress) -> Iterator[_Timed]:
        with self.inner.open(progress) as stage:
            self.made = _Timed(stage, self.letters, self.curve)
            if self.curve:
                print(f"{'data loaded':>17}  {'':>16}  {rss_mib():>7,.0f} MiB", flush=True)
            yield self.made


def compose(workspace: Workspace, root: Path) -> tuple[Summary, float]:
    """Letters into nothing: seconds from the first letter to the last (data loading is not counted)."""
    taken = _Nothing()
    summary = build(BuildRequest(workspace.project, KEY, root, root / "artifacts", NoSink(taken)), lambda _: None)
    return summary, time.process_time() - taken.first


def stage(workspace: Workspace, root: Path, letters: int, *, curve: bool) -> float:
    """The same letters into the ledger."""
    now = datetime.now(UTC)
    workspace.runs.ensure(KEY, now)
    workspace.runs.start(KEY, OWNER, now + timedelta(hours=9), now, period=(now - timedelta(days=1), now))
    sink = TimedSink(LedgerSink("sqlite:///var/ledger.sqlite3", root, KEY, OWNER), letters, curve)
    build(BuildRequest(workspace.project, KEY, root, root / "artifacts", sink), lambda _: None)
    assert sink.made is not None
    return time.process_time() - sink.made.first


def main() -> None:
    """Prints one line a form; with `--curve` ten lines of rate and memory before it."""
    parser = argparse.ArgumentParser(prog="python -m bench.compose", description=__doc__)
    parser.add_argument("--letters", type=int, default=2000)
    parser.add_argument("--form", choices=[*FORMS, "all"], default="rows")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--curve", action="store_true", help="one run into the ledger, with its rate and memory")
    options = parser.parse_args()
    for form in FORMS if options.form == "all" else [options.form]:
        with tempfile.TemporaryDirectory() as folder:
            root = Path(folder)
            write_project(root, options.letters, form)
            with Workspace(root, environ={}) as workspace:
                if options.curve:
                    stage(workspace, root, options.letters, curve=True)
                    continue
                per = 1e6 / options.letters
                composed = min(compose(workspace, root)[1] for _ in range(options.rounds)) * per
                staged = stage(workspace, root, options.letters, curve=False) * per
        what = FORMS[form]
        print(f"{what:<48} composed {composed:>7,.0f} µs, and staged {staged:>7,.0f} µs a letter", flush=True)


if __name__ == "__main__":
    main()
