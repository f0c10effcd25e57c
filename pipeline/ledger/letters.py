"""A run's letters as they were stored, and who gets them: for those who look at a run before or after it is sent."""

from collections.abc import Iterator

from sqlalchemy import Engine, bindparam, func, select

from pipeline.ledger import enclosures
from pipeline.ledger.database import read
from pipeline.ledger.records import Letter, RunKey
from pipeline.ledger.rows import AnyRow
from pipeline.ledger.schema import deliveries, messages, runs, suppressions
from pipeline.ledger.suppressing import reason_of, scopes_of

_PAGE = 200
"""Letters in memory at once: a run may have a million."""
_MESSAGES = (
    select(messages)
    .join(runs, runs.c.id == messages.c.run_id)
    .where(runs.c.key == bindparam("run"), messages.c.id > bindparam("after"))
    .order_by(messages.c.id)
    .limit(bindparam("most"))
)
_PEOPLE = (
    select(deliveries.c.message_id, deliveries.c.recipient)
    .where(deliveries.c.message_id.in_(bindparam("ids", expanding=True)))
    .order_by(deliveries.c.id)
)


def letters_of(engine: Engine, run: RunKey, most: int | None = None) -> Iterator[Letter]:
    """The run's letters in the order in which they were composed, staged ones too; the first `most` of them."""
    after, left = 0, most
    while left is None or left > 0:
        size = _PAGE if left is None else min(_PAGE, left)
        with read(engine) as connection:
            rows = connection.execute(_MESSAGES, {"run": str(run), "after": after, "most": size}).all()
            if not rows:
                return
            parts = enclosures.load(connection, {row.enclosure_id for row in rows} - {None})
            people: dict[int, list[str]] = {}
            for row in connection.execute(_PEOPLE, {"ids": [row.id for row in rows]}):
                people.setdefault(row.message_id, []).append(row.recipient)
        yield from (_letter(row, people[row.id], parts.get(row.enclosure_id, ())) for row in rows)
        after = rows[-1].id
        left = None if left is None else left - len(rows)


def _letter(row: AnyRow, recipients: list[str], parts: enclosures.Parts) -> Letter:
    return Letter(
        message_id=row.message_id,
        sender=row.sender,
        recipients=tuple(recipients),
        headers=row.headers,
        text=row.text,
        html=row.html,
        parts=parts,
        subject=row.subject,
    )


def suppressed_of(engine: Engine, run: RunKey, mailer: str, most: int) -> tuple[int, dict[str, str]]:
    """How many of the run's recipients must not be mailed, and the first `most` of them with the reason."""
    barred = (
        select(deliveries.c.recipient, suppressions)
        .join(runs, runs.c.id == deliveries.c.run_id)
        .join(suppressions, suppressions.c.address == func.lower(deliveries.c.recipient))
        .where(runs.c.key == str(run), suppressions.c.scope.in_(scopes_of(run.job, mailer)))
    )
    with read(engine) as connection:
        people = barred.with_only_columns(deliveries.c.recipient).distinct().subquery()
        count = connection.execute(select(func.count()).select_from(people)).scalar_one()
        rows = connection.execute(barred.order_by(deliveries.c.id, suppressions.c.scope.desc()).limit(2 * most)).all()
    return count, {row.recipient: reason_of(row) for row in rows}
