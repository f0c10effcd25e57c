"""Reading the delivery log back: lines into records, those that are wanted, and new ones as they come."""

import json
import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, TextIO

from pipeline.observe.appendfile import backup
from pipeline.observe.events import LEVELS, Level
from pipeline.observe.redact import hash_recipient

Record = dict[str, Any]
"""One line of the log, with its times still in words."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What to show; what is None does not matter."""

    job: str | None = None
    run: str | None = None
    recipient: str | None = None
    """An address: found where the log hashes recipients too."""
    event: str | None = None
    """`delivery.sent`, `delivery` or a pattern like `run.*ed`."""
    level: Level | None = None
    """This one or a more serious one."""
    since: datetime | None = None
    until: datetime | None = None
    """Exclusive."""

    def takes(self, record: Record) -> bool:
        return (
            self.job in (None, record.get("job"))
            and self.run in (None, record.get("run"))
            and self._takes_recipient(record)
            and self._takes_event(record["event"])
            and (self.level is None or LEVELS.index(record["level"]) >= LEVELS.index(self.level))
            and (self.since is None or time_of(record) >= self.since)
            and (self.until is None or time_of(record) < self.until)
        )

    def _takes_recipient(self, record: Record) -> bool:
        if self.recipient is None:
            return True
        wanted = self.recipient.lower()
        return str(record.get("recipient", "")).lower() in {wanted, hash_recipient(wanted)}

    def _takes_event(self, event: str) -> bool:
        return self.event is None or event.startswith(f"{self.event}.") or fnmatchcase(event, self.event)


def parse_line(line: str) -> Record | None:
    """The record of one line; None where it is no line of the log (torn by a crash, or another's)."""
    try:
        record: Record = json.loads(line)
        known = isinstance(record, dict) and record["level"] in LEVELS and isinstance(record["event"], str)
        if known and time_of(record).utcoffset() is not None:
            return record
    except (ValueError, KeyError, TypeError):
        pass  # one answer for all the ways of not being a line
    return None


def select(lines: Iterable[str], wanted: Wanted, on_garbage: Callable[[str], None]) -> Iterator[Record]:
    """The wanted records of some lines. Lines that are none of the log's are handed to `on_garbage`."""
    for line in lines:
        record = parse_line(line)
        if record is None:
            if line.strip():
                on_garbage(line)
        elif wanted.takes(record):
            yield record


def time_of(record: Record) -> datetime:
    """When it was logged, aware."""
    return datetime.fromisoformat(record["ts"])


def rotated(path: Path) -> list[Path]:
    """The files that were rotated away from `path`, the oldest first."""
    found: list[Path] = []
    while backup(path, len(found) + 1).exists():
        found.append(backup(path, len(found) + 1))
    return found[::-1]


def history(path: Path) -> Iterator[str]:
    """All lines there are, the oldest first: of rotated files, then of `path`. Without any file, none."""
    for file in [*rotated(path), path]:
        if file.exists():
            with _opened(file) as stream:
                yield from stream


def follow(path: Path, sleep: Callable[[float], object], *, interval: float = 0.5) -> Iterator[str]:
    """All lines of `path`, then new ones as they come, for ever; `sleep(interval)` between looks.

    A file that is rotated away is read to its end before the new one is opened; one that does not exist yet,
    and the rest of a half-written line, are waited for.
    """
    while True:
        while not path.exists():
            sleep(interval)
        with _opened(path) as stream:
            part = ""
            while True:
                moved = not _is_named(stream, path)  # asked before reading: what came until then is read
                for piece in stream:
                    part += piece
                    if part.endswith("\n"):
                        yield part
                        part = ""
                if moved:
                    break
                sleep(interval)
        if part:
            yield part


def _opened(path: Path) -> TextIO:
    return path.open(encoding="utf-8", errors="replace", newline="\n")


def _is_named(stream: TextIO, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(stream.fileno()), path.stat()) and _fits(stream, path)
    except FileNotFoundError:
        return False


def _fits(stream: TextIO, path: Path) -> bool:
    """Whether the file was not cut shorter than what has been read of it (`truncate`, `> file`)."""
    return path.stat().st_size >= os.lseek(stream.fileno(), 0, os.SEEK_CUR)
