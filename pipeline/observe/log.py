"""The delivery log: one JSON object a line, to a stream and to a rotated file, for the events of `events.py`.

Lines of APScheduler and other libraries come out in the same form, as `service.log` (`lines.py`). Several processes may
write to the same file (`appendfile.py`).
"""

import json
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Protocol, Self, TextIO

from pipeline.observe.appendfile import AppendFile
from pipeline.observe.events import EVENTS, FIELDS, EventDefectError
from pipeline.observe.lines import Flushed, Lines, Output, Records, processors, rfc3339
from pipeline.observe.redact import Masks, Redaction

MAX_BYTES = 10_000_000
BACKUPS = 10
_FIELDS_OF = {
    name: [
        (field, None if known.type is datetime else known.type)
        for field, known in FIELDS.items()
        if field in (*spec.required, *spec.optional)
    ]
    for name, spec in EVENTS.items()
}
"""Event → its fields in the order of a line, each with the type of which a value is written as it is."""
_REQUIRED = {name: frozenset(spec.required) for name, spec in EVENTS.items()}
_to_json = json.JSONEncoder().encode


class Emit(Protocol):
    """Writes one event of `events.EVENTS`. Fields that are None are left out; times must be aware."""

    def __call__(self, event: str, /, **fields: object) -> None: ...


class Log(Protocol):
    """Where those write who have several events at once."""

    def emit(self, event: str, /, **fields: object) -> None:
        """See `Emit`."""

    def emit_all(self, events: Iterable[tuple[str, Mapping[str, object]]]) -> None:
        """As many times `emit`, each field by its own name, at the price of one write."""


class EventLog:
    """Made by `open_log`. `emit` and `emit_all` may be called from any thread."""

    def __init__(
        self,
        lines: Lines,
        clock: Callable[[], datetime],
        redact: Redaction,
        closers: Sequence[Callable[[], object]],
    ) -> None:
        self._lines = lines
        self._clock = clock
        self._redact = redact
        self._closers = closers

    def emit(self, event: str, /, **fields: object) -> None:
        """Writes one line. `class_` stands for `class`; None is left out; times must be aware.

        Raises EventDefectError for an event or field that is not on the list, a required one that is absent,
        or a value of the wrong type. Where an output cannot be written (a full disk), work goes on: standard
        error says so and `lost` counts.
        """
        if "class_" in fields:
            fields["class"] = fields.pop("class_")
        self.emit_all([(event, fields)])

    def emit_all(self, events: Iterable[tuple[str, Mapping[str, object]]]) -> None:
        """Writes a line for each event, all of the same time, or none if one of them raises EventDefectError."""
        at = rfc3339(self._clock())
        self._lines.write(*(_to_json(self._redact(_line(at, event, fields))) for event, fields in events))

    def hide(self, secrets: Iterable[str]) -> None:
        """Masks these too from now on."""
        self._redact.mask.add(secrets)

    def masked(self, text: str) -> str:
        """The text without any secret, as a line would hold it."""
        return self._redact.mask(text)

    @property
    def lost(self) -> int:
        """How many lines could not be written to one of the outputs."""
        return self._lines.lost

    def close(self) -> None:
        for close in self._closers:
            close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def open_log(
    path: Path | None,
    stream: TextIO | None,
    *,
    clock: Callable[[], datetime],
    secrets: Iterable[str] = (),
    hash_recipients: bool = False,
    capture: bool = False,
    max_bytes: int = MAX_BYTES,
    backups: int = BACKUPS,
) -> EventLog:
    """Opens the log. Close it, or use it as a context manager.

    `secrets` are masked in every field, in plain, URL and base64 form. `hash_recipients` replaces addresses
    by hashes, in replies too. `capture` also takes the standard library's log records from WARNING up, as
    `service.log`, until the log is closed. `path` is rotated at `max_bytes`; `backups` older files are kept.
    """
    closers: list[Callable[[], object]] = []
    outputs: list[Output] = []
    if stream is not None:
        outputs.append(Flushed(stream))
    if path is not None:
        file = AppendFile(path, max_bytes=max_bytes, backups=backups)
        outputs.append(file)
        closers.append(file.close)
    lines = Lines(outputs)
    redact = Redaction(Masks(secrets), hash_recipients=hash_recipients)
    if capture:
        root, records = logging.getLogger(), Records(lines, processors(redact))
        root.addHandler(records)
        closers.insert(0, lambda: root.removeHandler(records))
    return EventLog(lines, clock, redact, closers)


def _line(at: str, event: str, fields: Mapping[str, object]) -> dict[str, object]:
    """All that stands in the line, in its order. Raises EventDefectError."""
    spec = EVENTS.get(event)
    if spec is None or spec.level is None:
        raise EventDefectError(f"no event {event!r} may be emitted; the list is in observe/events.py")
    given = {name: value for name, value in fields.items() if value is not None}
    if absent := _REQUIRED[event].difference(given):
        raise EventDefectError(f"event {event} needs its field {', '.join(sorted(absent))}")
    line: dict[str, object] = {"ts": at, "level": spec.level, "event": event}
    fixed = len(line)
    for name, as_it_is in _FIELDS_OF[event]:
        if name in given:
            value = given[name]
            line[name] = value if type(value) is as_it_is else _value(event, name, value)
    if len(line) - fixed < len(given):
        unknown = ", ".join(sorted(given.keys() - dict(_FIELDS_OF[event]).keys()))
        raise EventDefectError(f"event {event} has no field {unknown}")
    return line


def _value(event: str, name: str, value: object) -> object:
    kind = FIELDS[name].type
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
        raise EventDefectError(f"event {event}: {name} must be {kind.__name__}, not {type(value).__name__}")
    if isinstance(value, datetime):
        if value.utcoffset() is None:
            raise EventDefectError(f"event {event}: {name} has no time zone")
        return rfc3339(value)
    return str(value) if isinstance(value, str) else value  # an enumeration's word without its class
