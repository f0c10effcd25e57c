"""Writes lines to several outputs, and makes lines of the standard library's log records."""

import logging
import sys
import threading
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import Protocol, TextIO

import structlog
from structlog.stdlib import ProcessorFormatter
from structlog.typing import EventDict, Processor, WrappedLogger

from pipeline.observe.events import LEVELS
from pipeline.observe.redact import Redaction


class Output(Protocol):
    """Where lines go: a text stream, an `AppendFile`."""

    def write(self, lines: str, /) -> object: ...


class Flushed:
    """A stream whose lines are to be seen at once."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, lines: str, /) -> None:
        self._stream.write(lines)
        self._stream.flush()


class Lines:
    """Writes lines to every output, from any thread; an output that fails keeps them from no other."""

    def __init__(self, outputs: Sequence[Output]) -> None:
        self._outputs = outputs
        self._lock = threading.Lock()
        self.lost = 0

    def write(self, *lines: str) -> None:
        """All at once; they have no line breaks yet."""
        if not lines:
            return
        text = "".join([f"{line}\n" for line in lines])
        with self._lock:
            for output in self._outputs:
                try:
                    output.write(text)
                except (OSError, ValueError) as error:  # ValueError: a stream that was closed
                    self._complain(f"{_some(len(lines))} cannot be written: {error}", len(lines))

    def spoiled(self, what: str) -> None:
        """Counts a line that could not even be made."""
        with self._lock:
            self._complain(what, 1)

    def _complain(self, what: str, lost: int) -> None:
        self.lost += lost
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


def processors(redact: Redaction) -> list[Processor]:
    """From a record's fields to its line."""
    return [lambda _, __, line: redact(dict(line)), structlog.processors.JSONRenderer()]


def rfc3339(time: datetime) -> str:
    """UTC with milliseconds: `2013-02-01T11:30:00.000Z`."""
    return f"{time.astimezone(UTC).isoformat(timespec='milliseconds').removesuffix('+00:00')}Z"


def _some(lines: int) -> str:
    return "a line" if lines == 1 else f"{lines} lines"


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
