"""The relaxed forms of headers and bodies (RFC 6376 §3.4.2, §3.4.4), over a message in chunks. Pure."""

import hashlib
import re
from collections.abc import Collection, Sequence

_FIELD = re.compile(rb"\r\n(?![ \t])")


def split(chunks: Sequence[bytes]) -> tuple[bytes, list[bytes]]:
    """The header block, each line ended by CRLF, and the chunks of the body. The first chunk holds all headers."""
    headers, blank, rest = chunks[0].partition(b"\r\n\r\n")
    return headers + b"\r\n", [*([rest] if blank and rest else []), *chunks[1:]]


def fields(headers: bytes) -> list[tuple[str, bytes]]:
    """Every field of a header block as (name in lower case, its relaxed line without CRLF), in order."""
    found = []
    for field in _FIELD.split(headers.removesuffix(b"\r\n")):
        name, _, value = field.partition(b":")
        lower = name.strip().lower()
        value = relaxed(value.replace(b"\r\n", b"")).strip(b" ")
        found.append((lower.decode("ascii", "replace"), lower + b":" + value))
    return found


def body_hash(chunks: Sequence[bytes], shared: Collection[bytes]) -> bytes:
    """SHA-256 of the relaxed body.

    Each chunk begins at the start of a line and ends with CRLF. Members of `shared`, by identity, are base64 lines:
    nothing in them can be reduced, so they are hashed as they are, without a copy.
    """
    known = {id(chunk) for chunk in shared}
    digest = hashlib.sha256()
    ends = 0  # line ends that count only if something follows: empty lines at the end of a body do not
    begun = False
    for chunk in chunks:
        reduced = chunk if id(chunk) in known else relaxed(chunk)
        size = len(reduced)
        while reduced.endswith(b"\r\n", 0, size):
            size -= 2
        if size:
            digest.update(b"\r\n" * ends)
            digest.update(memoryview(reduced)[:size])
            ends, begun = 0, True
        ends += (len(reduced) - size) // 2
    if begun:
        digest.update(b"\r\n")
    return digest.digest()


def relaxed(text: bytes) -> bytes:
    """Every run of blanks and tabs as one blank, none at a line's end. Doubling replacements, since a regular
    expression would look at each of a mail's thousands of single blanks."""
    text = text.replace(b"\t", b" ")
    while b"  " in text:
        text = text.replace(b"  ", b" ")
    return text.replace(b" \r\n", b"\r\n")
