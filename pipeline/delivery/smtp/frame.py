"""Makes a message ready for the wire, with nothing in it that could end it early: for DATA its dots are doubled at line
starts (RFC 5321 §4.5.2) and the final dot is added; for BDAT it stays as it is (RFC 3030)."""

import re
from collections.abc import Collection, Sequence

FINAL_DOT = b".\r\n"
_DOT_BEHIND_END = re.compile(rb"\.(?<=[\r\n]\.)")
"""From dot to dot, of which there are few: a quarter of the time that looking for two octets takes."""


class LineEndsError(ValueError):
    """The message holds what a server could read as its end (SMTP smuggling): a NUL, or a lone CR or LF near a dot."""


def frame(chunks: Sequence[bytes], shared: Collection[bytes] = ()) -> list[bytes]:
    """The chunks to write after 354, the final dot as the last one.

    Each chunk begins at the start of a line and ends with CRLF, as `message.wire.assemble` gives them.
    Members of `shared`, by identity, are base64 text: no dots, no stray line ends, so they go out as they
    are, unlooked at. Raises LineEndsError.
    """
    known = {id(chunk) for chunk in shared}
    return [*(chunk if id(chunk) in known else stuffed(chunk) for chunk in chunks), FINAL_DOT]


def whole(chunks: Sequence[bytes], shared: Collection[bytes] = ()) -> list[bytes]:
    """The chunks to write after BDAT: themselves. Raises LineEndsError for what `frame` refuses, because the next
    server on the way may get it by DATA."""
    known = {id(chunk) for chunk in shared}
    for chunk in chunks:
        if id(chunk) not in known:
            _has_dots(chunk)
    return list(chunks)


def stuffed(chunk: bytes) -> bytes:
    """The chunk with every dot that begins a line doubled; itself, not a copy, where there is none."""
    if not _has_dots(chunk):
        return chunk
    chunk = chunk.replace(b"\n.", b"\n..")
    return b"." + chunk if chunk.startswith(b".") else chunk


def _has_dots(chunk: bytes) -> bool:
    """Whether a line of it begins with a dot. Raises LineEndsError.

    A letter's line ends are CRLF because the message room makes them so. Whatever else they were, only a dot behind
    one, or a NUL, could end a message early: so where there is neither, which is nearly always, nothing is counted.
    """
    if chunk and not chunk.endswith(b"\r\n"):
        raise LineEndsError("a piece of the message does not end with CRLF")
    if b"\0" not in chunk and not _DOT_BEHIND_END.search(chunk) and not chunk.startswith(b"."):
        return False
    ends = chunk.count(b"\n")
    if ends != chunk.count(b"\r") or ends != chunk.count(b"\r\n") or b"\0" in chunk:
        raise LineEndsError("the message holds a lone CR or LF and a dot at the start of a line, or a NUL")
    return True
