"""One run of a million letters, from its build to its last reply: `python -m bench.million [--letters N]`.

A real build stages small letters (1 kB) in a child process, one update makes all of them sendable, and this process
delivers them to a fast sink with everything that a real one writes. A line every tenth, for each half: letters a
second, and a CPU second, and resident memory; at the end the last tenth's rate as a share of the first's.
"""

import argparse
import multiprocessing
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import func, select

from bench import sink
from bench.meter import rss_mib
from pipeline.engine.terms import terms_of
from pipeline.ledger.database import read
from pipeline.ledger.schema import attempts
from pipeline.ledger.states import DeliveryState
from pipeline.wiring import Workspace

SMALL = {
    "w1.html": "<p>Dear {{ recipient.name }},</p>\n<p>" + "these are the departures that you follow. " * 12 + "</p>\n",
    "w1.txt": "Dear {{ recipient.name }},\n\n" + "these are the departures that you follow.\n" * 8,
}
LOOK = 0.05
"""Seconds between two looks at how many were sent: the highest number of an attempt, which costs one page."""


def build(root: Path, letters: int, port: int) -> None:
    """The project, and its run staged and queued; in a process of its own, because it loads pandas."""
    from bench import compose  # noqa: PLC0415 - loads pandas, which the sender's memory must not count

    compose.write_project(root, letters, "shared")
    jobs = (root / "jobs.yaml").read_text(encoding="utf-8")
    relay = f'smtp: "smtp+plain://127.0.0.1:{port}", connections: 10'
    (root / "jobs.yaml").write_text(jobs.replace("local: var/inbox", relay), encoding="utf-8")
    for name, source in SMALL.items():
        (root / "templates" / name).write_text(source, encoding="utf-8")
    with Workspace(root, environ={}) as workspace:
        compose.stage(workspace, root, letters, curve=True)
        now, began = datetime.now(UTC), time.perf_counter()
        terms = terms_of(workspace.project.jobs["w1"], compose.KEY, now, asked=True)
        workspace.runs.queue(compose.KEY, compose.OWNER, terms, now)
        print(f"{'queued':>17}  in {time.perf_counter() - began:.3f} s", flush=True)


@dataclass
class Curve:
    """Looks at what was sent until told to stop, and prints a line for each tenth."""

    letters: int
    sent: Callable[[], int]
    ended: threading.Event = field(default_factory=threading.Event)
    rates: list[float] = field(default_factory=list)
    """Letters a CPU second, one number for each tenth that is over."""

    def follow(self) -> None:
        """To be run in a thread of its own."""
        count, wall, cpu = 0, time.perf_counter(), time.process_time()
        over = False
        while not over:
            over = self.ended.wait(LOOK)
            now = self.sent()
            if now < self.letters * (len(self.rates) + 1) // 10:
                continue
            seconds, spent = time.perf_counter() - wall, time.process_time() - cpu
            more, count, wall, cpu = now - count, now, wall + seconds, cpu + spent
            self.rates.append(more / spent)
            rate = f"{more / seconds:>7,.0f} a second  {more / spent:>7,.0f} a CPU second"
            print(f"{now:>9,} sent     {rate}  {rss_mib():>7,.0f} MiB", flush=True)


def deliver(workspace: Workspace, letters: int) -> None:
    """Until all are sent."""
    last = select(func.coalesce(func.max(attempts.c.id), 0))

    def sent() -> int:
        with read(workspace.engine) as connection:
            return int(connection.execute(last).scalar_one())

    curve = Curve(letters, sent)
    follower = threading.Thread(target=curve.follow)
    with workspace.worker() as worker:
        follower.start()
        try:
            worker.run_until_idle()
        finally:
            curve.ended.set()
            follower.join()
    counts = workspace.outbox.counts()
    if counts != {DeliveryState.SENT: letters}:
        raise SystemExit(f"not all were sent: {counts}")
    print(f"the last tenth at {curve.rates[-1] / curve.rates[0]:.2f} of the first's rate, by CPU time")


def main() -> None:
    """Prints both halves."""
    parser = argparse.ArgumentParser(prog="python -m bench.million", description=__doc__)
    parser.add_argument("--letters", type=int, default=1_000_000)
    letters = parser.parse_args().letters
    with tempfile.TemporaryDirectory() as folder, sink.running() as port:
        root = Path(folder)
        child = multiprocessing.get_context("spawn").Process(target=build, args=(root, letters, port))
        child.start()
        child.join()
        if child.exitcode:
            raise SystemExit("the run could not be built")
        with Workspace(root, environ={}) as workspace:
            deliver(workspace, letters)


if __name__ == "__main__":
    main()
