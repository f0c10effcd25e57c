"""The delivery log on a terminal: the same lines, written for people."""

import io
from typing import TextIO

from pipeline.observe.people import format_line
from pipeline.observe.reader import parse_line


class PeopleStream(io.StringIO):
    """A text stream for whole lines of the log; each is passed on in the form of `format_line`."""

    def __init__(self, terminal: TextIO) -> None:
        self._terminal = terminal

    def write(self, text: str) -> int:
        for line in text.splitlines():
            record = parse_line(line)
            self._terminal.write(f"{format_line(record, colour=True) if record else line}\n")
        return len(text)

    def flush(self) -> None:
        self._terminal.flush()
