"""The circuits of the ways out, shared by all processes: who finds one broken opens it for everybody.

Closed: everything goes. Open: nothing is handed out until a time. Then it probes: one owner gets one letter, and what
becomes of it closes the circuit or opens it again.
"""

from collections.abc import Callable
from dataclasses import asdict
from datetime import datetime

from sqlalchemy import Connection, bindparam, select, update

from pipeline.ledger.conflicts import insert_new
from pipeline.ledger.prepared import Prepared, fetch
from pipeline.ledger.rows import AnyRow
from pipeline.ledger.schema import circuits
from pipeline.ledger.ways import Circuit

Change = Callable[[Circuit | None], Circuit | None]
"""From a mailer's circuit as it is (None: closed) to what it is to be."""

_OPEN = select(circuits).where(circuits.c.mailer == bindparam("of_mailer"), circuits.c.until.is_not(None))
_IS_OPEN = Prepared(_OPEN.with_only_columns(circuits.c.mailer), "of_mailer")
"""Asked for every claim, and nearly always in vain."""
_LOCKED = select(circuits).where(circuits.c.mailer == bindparam("of_mailer")).with_for_update()
_PROBE = (
    update(circuits)
    .where(circuits.c.mailer == bindparam("of_mailer"))
    .values(probe=bindparam("by_owner"), probe_until=bindparam("its_end"))
)
_CLOSED = {"since": None, "until": None, "failures": 0, "told": False, "probe": None, "probe_until": None}
_SILENT = {"kind": "", "phase": "", "code": None, "enhanced": "", "rule": "", "reply": ""}


def find(connection: Connection, mailer: str) -> Circuit | None:
    """The mailer's circuit, if it is open or probing."""
    if not fetch(connection, _IS_OPEN, mailer):
        return None
    row = connection.execute(_OPEN, {"of_mailer": mailer}).one_or_none()
    return None if row is None else _circuit(row)


def change(connection: Connection, mailer: str, to: Change) -> tuple[Circuit | None, Circuit | None]:
    """Changes a circuit while nobody else can; before and after."""
    before = _lock(connection, mailer)
    after = to(before)
    if after != before:
        values = _CLOSED if after is None else asdict(after)
        connection.execute(update(circuits).where(circuits.c.mailer == mailer).values(**values))
    return before, after


def may_send(connection: Connection, mailer: str, owner: str, now: datetime) -> tuple[Circuit | None, bool]:
    """The circuit, and whether this owner may take anything. Of one that probes, it is locked until the transaction's
    end."""
    circuit = find(connection, mailer)
    if circuit is None or now < circuit.until:
        return circuit, circuit is None
    circuit = _lock(connection, mailer)
    if circuit is None or now < circuit.until:
        return circuit, circuit is None
    taken = circuit.probe not in (None, owner) and circuit.probe_until is not None and now < circuit.probe_until
    return circuit, not taken


def probing(connection: Connection, mailer: str, owner: str, until: datetime) -> None:
    """This owner has the probe in hand; if nothing comes of it by then, another may try."""
    connection.execute(_PROBE, {"of_mailer": mailer, "by_owner": owner, "its_end": until})


def _lock(connection: Connection, mailer: str) -> Circuit | None:
    insert_new(connection, circuits, [{"mailer": mailer, **_CLOSED, **_SILENT}])
    row = connection.execute(_LOCKED, {"of_mailer": mailer}).one()
    return None if row.until is None else _circuit(row)


def _circuit(row: AnyRow) -> Circuit:
    return Circuit(**row._mapping)  # noqa: SLF001 - SQLAlchemy's public name for it
