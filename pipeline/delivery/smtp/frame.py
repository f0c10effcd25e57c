"""Makes a message ready for DATA: dots doubled at line starts (RFC 5321 §4.5.2), line ends checked, the
final dot added."""

from collections.abc import Collection, Sequence

FINAL_DOT = b".\r\n"


class LineEndsError(ValueError):
    """The message holds a lone CR or LF or a NUL: a server could read it as two messages (SMTP smuggling)."""


def frame(chunks: Sequence[bytes], shared: Collection[bytes] = ()) -> list[bytes]:
    """The chunks to write after 354, the final dot as the last one.

    Each chunk begins at the start of a line and ends with CRLF, as `message.wire.assemble` gives them.
    Members of `shared`, by identity, are base64 text: no dots, no stray line ends, so they go out as they
    are, unlooked at. Raises LineEndsError.
    """
    known = {id(chunk) for chunk in shared}
    return [*(chunk if id(chunk) in known else stuffed(chunk) for chunk in chunks), FINAL_DOT]


def stuffed(chunk: bytes) -> bytes:
    """The chunk with every dot that begins a line doubled; itself, not a copy, where there is none."""
    ends = chunk.count(b"\n")
    if ends != chunk.count(b"\r") or ends != chunk.count(b"\r\n") or b"\0" in chunk:
        raise LineEndsError("the message holds a lone CR or LF, or a NUL")
    if chunk and not chunk.endswith(b"\r\n"):
        raise LineEndsError("a piece of the message does not end with CRLF")
    if b"\n." in chunk:
        chunk = chunk.replace(b"\n.", b"\n..")
    return b"." + chunk if chunk.startswith(b".") else chunk
