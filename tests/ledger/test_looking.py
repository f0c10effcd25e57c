"""Which deliveries people see, on both databases: the same as a filter over all of them, at the cost of those alone."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import event

from pipeline.ledger.looking import Which
from pipeline.ledger.operations import Operations
from pipeline.ledger.operator_records import Note
from pipeline.ledger.records import Delivery
from pipeline.ledger.states import DeliveryState as D

ASKED: list[dict[str, Any]] = [
    {},
    {"run": "daily@20130201T113000Z"},
    {"run": "daily@20130201T113000Z", "state": D.HELD},
    {"run": "daily@20130201T113000Z", "state": D.STAGED},
    {"run": "nightly@20130201T123000Z"},
    {"run": "nightly@20130201T123000Z", "state": D.STAGED},
    {"run": "nightly@20130201T123000Z", "state": D.QUEUED},
    {"run": "none@20130201T123000Z"},
    {"job": "daily"},
    {"job": "daily", "state": D.HELD},
    {"job": "daily", "state": D.QUEUED},
    {"job": "weekly", "recipient": "d1@example.com"},
    {"recipient": "d1@example.com"},
    {"recipient": "d1@example.com", "state": D.STAGED},
    {"state": D.HELD},
    {"state": D.QUEUED},
    {"state": D.STAGED},
    {"state": D.SENT},
    {"since": 1},
    {"since": 1, "job": "daily"},
    {"since": 99},
]


def made(desk: Any) -> None:
    """Four runs whose deliveries are mixed by number and by state, one of them being built; and one from before."""
    desk.queued(desk.people(3, "old"), desk.key("daily", -1))
    runs = [desk.key("daily"), desk.key("daily", 1), desk.key("weekly", 2), desk.key("nightly", 1)]
    for key in runs:
        desk.building(key)
    for batch in range(4):
        for number, key in enumerate(runs):
            desk.runs.stage(key, "builder", [
                desk.letter(f"{batch}{number}{i}", f"{'abcd'[number]}{batch * 3 + i}@example.com",
                            *(["d1@example.com"] if key.job != "nightly" and batch == i == 2 else []))
                for i in range(3)
            ])  # fmt: skip
    for key in runs[:3]:
        desk.runs.queue(key, "builder", desk.terms(), desk.now)
    operations, note = Operations(desk.engine), Note("ana", desk.now)
    numbers = [one.id for one in desk.outbox.deliveries(limit=1000)]
    for some, act in ((numbers[::3], operations.hold), (numbers[1::5], operations.cancel)):
        for number in some:
            run = operations.run_of(number)
            if run is not None and run in runs[:3]:
                act(run, note, delivery=number)


def fits(desk: Any, one: Delivery, asked: dict[str, Any]) -> bool:
    key = next(run.key for run in desk.runs.find(limit=99) if str(run.key) == one.run)
    return (
        asked.get("run") in (None, one.run)
        and asked.get("job") in (None, one.job)
        and asked.get("state") in (None, one.state)
        and asked.get("recipient") in (None, one.recipient)
        and ("since" not in asked or key.due >= desk.now + timedelta(hours=asked["since"]))
    )


def test_whatever_is_asked_the_latest_that_fit_are_told(desk: Any) -> None:
    made(desk)
    everything = desk.outbox.deliveries(limit=1000)
    numbers = [one.id for one in everything]
    assert numbers == sorted(numbers, reverse=True)
    assert (len(numbers), {one.state for one in everything}) == (54, {D.QUEUED, D.HELD, D.CANCELLED, D.STAGED})
    for asked in ASKED:
        wanted = [one for one in everything if fits(desk, one, asked)]
        given = {**asked, "since": desk.now + timedelta(hours=asked["since"])} if "since" in asked else asked
        for limit in (1, 2, 7, 1000):
            assert desk.outbox.deliveries(**given, limit=limit) == wanted[:limit], (asked, limit)
    for asked in (*ASKED[:2], *ASKED[4:5], {"job": "daily"}, {"job": "none"}):
        told = [one.state for one in everything if fits(desk, one, asked)]
        assert desk.outbox.counts(**asked) == {state: told.count(state) for state in set(told)}


def test_more_than_a_page_is_told_whole_while_it_changes(desk: Any) -> None:
    key = desk.queued(desk.people(1203))
    told = desk.outbox.each(Which(run=str(key)), 1100)
    first = next(told)
    Operations(desk.engine).hold(key, Note("ana", desk.now))
    rest = list(told)
    numbers = [one.id for one in (first, *rest)]
    assert (len(numbers), numbers) == (1100, sorted(set(numbers), reverse=True))
    assert (first.state, rest[-1].state) == (D.QUEUED, D.HELD)


def test_attempts_at_many(desk: Any) -> None:
    desk.queued(desk.people(3))
    one, two, three = desk.claim()
    desk.outbox.journal([one, two], [], "w1", desk.now)
    desk.outbox.journal([], [desk.outcome(one, D.DEFERRED, 5), desk.outcome(two, D.SENT)], "w1", desk.now)
    found = desk.outbox.attempts_at([one, two, three])
    assert {number: [attempt.state for attempt in several] for number, several in found.items()} == {
        one: [D.DEFERRED], two: [D.SENT],
    }  # fmt: skip
    assert desk.outbox.attempts(one) == found[one]


@pytest.mark.parametrize("backend", ["sqlite"])
@pytest.mark.parametrize(
    "asked", [{"run": "daily@20130201T113000Z"}, {"job": "daily"}, {"state": D.QUEUED}, {"since": 0}]
)
def test_what_is_told_costs_the_same_of_many_as_of_few(desk: Any, asked: dict[str, Any]) -> None:
    """In steps of SQLite's machine, which no other work on this machine changes."""
    given = {**asked, "since": desk.now} if "since" in asked else asked
    key = desk.building(desk.key())
    costs = []
    for batch in range(2):
        desk.runs.stage(
            key, "builder", [desk.letter(f"{batch}x{i}", parts=()) for i in range(100 if batch == 0 else 4000)]
        )
        if batch == 1:
            desk.runs.queue(key, "builder", desk.terms(), desk.now)
        costs.append(steps(desk, lambda: desk.outbox.deliveries(**given, limit=5)))
    assert costs[1] < 2 * costs[0] + 2000


def steps(desk: Any, work: Any) -> int:
    taken = 0

    def count() -> int:
        nonlocal taken
        taken += 1
        return 0

    def watch(connection: Any, *_: Any) -> None:
        connection.connection.dbapi_connection.set_progress_handler(count, 1)

    event.listen(desk.engine, "before_cursor_execute", watch)
    work()
    event.remove(desk.engine, "before_cursor_execute", watch)
    with desk.engine.connect() as connection:
        connection.connection.dbapi_connection.set_progress_handler(None, 0)
    return taken
