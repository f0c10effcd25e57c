"""A line of the delivery log as people like to read it: aligned, in local time, words before numbers."""

from datetime import datetime, tzinfo

import click

from pipeline.observe.events import FIELDS
from pipeline.observe.reader import Record, time_of

_COLOURS = {"debug": "bright_black", "warning": "yellow", "error": "red", "critical": "red"}
_SHOWN_BEFORE = ("job", "run", "recipient", "code", "enhanced", "reply", "reason", "message", "traceback")
_UNITS = {"duration_ms": "ms", "bytes": "bytes"}


def format_line(record: Record, *, colour: bool, zone: tzinfo | None = None) -> str:
    """One line, and one for each line of a traceback. `zone` None is this machine's local time.

    `2013-02-01 06:30:02  info     delivery.sent        daily@20130201T113000Z ana@example.com  250 OK  (…)`
    """
    level = record["level"]
    when = _local(time_of(record), zone)
    event = f"{record['event']:<20}"
    words = _words(record, zone)
    if colour:
        when = click.style(when, fg="bright_black")
        event = click.style(event, fg=_COLOURS.get(level), bold=level in {"error", "critical"})
    line = f"{when}  {level:<8} {event} {words}".rstrip()
    if "traceback" in record:
        line += "".join(f"\n    {printable(part)}" for part in str(record["traceback"]).splitlines())
    return line


def printable(text: str) -> str:
    """Without control characters: what a server replied must not steer a terminal."""
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)


def _local(time: datetime, zone: tzinfo | None) -> str:
    return time.astimezone(zone).strftime("%Y-%m-%d %H:%M:%S")


def _words(record: Record, zone: tzinfo | None) -> str:
    who = [str(record[name]) for name in ("run", "recipient") if name in record]
    if "run" not in record and "job" in record:
        who.insert(0, str(record["job"]))
    said = [str(record[name]) for name in ("code", "enhanced", "reply", "reason", "message") if name in record]
    details = [name for name in FIELDS if name in record and name not in _SHOWN_BEFORE]
    rest = [_detail(name, record[name], zone) for name in details]
    parts = [" ".join(who), " ".join(said), f"({', '.join(rest)})" if rest else ""]
    return printable("  ".join(part for part in parts if part))


def _detail(name: str, value: object, zone: tzinfo | None) -> str:
    if name in _UNITS:
        return f"{value} {_UNITS[name]}"
    if FIELDS[name].type is datetime:
        value = _local(datetime.fromisoformat(str(value)), zone)
    return f"{name.replace('_', ' ')} {value}"
