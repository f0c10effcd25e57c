"""Suppressions: addresses that must not be mailed, at all or by one job or mailer."""

from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType

from sqlalchemy import Connection, Engine, delete, select

from pipeline.ledger.auditing import write_audit
from pipeline.ledger.conflicts import insert_new
from pipeline.ledger.database import read, write
from pipeline.ledger.operator_records import Action, Note, Suppression
from pipeline.ledger.prepared import Prepared, fetch
from pipeline.ledger.records import Claim
from pipeline.ledger.rows import AnyRow
from pipeline.ledger.schema import suppressions

EVERYWHERE = "all"
"""The scope of an address that nobody may mail."""
_PAGE = 500
"""Addresses asked for in one statement."""
_ANY = Prepared(select(suppressions.c.address).limit(1))
NOBODY: Mapping[int, str] = MappingProxyType({})


class Suppressions:
    """The suppressions of one ledger. Safe to share between threads; addresses are compared without case."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def add(self, address: str, scope: str, note: Note) -> bool:
        """Suppresses an address; False when it was already, and then nothing changes."""
        with write(self._engine) as connection:
            return add(connection, address, scope, note)

    def remove(self, address: str, scope: str | None, note: Note) -> list[Suppression]:
        """Allows an address again, in one scope or in all of them; what stood against it."""
        with write(self._engine) as connection:
            change = delete(suppressions).where(suppressions.c.address == address.lower())
            if scope is not None:
                change = change.where(suppressions.c.scope == scope)
            gone = [_suppression(row) for row in connection.execute(change.returning(suppressions))]
            for one in gone:
                write_audit(connection, Action.UNSUPPRESS, note, f"{one.address} {one.scope}", 0)
        return sorted(gone, key=lambda one: one.scope)

    def find(self, address: str | None = None) -> list[Suppression]:
        """All of them, or those of one address, by address."""
        query = select(suppressions).order_by(suppressions.c.address, suppressions.c.scope)
        if address is not None:
            query = query.where(suppressions.c.address == address.lower())
        with read(self._engine) as connection:
            return [_suppression(row) for row in connection.execute(query)]

    def barred(self, job: str, mailer: str, recipients: Iterable[str]) -> dict[str, str]:
        """Those recipients that this job must not mail through this mailer, with the reason."""
        with read(self._engine) as connection:
            return barred(connection, job, mailer, recipients)

    def barred_claims(self, claims: Sequence[Claim], mailer: str) -> Mapping[int, str]:
        """Delivery → why it must not be sent, of those that a worker has claimed."""
        with read(self._engine) as connection:
            if not fetch(connection, _ANY):
                return NOBODY  # as on most days
            found: dict[int, str] = {}
            for job in {claim.job for claim in claims}:
                people = {d.id: d.recipient for claim in claims if claim.job == job for d in claim.deliveries}
                reasons = barred(connection, job, mailer, people.values())
                found |= {number: reasons[who] for number, who in people.items() if who in reasons}
        return found


def add(connection: Connection, address: str, scope: str, note: Note) -> bool:
    """Suppresses an address within a transaction; False when it was already."""
    row = {"address": address.lower(), "scope": scope, "at": note.at, "who": note.who, "why": note.why}
    new = insert_new(connection, suppressions, [row], suppressions.c.address)
    if new:
        write_audit(connection, Action.SUPPRESS, note, f"{address.lower()} {scope}", 0)
    return bool(new)


def barred(connection: Connection, job: str, mailer: str | None, recipients: Iterable[str]) -> dict[str, str]:
    """Those recipients that must not be mailed, as they were given, with the reason."""
    scopes = scopes_of(job, mailer)
    given = list(recipients)
    why: dict[str, str] = {}
    addresses = sorted({address.lower() for address in given})
    for first in range(0, len(addresses), _PAGE):
        page = addresses[first : first + _PAGE]
        query = select(suppressions).where(suppressions.c.address.in_(page), suppressions.c.scope.in_(scopes))
        for row in connection.execute(query.order_by(suppressions.c.scope.desc())):
            why[row.address] = reason_of(row)  # "all" comes last and wins
    return {address: why[address.lower()] for address in given if address.lower() in why}


def scopes_of(job: str, mailer: str | None) -> list[str]:
    """The scopes that count for a job's mails through a mailer."""
    return [EVERYWHERE, f"job:{job}", f"mailer:{mailer}"]


def reason_of(row: AnyRow) -> str:
    """Why an address is suppressed, from its row of `suppressions`."""
    where = "" if row.scope == EVERYWHERE else f" for {row.scope.replace(':', ' ', 1)}"
    return f"suppressed{where} by {row.who}{f': {row.why}' if row.why else ''}"


def _suppression(row: AnyRow) -> Suppression:
    return Suppression(row.address, row.scope, row.at, row.who, row.why)
