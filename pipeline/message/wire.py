"""Turns a letter into the bytes that go over the wire: MIME structure, transfer encodings, attachments by
reference.

    multipart/mixed ( multipart/alternative ( text/plain, multipart/related ( text/html, images ) ), files )

Levels that a letter does not need are left out. Everything here is a pure function of the letter, so every
attempt sends the same bytes. Standard library and the ledger's records only: `delivery/` imports this in the
parent process.
"""

import base64
import binascii
import hashlib
import re
from collections.abc import Callable
from functools import lru_cache
from urllib.parse import quote

from pipeline.ledger.records import Letter, Part

MAX_LINE = 998
"""Octets of a line without its CRLF (RFC 5322 §2.1.1)."""

ReadBase64 = Callable[[str], bytes]
"""SHA-256 of an artifact → its base64 as `base64_lines` makes it: encoded once, shared by every mail."""


def base64_lines(data: bytes) -> bytes:
    """Base64 in lines of 76 columns, each ended by CRLF (RFC 2045 §6.8); empty for nothing."""
    return base64.encodebytes(data).replace(b"\n", b"\r\n")


def base64_size(size: int) -> int:
    """How long `base64_lines` of `size` bytes is."""
    columns = (size + 2) // 3 * 4
    return columns + 2 * ((columns + 75) // 76)


def assemble(letter: Letter, read_base64: ReadBase64, *, eight_bit: bool) -> list[bytes]:
    """The whole message: headers, blank line, body; CRLF throughout, not dot-stuffed.

    `eight_bit`: the next hop offers 8BITMIME (RFC 6152). The chunks are to be written one after the other.
    Each begins at the start of a line and ends with CRLF, so dot-stuffing may look at each alone; what
    `read_base64` returned stands in the list as it is (never copied, and no line of it begins with a dot).
    """
    first, *others = _pieces(letter, eight_bit=eight_bit)
    chunks = [first]
    for part, piece in zip(_in_order(letter.parts), others, strict=True):
        chunks += (read_base64(part.artifact.sha256), piece)
    return chunks


def encoded_size(letter: Letter, *, eight_bit: bool = False) -> int:
    """Octets of `assemble(letter, …, eight_bit=eight_bit)`, exactly, without reading an artifact (RFC 1870
    SIZE)."""
    text_encoding, text = _encoded(letter.text, eight_bit=eight_bit)
    html_encoding, html = _encoded(letter.html, eight_bit=eight_bit)
    own = len(letter.headers) + len(text) + len(html)
    return own + _frame_size(letter.parts, text_encoding if letter.text else "", html_encoding if letter.html else "")


def largest_size(letter: Letter) -> int:
    """What `encoded_size` cannot exceed, whatever the next hop offers; quick, because nothing is encoded."""
    own = len(letter.headers) + base64_size(len(letter.text)) + base64_size(len(letter.html))
    longest = "quoted-printable"
    return own + _frame_size(letter.parts, longest if letter.text else "", longest if letter.html else "")


def html_bytes(letter: Letter) -> int:
    """Size of the HTML as a client sees it; Gmail shows only the first 102 kB of it and hides the rest."""
    return len(letter.html)


# --- the personal bytes -------------------------------------------------------------------------------------


def _pieces(letter: Letter, *, eight_bit: bool) -> list[bytes]:
    """The message cut where artifacts' base64 goes in: one piece more than there are parts."""
    text_encoding, text = _encoded(letter.text, eight_bit=eight_bit)
    html_encoding, html = _encoded(letter.html, eight_bit=eight_bit)
    token = _token(letter.message_id, text, html)
    skeleton = _skeleton(letter.parts, text_encoding if letter.text else "", html_encoding if letter.html else "")
    before, between, after, *others = [piece.replace(_TOKEN, token) for piece in skeleton]
    return [b"".join((letter.headers, before, text, between, html, after)), *others]


def _encoded(data: bytes, *, eight_bit: bool) -> tuple[str, bytes]:
    """Content-Transfer-Encoding and encoded form (RFC 2045 §6): as it is where the hop allows, else the
    shorter one."""
    if not _has_long_line(data):
        if data.isascii():
            return "7bit", data
        if eight_bit:
            return "8bit", data
    quoted = binascii.b2a_qp(data, istext=True)
    if len(quoted) <= base64_size(len(data)):
        return "quoted-printable", quoted
    return "base64", base64_lines(data)


def _has_long_line(data: bytes) -> bool:
    """Jumps from the last line end within reach to the next, so that it looks at a few places of a long
    text."""
    at, end = 0, len(data)
    while end - at > MAX_LINE:
        newline = data.rfind(b"\n", at, at + MAX_LINE + 2)
        if newline < 0:
            return True
        at = newline + 1
    return False


def _token(message_id: str, text: bytes, html: bytes) -> bytes:
    """What all boundaries of this message contain and its bodies do not: the same on every attempt.

    Base64 and quoted-printable cannot contain `=_`; bodies sent as they are could, if somebody meant harm.
    """
    for salt in range(1000):
        token = hashlib.blake2b(f"{salt} {message_id}".encode(), digest_size=_TOKEN_OCTETS).hexdigest().encode()
        if token not in text and token not in html:
            return token
    raise AssertionError(f"no boundary for {message_id} after 1000 tries: the body holds them all")


# --- the constant bytes -------------------------------------------------------------------------------------

_TOKEN_OCTETS = 12
_TOKEN = b"\0"
"""Stands for the token in skeletons; no header can hold it."""


# A cache of a pure function: the mails of a run share their parts, so the skeleton is built once, not per
# mail.
@lru_cache(maxsize=256)
def _skeleton(parts: tuple[Part, ...], text_encoding: str, html_encoding: str) -> tuple[bytes, ...]:
    """Everything but the bodies: before the text, between text and HTML, after it, then after each part's
    base64.

    An empty encoding means that there is no such body.
    """
    with_html = bool(html_encoding)
    ordered = _in_order(parts)
    inline = [part for part in ordered if with_html and part.disposition == "inline"]
    files = ordered[len(inline) :]
    out = _Builder()
    out.write("MIME-Version: 1.0\r\n")
    with_alternative = bool(text_encoding) and with_html
    if files:
        out.open("mixed", "m")
    if with_alternative:
        out.open("alternative", "a")
    if text_encoding or not with_html:
        out.body("plain", text_encoding or "7bit")
    out.cut()
    if with_alternative:
        out.separate("a")
    if inline:
        out.open("related", "r", '; type="text/html"')
    if with_html:
        out.body("html", html_encoding)
    out.cut()
    out.parts(inline, "r")
    if with_alternative:
        out.close("a")
    out.parts(files, "m")
    out.cut()
    return tuple(out.pieces)


@lru_cache(maxsize=256)
def _frame_size(parts: tuple[Part, ...], text_encoding: str, html_encoding: str) -> int:
    """Octets of a message but for its headers and bodies."""
    token = bytes(2 * _TOKEN_OCTETS)
    skeleton = _skeleton(parts, text_encoding, html_encoding)
    own = sum(len(piece.replace(_TOKEN, token)) for piece in skeleton)
    return own + sum(base64_size(part.artifact.size) for part in parts)


class _Builder:
    """Collects text into pieces; `cut` begins the next one."""

    def __init__(self) -> None:
        self.pieces: list[bytes] = []
        self._text: list[str] = []

    def write(self, text: str) -> None:
        self._text.append(text)

    def cut(self) -> None:
        self.pieces.append("".join(self._text).encode("ascii"))
        self._text.clear()

    def open(self, subtype: str, level: str, parameters: str = "") -> None:
        """A multipart's header, its blank line and its first delimiter."""
        self.write(f'Content-Type: multipart/{subtype}{parameters};\r\n boundary="=_{level}_\0"\r\n\r\n')
        self.write(f"--=_{level}_\0\r\n")

    def separate(self, level: str) -> None:
        # The CRLF before a delimiter belongs to the delimiter (RFC 2046 §5.1.1), and the body before it keeps
        # its own.
        self.write(f"\r\n--=_{level}_\0\r\n")

    def close(self, level: str) -> None:
        self.write(f"\r\n--=_{level}_\0--\r\n")

    def body(self, subtype: str, encoding: str) -> None:
        self.write(f"Content-Type: text/{subtype}; charset=utf-8\r\n")
        self.write(f"Content-Transfer-Encoding: {encoding}\r\n\r\n")

    def parts(self, parts: list[Part], level: str) -> None:
        """The parts that end a level, if there are any, and the level's end."""
        for part in parts:
            self.separate(level)
            self.part(part)
        if parts:
            self.close(level)

    def part(self, part: Part) -> None:
        """A part's header; its base64 comes between this piece and the next."""
        self.write(f"Content-Type: {part.artifact.media_type}\r\n")
        if part.cid:
            self.write(f"Content-ID: <{part.cid}>\r\n")
        self.write(content_disposition(part.disposition, part.filename))
        self.write("Content-Transfer-Encoding: base64\r\n\r\n")
        self.cut()


def _in_order(parts: tuple[Part, ...]) -> list[Part]:
    """The parts as the skeleton has them: images before files, otherwise as they came."""
    return sorted(parts, key=lambda part: part.disposition != "inline")


# --- file names ---------------------------------------------------------------------------------------------

_PLAIN_NAME = re.compile(r"(?!.*=\?)[ !#-\[\]-~]{1,50}")
_CHUNK = 50


def content_disposition(disposition: str, filename: str) -> str:
    """The whole header line with its file name.

    A short printable ASCII name stands quoted. Any other goes in RFC 2231 form, in continuations where it is
    long, followed by an ASCII fallback for readers that know only `filename=` (the order RFC 6266 §4.3 leaves
    free; readers that take the first one get the right name).
    """
    if _PLAIN_NAME.fullmatch(filename):
        return f'Content-Disposition: {disposition}; filename="{filename}"\r\n'
    coded = "UTF-8''" + quote(filename, safe="")
    values = [f"filename*={coded}"]
    if len(coded) > _CHUNK:
        chunks = re.findall(rf"(?:%..|[^%]){{1,{_CHUNK // 3}}}", coded)
        values = [f"filename*{number}*={chunk}" for number, chunk in enumerate(chunks)]
    values.append(f'filename="{ascii_name(filename)}"')
    return f"Content-Disposition: {disposition};\r\n " + ";\r\n ".join(values) + "\r\n"


def ascii_name(filename: str) -> str:
    """A short ASCII stand-in that keeps the ending: `Verspätungen.xlsx` → `Versp_tungen.xlsx`."""
    plain = re.sub(r"[^A-Za-z0-9._ -]", "_", filename)
    stem, dot, ending = plain.rpartition(".")
    return f"{stem[:40]}.{ending[:8]}" if dot and stem else plain[:48]
