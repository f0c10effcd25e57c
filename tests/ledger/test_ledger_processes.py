"""Real processes on one ledger: at once, and killed in the middle."""

import subprocess
import sys
from collections import Counter
from datetime import timedelta
from pathlib import Path

from sqlalchemy import Engine, select

from pipeline.ledger.database import read, write
from pipeline.ledger.schema import deliveries, messages, runs
from pipeline.ledger.states import DeliveryState as D
from pipeline.ledger.states import RunState

HERE = Path(__file__).parent
MINUTE = timedelta(minutes=1)


def _start(script: str, *arguments: str) -> subprocess.Popen[str]:
    command = [sys.executable, str(HERE / script), *arguments]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def _read_some(process: subprocess.Popen[str], lines: int) -> list[str]:
    assert process.stdout is not None
    return [process.stdout.readline().strip() for _ in range(lines)]


def _kill(process: subprocess.Popen[str]) -> list[str]:
    """SIGKILL; what the process had still said."""
    process.kill()
    said = process.communicate()[0].split("\n")
    assert process.returncode == -9, "it was to die in the middle, not to end before"
    return [line for line in said if line]


def _wait_for_its_last_transaction(engine: Engine) -> None:
    """PostgreSQL ends what a process had sent before it was killed: that is over when its rows can be locked."""
    with write(engine) as connection:
        for table in (runs, deliveries):
            connection.execute(select(table.c.id).with_for_update()).all()


def test_two_workers_share_without_overlap(desk, url: str) -> None:
    key = desk.queued([*desk.people(300), desk.letter("all", *(f"s{n}@example.com" for n in range(20)))])
    workers = [_start("claimer.py", url, f"w{number}") for number in (1, 2)]
    for worker in workers:  # both wait at their first line: nobody has begun before both are there
        assert worker.stdin is not None
        worker.stdin.write("go\n")
        worker.stdin.flush()
    said = [worker.communicate()[0].split() for worker in workers]
    assert [worker.returncode for worker in workers] == [0, 0]
    sent = Counter(word for words in said for word in words if word.isdigit())
    assert len(sent) == 320
    assert set(sent.values()) == {1}
    assert [word for words in said for word in words if word == str(key)] == [str(key)], "one of them ended it"
    assert desk.runs.get(key).state is RunState.DELIVERED


def test_a_worker_killed_in_the_middle_loses_and_doubles_nothing(desk, url: str) -> None:
    key = desk.queued(desk.people(500))
    doomed = _start("claimer.py", url, "doomed")
    assert doomed.stdin is not None
    doomed.stdin.write("go\n")
    doomed.stdin.flush()
    first = {int(word) for word in _read_some(doomed, 30) + _kill(doomed)}
    _wait_for_its_last_transaction(desk.engine)

    swept = desk.outbox.recover(desk.now, dead={"doomed"})
    again = {delivery.id for delivery in swept.deliveries}
    assert all(delivery.possible_duplicate for delivery in swept.deliveries)
    assert len(again) <= 7, "no more than were in flight"
    survivor = _start("claimer.py", url, "survivor")
    second = {int(word) for word in survivor.communicate("go\n")[0].split() if word.isdigit()}
    assert first & second <= again, "what was sent twice says so"
    assert len(first | second) == 500
    assert desk.outbox.counts(run=key) == {D.SENT: 500}
    assert desk.runs.get(key).state is RunState.DELIVERED


def test_a_builder_killed_in_the_middle_leaves_nothing_sendable(desk, url: str) -> None:
    builder = _start("stager.py", url)
    durable = int((_read_some(builder, 20) + _kill(builder))[-1])
    _wait_for_its_last_transaction(desk.engine)

    run = desk.runs.get(desk.key())
    with read(desk.engine) as connection:
        counts = [len(connection.execute(table.select()).all()) for table in (messages, deliveries)]
    assert counts == [run.messages, run.deliveries]
    assert run.messages in {durable, durable + 20}, "a batch is there whole or not at all"
    assert desk.claim() == []

    assert [run.key for run in desk.runs.recover(desk.now + 5 * MINUTE)] == [desk.key()]
    assert desk.runs.start(desk.key(), "second", desk.now + 9 * MINUTE, desk.now).messages == 0
    desk.runs.stage(desk.key(), "second", desk.people(3))
    desk.runs.queue(desk.key(), "second", desk.terms(), desk.now)
    assert len(desk.claim()) == 3
    assert len(desk.states()) == 3
