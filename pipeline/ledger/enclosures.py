"""The files of messages: a tuple of parts that many letters share is stored once and referred to by
number."""

import hashlib
import json
from collections.abc import Collection, Iterable
from itertools import groupby

from sqlalchemy import Connection, bindparam, select

from pipeline.ledger.conflicts import insert_new
from pipeline.ledger.records import Artifact, Part
from pipeline.ledger.schema import artifacts, enclosures, parts

Parts = tuple[Part, ...]

# Locked until the messages that name them are committed: what nothing names yet, `prune` would take away meanwhile.
_BY_DIGEST = (
    select(enclosures.c.digest, enclosures.c.id)
    .where(enclosures.c.digest.in_(bindparam("digests", expanding=True)))
    .order_by(enclosures.c.digest)
    .with_for_update(read=True, key_share=True)
)
_HOLD = (
    select(artifacts.c.sha256)
    .where(artifacts.c.sha256.in_(bindparam("names", expanding=True)))
    .order_by(artifacts.c.sha256)
    .with_for_update(read=True, key_share=True)
)
_BY_ID = (
    select(parts, artifacts.c.size, artifacts.c.media_type)
    .join(artifacts, artifacts.c.sha256 == parts.c.sha256)
    .where(parts.c.enclosure_id.in_(bindparam("ids", expanding=True)))
    .order_by(parts.c.enclosure_id, parts.c.position)
)


def store(connection: Connection, wanted: Iterable[Parts]) -> dict[Parts, int]:
    """The number of each distinct, non-empty tuple; those that the ledger does not have yet are written."""
    digests = {_digest(several): several for several in wanted if several}
    if not digests:
        return {}
    known = _numbers(connection, digests)
    while missing := {digest: several for digest, several in digests.items() if digest not in known}:
        known |= _write(connection, missing)
    return {several: known[digest] for digest, several in digests.items()}


def load(connection: Connection, ids: Collection[int]) -> dict[int, Parts]:
    """The parts of each numbered enclosure, in their order."""
    if not ids:
        return {}
    rows = connection.execute(_BY_ID, {"ids": sorted(ids)}).all()
    return {
        number: tuple(
            Part(Artifact(row.sha256, row.size, row.media_type), row.filename, row.disposition, row.cid)
            for row in group
        )
        for number, group in groupby(rows, key=lambda row: row.enclosure_id)
    }


def _write(connection: Connection, missing: dict[str, Parts]) -> dict[str, int]:
    """The numbers of those that are there then: all, unless another process wrote one and it was pruned at once."""
    _hold(connection, {part.artifact.sha256: part.artifact for several in missing.values() for part in several})
    # Whoever wrote the row writes its parts; another process that met the same digest waits for that.
    created = insert_new(connection, enclosures, [{"digest": d} for d in sorted(missing)], enclosures.c.digest)
    known = _numbers(connection, missing)
    rows = [_row(known[d], position, p) for d in sorted(created) for position, p in enumerate(missing[d])]
    if rows:
        connection.execute(parts.insert(), rows)
    return known


def _hold(connection: Connection, files: dict[str, Artifact]) -> None:
    """Their rows are there, and stay until this is committed."""
    while files:
        rows = [{"sha256": one.sha256, "size": one.size, "media_type": one.media_type} for one in files.values()]
        insert_new(connection, artifacts, sorted(rows, key=lambda row: str(row["sha256"])))
        if connection.dialect.name == "sqlite":
            return  # nobody else writes meanwhile
        held = set(connection.execute(_HOLD, {"names": sorted(files)}).scalars())
        files = {name: one for name, one in files.items() if name not in held}


def _numbers(connection: Connection, digests: Iterable[str]) -> dict[str, int]:
    return {row.digest: row.id for row in connection.execute(_BY_DIGEST, {"digests": sorted(digests)})}


def _row(enclosure: int, position: int, part: Part) -> dict[str, object]:
    return {
        "enclosure_id": enclosure,
        "position": position,
        "sha256": part.artifact.sha256,
        "filename": part.filename,
        "disposition": part.disposition,
        "cid": part.cid,
    }


def _digest(several: Parts) -> str:
    content = [[p.artifact.sha256, p.filename, p.disposition, p.cid] for p in several]
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()
