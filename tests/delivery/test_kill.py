"""kill -9 in the middle of delivery, then deliver again: nothing lost, and nothing repeated but the mails in flight."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from delivery_bench import make_letter
from scripted_smtp import CHUNKING, OFFERS, Act, ScriptedServer, Turn

from pipeline.delivery.smtp.pace import WINDOW

CONNECTIONS = 3
LETTERS = 60
DELIVER = Path(__file__).with_name("deliver_once.py")
STAGES = ["mail", "rcpt", "data", "body", "dot"]
IN_FLIGHT = {OFFERS: CONNECTIONS, CHUNKING: CONNECTIONS * WINDOW}
"""By what the server offers: how many letters may be on their way at once."""
CASES = [(OFFERS, stage) for stage in STAGES] + [(CHUNKING, stage) for stage in STAGES if stage != "data"]


class Killer:
    """Kills the delivering process the first time that a stage is reached often enough."""

    def __init__(self, after: int) -> None:
        self.after = after
        self.process: subprocess.Popen[bytes] | None = None

    def __call__(self, turn: Turn) -> Act | None:
        if self.process is not None and turn.count >= self.after:
            os.kill(self.process.pid, signal.SIGKILL)
            self.process = None
        return None


@pytest.mark.parametrize(("offers", "stage"), CASES)
def test_nothing_is_lost_and_only_mails_in_flight_are_repeated(bench, tmp_path, offers, stage):
    bench.queue([make_letter(n) for n in range(LETTERS)], retry=(0.05,))
    killer = Killer(after=25)
    with ScriptedServer(script={stage: killer}, offers=offers, tolerant=True) as server:
        arguments = [sys.executable, DELIVER, bench.url, str(tmp_path / "owners"), str(server.port), str(CONNECTIONS)]
        first = killer.process = subprocess.Popen(arguments)
        assert first.wait(60) == -signal.SIGKILL
        assert not set(bench.states()) - {"queued", "sending", "sent"}
        sent_before = bench.states()["sent"]
        second = subprocess.run(arguments, timeout=60, check=False)
    assert second.returncode == 0
    assert sent_before < LETTERS
    assert bench.states() == {"sent": LETTERS}
    received = server.received()
    assert len(received) == LETTERS
    repeated = [who for (who, _), copies in received.items() if copies > 1]
    assert max(received.values()) <= 2
    assert len(repeated) <= IN_FLIGHT[offers]
    suspected = {delivery.recipient for delivery in bench.deliveries() if delivery.possible_duplicate}
    assert set(repeated) <= suspected
    assert len(suspected) <= IN_FLIGHT[offers]
