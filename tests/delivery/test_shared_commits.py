"""Uneven answers share a commit, and no commit opens more mails than there are connections."""

import time
from functools import partial

from delivery_bench import QUICK, make_letter, no_artifacts
from scripted_smtp import ScriptedServer

from pipeline.delivery.smtp.connect import open_link
from pipeline.delivery.smtp.pool import GATHER, Pool
from pipeline.delivery.smtp.relay import Relay

CONNECTIONS, MAILS = 4, 40


class SlowDisk:
    """The real outbox, whose commits take longer than the pool ever waits, by the pool's own clock."""

    def __init__(self, outbox):
        self._outbox = outbox
        self.now = 0.0
        self.intents = []

    def __getattr__(self, name):
        return getattr(self._outbox, name)

    def journal(self, intents, outcomes, owner, now, **more):
        self.now += GATHER + 0.01
        self.intents.append(len(intents))
        return self._outbox.journal(intents, outcomes, owner, now, **more)


def test_all_connections_share_a_commit_on_a_slow_disk(bench, trusting):
    bench.queue([make_letter(number) for number in range(MAILS)])
    bench.outbox = disk = SlowDisk(bench.outbox)
    uneven = {"dot": lambda turn: time.sleep(0.01 * turn.session)}
    with ScriptedServer(script=uneven) as server:
        relay = Relay(server.host, server.port, "plain")
        pool = Pool(
            partial(open_link, relay, trusting, QUICK),
            no_artifacts,
            name="relay",
            connections=CONNECTIONS,
            timeouts=QUICK,
            monotonic=lambda: disk.now,
        )
        bench.deliver(pool)
    assert bench.states() == {"sent": MAILS}
    assert max(disk.intents) == CONNECTIONS
    assert disk.intents.count(CONNECTIONS) * CONNECTIONS >= MAILS // 2
