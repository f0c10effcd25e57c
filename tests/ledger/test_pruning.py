"""Retention: old runs go with all that is theirs; what somebody still needs stays."""

import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import delete, func, select, text

from pipeline.ledger.database import read, write
from pipeline.ledger.enclosures import load, store
from pipeline.ledger.kept_records import Origin
from pipeline.ledger.operations import Operations
from pipeline.ledger.operator_records import Note
from pipeline.ledger.pruning import OldRun, Pruning
from pipeline.ledger.records import RunKey
from pipeline.ledger.schema import artifacts, attempts, deliveries, enclosures, messages, parts, runs
from pipeline.ledger.states import DeliveryState

HOUR = timedelta(hours=1)
ORIGIN = Origin({}, True, True, ())


def sent(desk: Any, key: RunKey, people: int = 1, state: DeliveryState = DeliveryState.SENT) -> RunKey:
    """A run that ended with all its deliveries in this state."""
    desk.building(key)
    name = f"{key.job}{key.due:%d%H}{key.variant}"
    desk.runs.stage(key, "builder", desk.people(people, prefix=name))
    desk.runs.queue(key, "builder", desk.terms(hours=10_000), desk.now, origin=ORIGIN)
    ids = desk.claim(limit=people)
    assert len(ids) == people
    assert len(desk.outbox.journal(ids, [], "w1", desk.now).intended) == people
    desk.outbox.journal([], [desk.outcome(one, state) for one in ids], "w1", desk.now)
    return key


def due(desk: Any, hours: int, job: str = "daily", variant: str = "") -> RunKey:
    return desk.key(job, hours - 1000, variant)


def old(desk: Any, before: timedelta = HOUR) -> list[str]:
    return sorted(run.key for run in Pruning(desk.engine).old_runs(desk.now + before))


def counts(desk: Any) -> dict[str, int]:
    tables = (runs, messages, deliveries, attempts, enclosures, parts, artifacts)
    with read(desk.engine) as connection:
        return {t.name: connection.execute(select(func.count()).select_from(t)).scalar_one() for t in tables}


def test_a_run_goes_with_all_that_is_its(desk: Any) -> None:
    first = sent(desk, due(desk, 0), people=5)
    kept = sent(desk, due(desk, 1), people=2)
    before = counts(desk)
    ledger = Pruning(desk.engine)
    (run,) = ledger.old_runs(desk.now + HOUR)
    assert (run.key, run.messages) == (str(first), 5)
    assert run.bytes == sum(len(row.headers) + len(row.text) + len(row.html) for row in _rows(desk, messages)[:5])
    assert ledger.remove(run)
    assert ledger.forget_files() == 0  # the other run's mails have the same files
    after = counts(desk)
    assert {name: before[name] - after[name] for name in before} == {
        "runs": 1, "messages": 5, "deliveries": 5, "attempts": 5, "enclosures": 0, "parts": 0, "artifacts": 0,
    }  # fmt: skip
    assert desk.runs.get(kept) is not None
    assert desk.runs.get(first) is None


def test_files_that_nothing_names_any_more_are_forgotten(desk: Any) -> None:
    sent(desk, due(desk, 0))
    desk.runs.ensure(due(desk, 1), desk.now)
    ledger = Pruning(desk.engine)
    assert ledger.unknown({"a" * 64, "c" * 64}) == {"c" * 64}
    (run,) = [OldRun(row.id, row.key, 1, 0) for row in _rows(desk, runs) if row.key == str(due(desk, 0))]
    assert ledger.remove(run)
    assert ledger.forget_files() == 2
    assert counts(desk) == {
        "runs": 1, "messages": 0, "deliveries": 0, "attempts": 0, "enclosures": 0, "parts": 0, "artifacts": 0,
    }  # fmt: skip
    assert ledger.unknown({"a" * 64}) == {"a" * 64}


def _rows(desk: Any, table: Any) -> list[Any]:
    with read(desk.engine) as connection:
        return list(connection.execute(table.select()).all())


@pytest.mark.parametrize("state", ["uncertain", "held", "open", "due", "building", "young"])
def test_what_is_somebodys_business_stays(desk: Any, state: str) -> None:
    key = due(desk, 0)
    sent(desk, due(desk, 1))  # so that it does not stay for being the latest
    if state == "uncertain":
        desk.building(key)
        desk.runs.stage(key, "builder", desk.people(1))
        desk.runs.queue(key, "builder", desk.terms(on_uncertain="hold", hours=10_000), desk.now)
        ids = desk.claim()
        desk.outbox.journal(ids, [], "w1", desk.now)
        desk.outbox.recover(desk.now, ["w1"])
    elif state == "held":
        desk.building(key)
        desk.runs.stage(key, "builder", desk.people(1))
        desk.runs.queue(key, "builder", desk.terms(hours=10_000), desk.now, held="look at it")
    elif state == "open":
        desk.queued(desk.people(1), key, desk.terms(hours=10_000))
    elif state == "building":
        desk.building(key)
    elif state == "young":
        sent(desk, key)
    else:
        desk.runs.ensure(key, desk.now)
    assert str(key) not in old(desk, -HOUR if state == "young" else HOUR)


