"""Ten thousand jobs due in the same minute, through a real service. `python -m bench.due [JOBS] [SECONDS]`.

Says how long after the due time every run was durable in the ledger, and how many were built in the seconds after
that, by two builders: each a child process, with its data, its mail and its commit.
"""

import sys
import tempfile
import threading
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy import func, select

from pipeline.ledger.database import read
from pipeline.ledger.schema import runs
from pipeline.service import Service
from pipeline.wiring import Workspace

HEAD = "defaults: {from: Reports <reports@example.com>}\njobs:\n"
JOB = '  job-{number}: {{schedule: "{minute} {hour} * * *", data: sales.csv, to: team@example.com}}\n'
LEAD = timedelta(seconds=60)
"""From the start to the due time, at least: loading ten thousand jobs takes a while."""


def main(jobs: int = 10_000, seconds: int = 20) -> None:
    """Prints one line for each finding."""
    due = (datetime.now(UTC) + LEAD + timedelta(minutes=1)).replace(second=0, microsecond=0)
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        text = "".join(JOB.format(number=number, minute=due.minute, hour=due.hour) for number in range(jobs))
        (root / "jobs.yaml").write_text(HEAD + text, encoding="utf-8")
        (root / "sales.csv").write_text("shop,units\nBerlin,3\n", encoding="utf-8")
        began = time.monotonic()
        with Workspace(root, environ={}) as workspace:
            service, stop = Service(workspace, drain=timedelta(seconds=1)), threading.Event()
            thread = threading.Thread(target=service.run, args=[stop])
            thread.start()
            print(f"{jobs:,} jobs loaded in {time.monotonic() - began:.1f} s")
            measure(workspace, jobs, due, seconds)
            stop.set()
            thread.join()


def measure(workspace: Workspace, jobs: int, due: datetime, seconds: int) -> None:
    """Looks at the ledger until every run is there, and `seconds` after that."""
    while count(workspace) < jobs:
        time.sleep(0.02)
    late = (datetime.now(UTC) - due).total_seconds()
    print(f"every run durable {late:.2f} s after its due time")
    time.sleep(seconds)
    built = count(workspace, beyond="building")
    print(f"{built:,} built and queued in {seconds} s: {built / seconds:.1f} a second")


def count(workspace: Workspace, beyond: str = "") -> int:
    """Runs in the ledger; with `beyond`, those that are neither due nor being built."""
    query = select(func.count()).select_from(runs)
    if beyond:
        query = query.where(runs.c.state.not_in(["due", beyond]))
    with read(workspace.engine) as connection:
        return connection.execute(query).scalar_one()


if __name__ == "__main__":
    main(*(int(argument) for argument in sys.argv[1:]))
