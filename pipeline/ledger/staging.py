"""Letters of a run that is being built: written in batches, invisible until the run is queued, or removed."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection, Engine, bindparam, delete, select, update
from sqlalchemy.exc import IntegrityError

from pipeline.errors import LedgerError
from pipeline.ledger import enclosures
from pipeline.ledger.bulk import insert_rows
from pipeline.ledger.database import read, write
from pipeline.ledger.prepared import Prepared, fetch
from pipeline.ledger.records import Letter, RunKey
from pipeline.ledger.schema import deliveries, messages, micros, runs
from pipeline.ledger.states import ABANDONED, DeliveryState, RunState

_CHUNK = 2_000
"""Messages removed in one transaction: others get their turn in between."""

_COUNT = (
    update(runs)
    .where(
        runs.c.key == bindparam("of_key"),
        runs.c.state == RunState.BUILDING,
        runs.c.owner == bindparam("by_owner"),
    )
    .values(
        messages=runs.c.messages + bindparam("more_messages"),
        deliveries=runs.c.deliveries + bindparam("more_deliveries"),
    )
    .returning(runs.c.id, runs.c.started_at)
)
_MESSAGE = ("run_id", "message_id", "sender", "enclosure_id", "subject", "headers", "text", "html")
_NUMBERS = Prepared(
    select(messages.c.message_id, messages.c.id)
    .where(messages.c.run_id == bindparam("run"))
    .order_by(messages.c.id.desc())
    .limit(bindparam("most")),
    "run",
    "most",
)
_DELIVERY = (
    "run_id", "message_id", "recipient", "state", "next_attempt_at", "updated_at",
    "attempts", "enhanced", "verdict", "reply", "possible_duplicate",
)  # fmt: skip
_NEW = (0, "", "", "", False)
_REMOVE = delete(messages).where(
    messages.c.id.in_(
        select(messages.c.id).where(messages.c.run_id == bindparam("run")).limit(_CHUNK).scalar_subquery()
    )
)


def stage(engine: Engine, key: RunKey, owner: str, letters: Sequence[Letter]) -> None:
    """Writes a batch, all of it or nothing; what queues the run makes it last.

    Raises LedgerError when the run is not this owner's to build (any more), or when a recipient or a Message-ID is in
    the ledger already.
    """
    if not letters:
        return
    try:
        with write(engine, lasting=False) as connection:
            _write(connection, key, owner, letters)
    except IntegrityError as error:
        raise LedgerError(_conflict(engine, key, letters)) from error


def remove(engine: Engine, key: RunKey) -> int | None:
    """Deletes the staged messages of a run that is due or abandoned; how many there were. None when
    there is no such run or it is in another state.

    In steps: a crash half-way leaves less of what nobody can send.
    """
    removed = 0
    while True:
        with write(engine) as connection:
            run = connection.execute(
                select(runs.c.id, runs.c.state).where(runs.c.key == str(key)).with_for_update()
            ).one_or_none()
            if run is None or run.state not in ABANDONED | {RunState.DUE}:
                return None
            step = remove_some(connection, run.id)
            removed += step
            if step < _CHUNK:
                connection.execute(update(runs).where(runs.c.id == run.id).values(messages=0, deliveries=0))
                return removed


def remove_some(connection: Connection, run: int) -> int:
    """Deletes some thousand messages of a run, if it has any; how many."""
    return connection.execute(_REMOVE, {"run": run}).rowcount


def hold_all(connection: Connection, run: int, now: datetime) -> None:
    """Keeps everything of a run that is just being queued from leaving, until somebody releases it."""
    connection.execute(
        update(deliveries)
        .where(deliveries.c.run_id == run, deliveries.c.state == DeliveryState.QUEUED)
        .values(state=DeliveryState.HELD, next_attempt_at=None, updated_at=now)
    )


def _write(connection: Connection, key: RunKey, owner: str, letters: Sequence[Letter]) -> None:
    recipients = sum(len(letter.recipients) for letter in letters)
    run = connection.execute(
        _COUNT,
        {
            "of_key": str(key),
            "by_owner": owner,
            "more_messages": len(letters),
            "more_deliveries": recipients,
        },
    ).one_or_none()
    if run is None:
        raise LedgerError(
            f"run {key} is not being built by {owner}: it was given to another builder, or has ended; "
            "nothing of this batch was kept"
        )
    numbers = enclosures.store(connection, {letter.parts for letter in letters})
    insert_rows(
        connection,
        messages,
        _MESSAGE,
        [
            (run.id, one.message_id, one.sender, numbers.get(one.parts), one.subject, one.headers, one.text, one.html)
            for one in letters
        ],
    )
    # The run's row is locked, so its latest messages are these. Asking for them afterwards is half the price
    # of RETURNING, which SQLAlchemy must do row by row on SQLite.
    ids: dict[str, int] = dict(fetch(connection, _NUMBERS, run.id, len(letters)))
    at, queued = micros(run.started_at), DeliveryState.QUEUED.value
    insert_rows(
        connection,
        deliveries,
        _DELIVERY,
        [
            (run.id, ids[letter.message_id], recipient, queued, at, at, *_NEW)
            for letter in letters
            for recipient in letter.recipients
        ],
    )


def _conflict(engine: Engine, key: RunKey, letters: Sequence[Letter]) -> str:
    """Which rule the batch broke, found after the fact: the batch itself pays nothing for the answer."""
    recipients = Counter(recipient for letter in letters for recipient in letter.recipients)
    with read(engine) as connection:
        there = connection.execute(
            select(deliveries.c.recipient)
            .join(runs, runs.c.id == deliveries.c.run_id)
            .where(runs.c.key == str(key), deliveries.c.recipient.in_(recipients))
            .limit(1)
        ).scalar()
        twice = there or next((one for one, times in recipients.items() if times > 1), None)
        if twice is not None:
            return f"run {key} has two messages for {twice}; a recipient is in a run's outbox once"
        ids = Counter(letter.message_id for letter in letters)
        known = connection.execute(
            select(messages.c.message_id).where(messages.c.message_id.in_(ids)).limit(1)
        ).scalar()
    taken = known or next((one for one, times in ids.items() if times > 1), None)
    if taken is not None:
        return f"run {key} has a message with the Message-ID {taken}, which the ledger has already"
    return f"run {key} has a message that breaks a rule of the ledger's tables; this is a defect of the pipeline"