def test_what_later_runs_look_back_at_stays(desk: Any) -> None:
    """Of each job: the latest, the latest that went out, that was built to its end, and that failed."""
    gone = [sent(desk, due(desk, 0)), sent(desk, due(desk, 0, "weekly"))]
    failed = due(desk, 1)
    for key in (failed, due(desk, 2)):
        desk.building(key)
        desk.runs.fail(key, "no numbers", desk.now)
    went_out = sent(desk, due(desk, 3))
    skipped = desk.building(due(desk, 4))
    desk.runs.skip(skipped, "nothing new", desk.now, origin=ORIGIN)
    latest = desk.building(due(desk, 5))
    desk.runs.skip(latest, "cancelled", desk.now)
    sent(desk, due(desk, 1, "weekly"))
    notice = sent(desk, due(desk, 4, variant="notice-1"))
    assert old(desk) == sorted(map(str, [*gone, failed, notice]))
    assert str(went_out) not in old(desk)


def test_a_run_that_is_under_way_again_is_not_removed(desk: Any) -> None:
    key = sent(desk, due(desk, 0), state=DeliveryState.FAILED)
    sent(desk, due(desk, 1))
    ledger = Pruning(desk.engine)
    (run,) = ledger.old_runs(desk.now + HOUR)
    note = Note("ops", desk.now, "the relay is back")
    Operations(desk.engine).resend(key, note, desk.terms(hours=10_000))
    assert not ledger.remove(run)
    assert counts(desk)["messages"] == 2


def test_who_is_told_to_stop_removes_nothing_more_and_the_next_goes_on(desk: Any) -> None:
    sent(desk, due(desk, 0), people=2)
    sent(desk, due(desk, 1))
    ledger = Pruning(desk.engine)
    (run,) = ledger.old_runs(desk.now + HOUR)
    assert not ledger.remove(run, lambda: True)
    assert counts(desk)["messages"] == 3
    assert ledger.remove(run)
    assert counts(desk)["messages"] == 1


def orphaned(desk: Any) -> None:
    """Leaves the rows of two files that no mail names any more."""
    sent(desk, due(desk, 0))
    with write(desk.engine) as connection:
        connection.execute(delete(messages))
    assert (counts(desk)["enclosures"], counts(desk)["artifacts"]) == (1, 2)


@pytest.mark.parametrize("backend", ["postgresql"])  # SQLite has one writer at a time
@pytest.mark.parametrize("anew", [False, True])
def test_what_a_build_has_found_and_not_yet_named_is_not_forgotten(desk: Any, *, anew: bool) -> None:
    orphaned(desk)
    key = desk.building(due(desk, 2))
    chart, book = desk.letter("late").parts
    wanted = (chart,) if anew else (chart, book)
    ledger = Pruning(desk.engine)
    with write(desk.engine) as connection:
        (number,) = store(connection, {wanted}).values()
        assert ledger.forget_files() == (1 if anew else 0)  # waits for nobody; the book is of an enclosure that goes
        connection.execute(messages.insert().values(
            run_id=select(runs.c.id).where(runs.c.key == str(key)).scalar_subquery(), message_id="<late@x>", sender="",
            enclosure_id=number, subject="", headers=b"", text=b"", html=b"",
        ))  # fmt: skip
    assert ledger.forget_files() == 0
    assert ledger.unknown({"a" * 64, "b" * 64}) == ({"b" * 64} if anew else set())


@pytest.mark.parametrize("backend", ["postgresql"])
@pytest.mark.parametrize("table", [enclosures, artifacts])
def test_a_build_that_finds_what_is_being_forgotten_writes_it_again(desk: Any, table: Any) -> None:
    orphaned(desk)
    key = desk.building(due(desk, 2))
    if table is artifacts:
        with write(desk.engine) as connection:
            connection.execute(delete(enclosures))
    with ThreadPoolExecutor() as threads:
        with write(desk.engine) as connection:  # as `forget_files` does, and not committed yet
            connection.execute(delete(table))
            staged = threads.submit(desk.runs.stage, key, "builder", [desk.letter("late")])
            wait_for_a_lock(desk)
        staged.result()
    (message,) = _rows(desk, messages)
    with read(desk.engine) as connection:
        assert load(connection, [message.enclosure_id]) == {message.enclosure_id: desk.letter("late").parts}
    assert counts(desk)["artifacts"] == 2


def wait_for_a_lock(desk: Any) -> None:
    """Until another connection of this database waits for one."""
    waits = "datname = current_database() AND wait_event_type = 'Lock'"
    waiting = text(f"SELECT count(*) FROM pg_stat_activity WHERE {waits}")
    until = time.monotonic() + 10
    while time.monotonic() < until:
        with read(desk.engine) as connection:
            if connection.execute(waiting).scalar_one():
                return
    raise AssertionError("nobody waits for a lock")
