"""A worker as a process of its own: claims, journals and prints what it was allowed to send, until nothing is
due."""

import sys
from datetime import UTC, datetime, timedelta

from pipeline.ledger.database import open_ledger
from pipeline.ledger.outbox import Outbox
from pipeline.ledger.records import Outcome
from pipeline.ledger.states import DeliveryState
from pipeline.ledger.ways import Asking

url, owner = sys.argv[1:]
now = datetime(2013, 2, 1, 11, 30, tzinfo=UTC)
outbox = Outbox(open_ledger(url))
sys.stdin.readline()  # all start at once
while claims := outbox.take(Asking("relay", owner, now, timedelta(minutes=1), 7)).claims:
    ids = [delivery.id for claim in claims for delivery in claim.deliveries]
    for sent in sorted(outbox.journal(ids, [], owner, now).intended):
        print(sent, flush=True)
    outcomes = [Outcome(one, DeliveryState.SENT, now, 1, "dot", 250, "2.0.0", "OK", "taken") for one in ids]
    ended = outbox.journal([], outcomes, owner, now).ended
    for run in ended:
        print(f"ended {run.key}", flush=True)
