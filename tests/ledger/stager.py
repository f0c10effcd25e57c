"""A builder as a process of its own: stages batches for ever, and says after each that it is durable."""

import sys
from datetime import UTC, datetime, timedelta

from pipeline.ledger.database import open_ledger
from pipeline.ledger.records import Letter, RunKey
from pipeline.ledger.runs import Runs

now = datetime(2013, 2, 1, 11, 30, tzinfo=UTC)
key = RunKey("daily", now)
runs = Runs(open_ledger(sys.argv[1]))
runs.ensure(key, now)
runs.start(key, "builder", now + timedelta(minutes=5), now)
number = 0
while True:
    letters = [
        Letter(f"<{number + n}@x>", "s@x", (f"{number + n}@x",), b"S: x\r\n", b"x" * 1000, b"y" * 9000, (), "S")
        for n in range(20)
    ]
    runs.stage(key, "builder", letters)
    number += len(letters)
    print(number, flush=True)
