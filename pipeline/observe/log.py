"""The delivery log: one JSON object a line, to a stream and to a rotated file, for the events of `events.py`.

structlog over the standard library's logging, so that lines of APScheduler and other libraries come out in
the same form, as `service.log`. Several processes may write to the same file (see `appendfile.py`).
"""

import logging
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol, Self, TextIO

import structlog

from pipeline.observe.appendfile import AppendFile
from pipeline.observe.events import EVENTS, FIELDS, EventDefectError
from pipeline.observe.lines import Flushed, Lines, Output, Records, processors, rfc3339
from pipeline.observe.redact import Masks

MAX_BYTES = 10_000_000
BACKUPS = 10
_FIELDS_OF = {
    name: [field for field in FIELDS if field in (*spec.required, *spec.optional)] for name, spec in EVENTS.items()
}
"""Event → its fields in the order of a line."""
_REQUIRED = {name: frozenset(spec.required) for name, spec in EVENTS.items()}


class Emit(Protocol):
    """Writes one event of `events.EVENTS`. Fields that are None are left out; times must be aware."""

    def __call__(self, event: str, /, **fields: object) -> None: ...


class EventLog:
    """Made by `open_log`. `emit` may be called from any thread."""

    def __init__(
        self,
        lines: Lines,
        chain: Sequence[structlog.typing.Processor],
        closers: Sequence[Callable[[], object]],
        masks: Masks | None = None,
    ) -> None:
        self._lines = lines
        self._masks = masks
        self._closers = closers
        self._chain = tuple(chain)

    def emit(self, event: str, /, **fields: object) -> None:
        """Writes one line. `class_` stands for `class`; None is left out; times must be aware.

        Raises EventDefectError for an event or field that is not on the list, a required one that is absent,
        or a value of the wrong type. Where an output cannot be written (a full disk), work goes on: standard
        error says so and `lost` counts.
        """
        spec = EVENTS.get(event)
        if spec is None or spec.level is None:
            raise EventDefectError(f"no event {event!r} may be emitted; the list is in observe/events.py")
        given = {name.removesuffix("_"): value for name, value in fields.items() if value is not None}
        if absent := _REQUIRED[event].difference(given):
            raise EventDefectError(f"event {event} needs its field {', '.join(sorted(absent))}")
        known = _FIELDS_OF[event]
        values = {name: _value(event, name, given[name]) for name in known if name in given}
        if len(values) < len(given):
            unknown = ", ".join(sorted(given.keys() - values.keys()))
            raise EventDefectError(f"event {event} has no field {unknown}")
        self._lines.write(self._rendered({"level": spec.level, "event": event, **values}))

    def _rendered(self, line: structlog.typing.EventDict) -> str:
        """The line as the processors make it; structlog's own loggers would bind it first, which we need not."""
        made: Any = line
        for process in self._chain:
            made = process(None, "emit", made)
        return str(made)

    def hide(self, secrets: Iterable[str]) -> None:
        """Masks these too from now on."""
        if self._masks is not None:
            self._masks.add(secrets)

    def masked(self, text: str) -> str:
        """The text without any secret, as a line would hold it."""
        return text if self._masks is None else self._masks(text)

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
    masks = Masks(secrets)
    chain = processors(masks, hash_recipients=hash_recipients)
    if capture:
        root, records = logging.getLogger(), Records(lines, chain)
        root.addHandler(records)
        closers.insert(0, lambda: root.removeHandler(records))
    return EventLog(lines, [_stamper(clock), *chain], closers, masks)


def _stamper(clock: Callable[[], datetime]) -> structlog.typing.Processor:
    def stamp(_: structlog.typing.WrappedLogger, __: str, line: structlog.typing.EventDict) -> dict[str, object]:
        return {"ts": rfc3339(clock()), "level": line.pop("level"), "event": line.pop("event"), **line}

    return stamp


def _value(event: str, name: str, value: object) -> object:
    kind = FIELDS[name].type
    if type(value) is kind and kind is not datetime:
        return value
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
        raise EventDefectError(f"event {event}: {name} must be {kind.__name__}, not {type(value).__name__}")
    if isinstance(value, datetime):
        if value.utcoffset() is None:
            raise EventDefectError(f"event {event}: {name} has no time zone")
        return rfc3339(value)
    return str(value) if isinstance(value, str) else value  # an enumeration's word without its class
