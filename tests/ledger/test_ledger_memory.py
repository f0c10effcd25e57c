"""What runs leave for the next: their origins, a due time put off, everything held."""

from datetime import UTC, datetime, timedelta

import pytest

from pipeline.errors import IllegalTransitionError, LedgerError
from pipeline.ledger.kept_records import Before, Ingredient, Origin
from pipeline.ledger.memory import Memory
from pipeline.ledger.states import DeliveryState, RunState

HOUR = timedelta(hours=1)
VALUES = {
    "text": "ä", "number": 3, "share": 0.1, "yes": True, "nothing": None,
    "time": datetime(2013, 1, 31, 6, 30, tzinfo=UTC),
    "day": datetime.fromisoformat("2013-01-31"), "span": timedelta(days=-1, microseconds=1),
}  # fmt: skip
FILE = Ingredient("reports/data/sales.csv", "c" * 64, 12)


def test_an_origin_comes_back_as_it_was(desk) -> None:
    memory = Memory(desk.engine)
    origin = Origin(VALUES, armed=False, ingredients=(FILE,))
    key = desk.key()
    assert memory.origin(key) is None
    desk.runs.ensure(key, desk.now)
    desk.runs.start(key, "builder", desk.now + HOUR, desk.now)
    desk.runs.skip(key, "nothing new", desk.now, owner="builder", origin=origin)
    assert memory.origin(key) == origin
    desk.runs.reopen(key, desk.now)
    desk.runs.start(key, "other", desk.now + HOUR, desk.now)
    desk.runs.skip(key, "nothing new", desk.now, owner="other", origin=Origin())
    assert memory.origin(key) == Origin()


def test_before_is_the_last_one_sent_and_armed_the_last_one_judged(desk) -> None:
    memory = Memory(desk.engine)

    def came(number: int, *, sent: bool, variant: str = "", job: str = "daily") -> None:
        key = desk.key(job, number, variant=variant)
        origin = Origin({"number": number}, armed=number % 2 == 0)
        desk.runs.ensure(key, desk.now)
        desk.runs.start(key, f"builder-{key}", desk.now + HOUR, desk.now)
        if sent:
            desk.runs.stage(key, f"builder-{key}", [desk.letter(f"x{number}{job}{variant}")])
            desk.runs.queue(key, f"builder-{key}", desk.terms(), desk.now, origin=origin)
        else:
            desk.runs.skip(key, "", desk.now, origin=origin)

    assert memory.before(desk.key()) == Before()
    came(0, sent=True)
    came(1, sent=False)
    came(2, sent=True, variant="test-1")
    came(2, sent=True, job="weekly")
    came(4, sent=True)
    assert memory.before(desk.key("daily", 0)) == Before()
    assert memory.before(desk.key("daily", 1)) == Before(desk.key("daily", 0).due, {"number": 0}, armed=True)
    assert memory.before(desk.key("daily", 3)) == Before(desk.key("daily", 0).due, {"number": 0}, armed=False)
    assert memory.before(desk.key("daily", 5)) == Before(desk.key("daily", 4).due, {"number": 4}, armed=True)


def test_a_postponed_run_is_due_later_and_no_death(desk) -> None:
    key = desk.key()
    desk.runs.ensure(key, desk.now)
    desk.runs.start(key, "builder", desk.now + HOUR, desk.now)
    with pytest.raises(LedgerError):
        desk.runs.postpone(key, "somebody else", "old data", desk.now + HOUR)
    put_off = desk.runs.postpone(key, "builder", "old data", desk.now + HOUR)
    assert (put_off.state, put_off.reason, put_off.not_before) == (RunState.DUE, "old data", desk.now + HOUR)
    assert desk.runs.turns(desk.now + HOUR - timedelta(seconds=1)) == []
    assert [turn.run.key for turn in desk.runs.turns(desk.now + HOUR)] == [key]
    again = desk.runs.start(key, "next", desk.now + 2 * HOUR, desk.now + HOUR)
    assert again is not None
    assert (again.builds, again.reason) == (1, "")
    desk.runs.stage(key, "next", [desk.letter("one")])
    assert desk.runs.queue(key, "next", desk.terms(), desk.now).not_before is None
    with pytest.raises(IllegalTransitionError):
        desk.runs.postpone(key, "next", "too late", desk.now)


def test_everything_is_held_until_somebody_releases_it(desk) -> None:
    key = desk.key()
    desk.runs.ensure(key, desk.now)
    desk.runs.start(key, "builder", desk.now + HOUR, desk.now)
    desk.runs.stage(key, "builder", [desk.letter("one", "a@example.com", "b@example.com")])
    held = desk.runs.queue(key, "builder", desk.terms(), desk.now, held="few rows")
    assert (held.state, held.reason) == (RunState.HELD, "few rows")
    assert desk.outbox.counts(run=key) == {DeliveryState.HELD: 2}
    assert desk.claim() == []


def test_the_files_of_a_run_are_named_once_each(desk) -> None:
    desk.queued(desk.people(3))
    chart, book = desk.letter("p0").parts
    assert Memory(desk.engine).artifacts(desk.key()) == [book, chart]
    assert Memory(desk.engine).artifacts(desk.key("weekly")) == []


def test_what_an_owner_was_told_is_in_nobodys_way(desk) -> None:
    notice = desk.key(variant="notice-1")
    for key in (desk.key(), notice):
        desk.runs.ensure(key, desk.now)
    assert desk.runs.resolve("daily").key == desk.key()
    assert desk.runs.resolve(f"{desk.key()}+n").key == notice
    assert [run.key for run in desk.runs.find()] == [desk.key(), notice]
