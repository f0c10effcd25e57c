"""Reads a server's replies from a stream of bytes, with bounds, and shows what they hold as one safe
line (RFC 5321 §4.2)."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

MAX_LINE = 4096
"""Octets of one line; RFC 5321 §4.5.3.1.5 grants 512, real servers send more."""
MAX_REPLY = 32 * 1024
"""Octets of one whole reply: an endless one must not fill the memory."""
MAX_TEXT = 500
"""Characters of a reply that are kept."""

_LINE = re.compile(rb"([2-5]\d\d)(?:([ -])(.*))?", re.DOTALL)
_ENHANCED = re.compile(r"([245]\.\d{1,3}\.\d{1,3})(?:\s+|$)")


class GarbageError(Exception):
    """What the server sent is no reply; the session must not be used again. Its text is one safe line."""


@dataclass(frozen=True, slots=True)
class Reply:
    """One whole reply: its code, its enhanced code (RFC 2034; empty if none) and its lines joined by
    spaces."""

    code: int
    enhanced: str = ""
    text: str = ""
    lines: tuple[bytes, ...] = ()
    """The lines without code, as received: EHLO's capabilities."""

    def __str__(self) -> str:
        return " ".join(filter(None, (str(self.code), self.enhanced, self.text)))


class ReplyReader:
    """Bytes in, replies out. A CRLF or a lone LF ends a line."""

    def __init__(self) -> None:
        self._buffer = b""
        self._code = b""
        self._lines: list[bytes] = []
        self._size = 0

    @property
    def inside(self) -> bool:
        """Whether bytes are held that do not make a whole reply yet."""
        return bool(self._buffer or self._lines)

    def feed(self, data: bytes) -> Iterator[Reply]:
        """The replies that `data` completes, one by one. Raises GarbageError after those that came
        before the garbage; then the reader is of no use any more."""
        *lines, self._buffer = (self._buffer + data).split(b"\n")
        for line in lines:
            reply = self._line(line.removesuffix(b"\r"))
            if reply is not None:
                yield reply
        if len(self._buffer) > MAX_LINE:
            raise GarbageError(f"a line of more than {MAX_LINE} octets: {visible(self._buffer[:80])}")

    def _line(self, line: bytes) -> Reply | None:
        if not self._lines and (whole := _whole(line)) is not None:
            return whole
        parts = _parts(line) if len(line) <= MAX_LINE else None
        if parts is None:
            raise GarbageError(f"not an SMTP reply: {visible(line)}")
        code, separator, text = parts
        if self._lines and code != self._code:
            raise GarbageError(f"a reply that changes its code from {self._code.decode()}: {visible(line)}")
        self._size += len(line)
        if self._size > MAX_REPLY:
            raise GarbageError(f"a reply of more than {MAX_REPLY} octets: {visible(self._lines[0])}")
        self._code = code
        self._lines.append(text)
        if separator == b"-":
            return None
        lines, self._lines, self._size = tuple(self._lines), [], 0
        return _reply(int(code), lines)


# Caches of pure functions: "250 2.1.0 Ok" is most of what a server ever says.
@lru_cache(maxsize=64)
def _whole(line: bytes) -> Reply | None:
    """The reply that is this line; None where it is none, or has more lines."""
    parts = _parts(line) if len(line) <= MAX_LINE else None
    return None if parts is None or parts[1] == b"-" else _reply(int(parts[0]), (parts[2],))


@lru_cache(maxsize=64)
def _parts(line: bytes) -> tuple[bytes, bytes, bytes] | None:
    """Code, separator and text; None where it is no line of a reply."""
    match = _LINE.fullmatch(line)
    return None if match is None else (match[1], match[2] or b"", match[3] or b"")


@lru_cache(maxsize=64)
def _reply(code: int, lines: tuple[bytes, ...]) -> Reply:
    texts = [visible(line) for line in lines]
    match = _ENHANCED.match(texts[0])
    if match is None:
        return Reply(code, "", " ".join(texts)[:MAX_TEXT], lines)
    enhanced = match[1]
    told = " ".join(text.removeprefix(enhanced).lstrip() for text in texts)
    return Reply(code, enhanced, told[:MAX_TEXT], lines)


def visible(data: bytes) -> str:
    """One line of text that is safe in logs and on terminals: bad UTF-8 replaced, control characters as
    `\\x1b`."""
    text = data[: MAX_TEXT * 4].decode("utf-8", "replace")
    if not text.isprintable():
        text = "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)
    return text[:MAX_TEXT]
