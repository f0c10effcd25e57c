"""Header fields: values checked, non-ASCII encoded, lines folded (RFC 5322 §2.2.3, RFC 2047).

Not `email.message`: its default policy decodes an encoded word in a value and puts the line break inside it
on the wire, which makes a header out of a subject (CVE-2024-6923 and its kin), and it takes a millisecond a
mail.
"""

import binascii
import re
import unicodedata
from collections.abc import Iterable

from pipeline.errors import ComposeError
from pipeline.jobs.scalars import Mailbox

FOLD = 78
_WORD_OCTETS = 42
"""Octets of UTF-8 in one encoded word: 56 characters of base64 and 12 around them, so that a first line has room
for the field's name (75 are allowed for the word, 78 for the line)."""

_SHORT = FOLD - 26
"""Characters of a value that fits behind any field's name of ours."""

_ADDRESS = re.compile(r"[!#$%&'*+\-/=?^_`{|}~A-Za-z0-9.]{1,64}@(?:[A-Za-z0-9.-]{1,255}|\[[0-9A-Za-z.:]{1,64}\])")
_ATOMS = re.compile(r"[A-Za-z0-9!#$%&'*+\-/=?^_`{|}~ ]*")
_OVERRIDES = "\u202a\u202b\u202d\u202e\u2066\u2067\u2068"
_NOT_IN_A_LINE = {"Cc", "Cs", "Zl", "Zp"}


def one_line(value: str, what: str) -> str:
    """The value, if it can stand in one line. Raises ComposeError that names the character and what holds it.

    Control characters, line and paragraph separators, lone surrogates and text-direction overrides (which let
    a file name look like another) never belong into a header.
    """
    if value.isprintable():  # Unicode's word for: of none of these categories, and no format character
        return value
    for character in value:
        if unicodedata.category(character) in _NOT_IN_A_LINE or character in _OVERRIDES:
            name = unicodedata.name(character, "control character").lower()
            raise ComposeError(f"{what} holds the character U+{ord(character):04X} ({name}); take it out")
    return value


def unstructured(name: str, value: str) -> str:
    """`Subject: …` with its CRLF; the value is plain text of any language."""
    one_line(value, name)
    if len(value) <= _SHORT and _is_plain(value):
        return f"{name}: {value}\r\n"
    return folded(name, value.split(" ") if _is_plain(value) else encoded_words(value))


def mailboxes(name: str, values: Iterable[Mailbox]) -> str:
    """`To: …` with its CRLF: display names quoted or encoded, folded between words and addresses."""
    tokens: list[str] = []
    for value in values:
        if tokens:
            tokens[-1] += ","
        tokens += mailbox(value, name)
    return folded(name, tokens)


def mailbox(value: Mailbox, what: str) -> list[str]:
    """One address with its name, as the words to fold between (RFC 5322 §3.4).

    Raises ComposeError if the address or the name could not stand in a header.
    """
    if not _ADDRESS.fullmatch(value.address):
        raise ComposeError(f'{what}: "{ascii(value.address)[1:-1]}" is not an address that can stand in a header')
    name = one_line(value.name, f"the name of {value.address} in {what}").strip()
    return [*phrase(name), f"<{value.address}>"] if name else [value.address]


def phrase(text: str) -> list[str]:
    """A display name, as it is, quoted, or encoded: as the words to fold between."""
    if not _is_plain(text):
        return encoded_words(text)
    if not _ATOMS.fullmatch(text):
        text = '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
    return text.split(" ")


def _is_plain(text: str) -> bool:
    """Printable ASCII in words short enough to fold between, that no reader can take for an encoded word."""
    if not text.isascii() or "=?" in text:
        return False
    words = text.split(" ")
    return all(words) and max(map(len, words)) <= 60


def encoded_words(text: str) -> list[str]:
    """RFC 2047 words, cut between characters; readers join them without the blanks between."""
    data = text.encode()
    words: list[str] = []
    start = 0
    while len(data) - start > _WORD_OCTETS:
        stop = start + _WORD_OCTETS
        while data[stop] & 0xC0 == 0x80:  # inside a character
            stop -= 1
        words.append(_encoded_word(data[start:stop]))
        start = stop
    return [*words, _encoded_word(data[start:])]


def _encoded_word(octets: bytes) -> str:
    return f"=?utf-8?b?{binascii.b2a_base64(octets, newline=False).decode()}?="


def folded(name: str, words: list[str]) -> str:
    """The field in lines of at most 78 characters where its words allow it; each further line begins with a
    blank."""
    lines = [f"{name}:"]
    for word in words:
        if len(lines[-1]) + 1 + len(word) > FOLD and lines[-1] != f"{name}:":
            lines.append("")
        lines[-1] += f" {word}"
    return "\r\n".join(lines) + "\r\n"
