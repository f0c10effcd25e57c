"""Instants as people type and read them: local to a zone where none is named.

What belongs to a job is told in its zone, with the zone's name; what belongs to none in UTC. `--json` is always UTC.
"""

import re
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import click

from pipeline.errors import UsageError

at_option = click.option("--at", metavar="TIME", help="The due time, local to the job's zone; default: now.")

_FORMS = "2013-01-31, 2013-01-31 06:30 or 2013-01-31T11:30:00Z"


def parse_moment(text: str, zone: str) -> datetime:
    """An ISO 8601 date or time as whole seconds UTC; wall-clock time of `zone` where the text names no zone.

    Raises UsageError with the forms that are understood.
    """
    try:
        moment = datetime.fromisoformat(text.strip())
    except ValueError:
        raise UsageError(f'"{text}" is not a time; write {_FORMS}') from None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=ZoneInfo(zone))
    return moment.astimezone(UTC).replace(microsecond=0)


def due_time(at: str | None, zone: str, now: datetime) -> datetime:
    """What `--at` says, else now; in whole seconds, as due times are. Raises UsageError."""
    return parse_moment(at, zone) if at else now.replace(microsecond=0)


def parse_since(text: str, now: datetime, zone: str = "UTC") -> datetime:
    """`2 hours`, `3d` ago, or an instant as `parse_moment` reads it in a zone. Raises UsageError."""
    if re.match(r"\s*\d+(\.\d+)?\s*[A-Za-z]+\s*$", text):
        from pipeline.jobs.scalars import parse_duration  # noqa: PLC0415 - pulls in the address validator

        try:
            return now - parse_duration(text)
        except ValueError as error:
            raise UsageError(f"{error}, or a time like {_FORMS}") from None
    return parse_moment(text, zone)


def local(moment: datetime, zone: str) -> str:
    """`Fri 1 Feb 2013 06:30 EST`."""
    there = moment.astimezone(ZoneInfo(zone))
    seconds = f":{there:%S}" if there.second else ""
    return f"{there:%a} {there.day} {there:%b %Y %H:%M}{seconds} {there.tzname()}"


def ago(moment: datetime, now: datetime) -> str:
    """`just now`, `5 min ago`, `in 2 h`, `3 days ago`."""
    span = abs(now - moment)
    if span < timedelta(minutes=1):
        return "just now" if moment <= now else "in less than a minute"
    for unit, length in (
        ("days", timedelta(days=2)),
        ("h", timedelta(hours=2)),
        ("min", timedelta(minutes=1)),
    ):
        if span >= length:
            count = span // (length / 2 if unit != "min" else length)
            text = f"{count} {unit}"
            break
    return f"{text} ago" if moment <= now else f"in {text}"
