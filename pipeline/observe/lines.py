"""How a line comes about: redaction, JSON, writing to several outputs; and lines of the standard library's records."""

import logging
import sys
import threading
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import Protocol, TextIO

import structlog
from structlog.stdlib import ProcessorFormatter
from structlog.typing import EventDict, Processor, WrappedLogger

from pipeline.observe.events import LEVELS
from pipeline.observe.redact import Masks, hash_addresses, hash_recipient

_FREE_TEXT = ("reply", "reason", "message", "traceback")


class Output(Protocol):
    """Where lines go: a text stream, an `AppendFile`."""

    def write(self, line: str, /) -> object: ...


class Flushed:
    """A stream whose lines are to be seen at once."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, line: str, /) -> None:
        self._stream.write(line)
        self._stream.flush()


class Lines:
    """Writes each line to every output, from any thread; an output that fails keeps it from no other."""

    def __init__(self, outputs: Sequence[Output]) -> None:
        self._outputs = outputs
        self._lock = threading.Lock()
        self.lost = 0

    def write(self, line: str) -> None:
        """`line` has no line break yet."""
        with self._lock:
            for output in self._outputs:
                try:
                    output.write(f"{line}\n")
                except (OSError, ValueError) as error:  # ValueError: a stream that was closed
                    self._complain(f"a line cannot be written: {error}")

    def spoiled(self, what: str) -> None:
        """Counts a line that could not even be made."""
        with self._lock:
            self._complain(what)

    def _complain(self, what: str) -> None:
        self.lost += 1
        with suppress(OSError, ValueError, AttributeError):  # without a standard error, only `lost` tells
            sys.stderr.write(f"delivery log: {what} ({self.lost} lost)\n")


class Records(logging.Handler):
    """Makes lines of the standard library's log records from WARNING up: event `service.log`."""

    def __init__(self, lines: Lines, chain: Sequence[Processor]) -> None:
        super().__init__(logging.WARNING)
        self._lines = lines
        self.setFormatter(ProcessorFormatter(processors=[_as_service_log, *chain]))

    def emit(self, record: logging.LogRecord) -> None:
        try:
            line = self.format(record)
        except Exception as error:  # noqa: BLE001 - a library's bad format string must not end its thread
            self._lines.spoiled(f"a line of {record.name} cannot be formatted: {type(error).__name__}")
        else:
            self._lines.write(line)


def processors(secrets: Iterable[str] | Masks, *, hash_recipients: bool) -> list[Processor]:
    """From a line's fields to its text, for events and records alike."""
    mask = secrets if isinstance(secrets, Masks) else Masks(secrets)
    return [_redactor(mask, hash_recipients=hash_recipients), structlog.processors.JSONRenderer()]


def rfc3339(time: datetime) -> str:
    """UTC with milliseconds: `2013-02-01T11:30:00.000Z`."""
    return f"{time.astimezone(UTC).isoformat(timespec='milliseconds').removesuffix('+00:00')}Z"


def _redactor(mask: Callable[[str], str], *, hash_recipients: bool) -> Processor:
    def redact(_: WrappedLogger, __: str, line: EventDict) -> EventDict:
        if hash_recipients:
            if "recipient" in line:
                line["recipient"] = hash_recipient(line["recipient"])
            line.update({name: hash_addresses(line[name]) for name in _FREE_TEXT if name in line})
        return {name: mask(value) if isinstance(value, str) else value for name, value in line.items()}

    return redact


def _as_service_log(logger: WrappedLogger, method: str, line: EventDict) -> EventDict:
    record: logging.LogRecord = line["_record"]
    line = structlog.processors.format_exc_info(logger, method, line)
    made: EventDict = {
        "ts": rfc3339(datetime.fromtimestamp(record.created, UTC)),
        "level": method if method in LEVELS else "warning",  # a library may have levels of its own
        "event": "service.log",
        "logger": record.name,
        "message": line["event"],
    }
    if "exception" in line:
        made["traceback"] = line["exception"]
    return made
