"""The audit: a line for everything that an operator changed, in the transaction that changed it."""

from sqlalchemy import Connection, Engine, insert, select

from pipeline.ledger.database import read
from pipeline.ledger.operator_records import Action, AuditLine, Note
from pipeline.ledger.records import RunKey
from pipeline.ledger.schema import audit, runs


def write_audit(
    connection: Connection,
    action: Action,
    note: Note,
    subject: str,
    changed: int,
    *,
    run: int | None = None,
    delivery: int | None = None,
) -> None:
    """One line; `subject` is the run's key or an address."""
    connection.execute(
        insert(audit).values(
            at=note.at,
            who=note.who,
            action=action,
            run_id=run,
            delivery_id=delivery,
            subject=subject if delivery is None else f"{subject}#{delivery}",
            why=note.why,
            changed=changed,
        )
    )


def audit_of(engine: Engine, run: RunKey | str) -> list[AuditLine]:
    """What operators did about one run, the first first."""
    query = select(audit).join(runs, runs.c.id == audit.c.run_id).where(runs.c.key == str(run)).order_by(audit.c.id)
    with read(engine) as connection:
        return [
            AuditLine(row.at, row.who, Action(row.action), row.subject, row.why, row.changed)
            for row in connection.execute(query)
        ]
