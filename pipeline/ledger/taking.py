"""Handing letters to a worker: as many as the mailer's circuit and its limits let through, all in one transaction."""

from dataclasses import replace
from datetime import datetime

from sqlalchemy import Connection

from pipeline.ledger import circuits, metering
from pipeline.ledger.claims import claim
from pipeline.ledger.limits import EVERYTHING, Pace, Room, handed_out, room
from pipeline.ledger.records import Claim
from pipeline.ledger.ways import Asking, Limits, Taken


def take(connection: Connection, asking: Asking) -> Taken:
    """What the asker gets, one message alone where the circuit probes; see `Outbox.take`."""
    mailer, limits, now = asking.mailer, asking.limits, asking.now
    circuit, may = circuits.may_send(connection, mailer, asking.owner, now)
    if not may:
        return Taken((), circuit)
    pace, allowed = _room(connection, mailer, limits, now) if limits.any else (None, EVERYTHING)
    claims: list[Claim] = []
    if allowed.of_several != 0:
        claims = claim(connection, replace(asking, limit=1) if circuit else asking, allowed)
    if circuit and claims:
        circuits.probing(connection, mailer, asking.owner, asking.until)
    if limits.per_second and pace and claims:
        recipients = sum(len(one.deliveries) for one in claims)
        pace = handed_out(limits.per_second, pace, recipients, now)
        metering.keep(connection, mailer, pace)
        return Taken(tuple(claims), circuit, pace.next_at)
    return Taken(tuple(claims), circuit, allowed.again_at)


def _room(connection: Connection, mailer: str, limits: Limits, now: datetime) -> tuple[Pace, Room]:
    pace = metering.lock(connection, mailer)
    if not (limits.per_hour or limits.per_day):
        return pace, room(limits, pace, {}, 0, now)
    held = metering.in_hand(connection, mailer)  # before what is used: see there
    return pace, room(limits, pace, metering.used(connection, mailer, now), held, now)
