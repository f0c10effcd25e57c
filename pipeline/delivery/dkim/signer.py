"""DKIM-Signature headers (RFC 6376 §3.5, §5) for a message in chunks.

Without `t=` and `x=`: both algorithms are deterministic, so a mail has the same octets on every attempt.
"""

import base64
import textwrap
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

from pipeline.delivery.dkim.canonical import body_hash, fields, split
from pipeline.delivery.dkim.keys import Key, load_key
from pipeline.jobs.identity import Dkim

SEALED = ("from", "to", "cc", "subject", "reply-to", "mime-version", "content-type")
"""Signed once more than they occur (RFC 6376 §8.15): nobody can add another one."""
SEALED_IF_PRESENT = (
    "date", "message-id", "sender", "in-reply-to", "references", "content-transfer-encoding",
    "list-id", "list-unsubscribe", "list-unsubscribe-post",
)  # fmt: skip
"""The same, but where they are absent a relay may add them: some add their own List-Unsubscribe (RFC 8058 §4 wants
ours covered)."""


@dataclass(frozen=True, slots=True)
class Signer:
    """One key for one domain."""

    domain: str
    selector: str
    key: Key
    unsigned: frozenset[str] = frozenset()
    """Headers that the provider writes anew after us."""

    def covers(self, domain: str) -> bool:
        """Whether mails from this domain are its to sign: its own and those below it."""
        return domain == self.domain or domain.endswith(f".{self.domain}")

    def header(self, headers: Sequence[tuple[str, bytes]], bodyhash: bytes) -> bytes:
        """The whole field, folded, with its CRLF."""
        signed = _signed_names(tuple(name for name, _ in headers), self.unsigned)
        tags = f"v=1; a={self.key.algorithm}; c=relaxed/relaxed; d={self.domain}; s={self.selector};"
        field = f"DKIM-Signature: {tags}\r\n {_folded(signed)};\r\n bh={_base64(bodyhash)};\r\n b=".encode()
        ((_, own),) = fields(field)
        signature = _base64(self.key.sign(_signed_lines(headers, signed) + own))
        pieces = [signature[start : start + 74] for start in range(0, len(signature), 74)]
        return field + "\r\n ".join(pieces).encode() + b"\r\n"


@dataclass(frozen=True, slots=True)
class Signing:
    """All keys of a mailer."""

    signers: tuple[Signer, ...]

    def __call__(self, chunks: Sequence[bytes], shared: Collection[bytes]) -> bytes:
        """The signatures of every key that covers the From domain; empty where none does.

        `chunks`: the message as it will be sent, before dots are doubled; `shared`: those of them that are base64 of
        artifacts.
        """
        head, body = split(chunks)
        headers = fields(head)
        domain = from_domain(headers)
        covering = [signer for signer in self.signers if signer.covers(domain)]
        if not covering:
            return b""
        bodyhash = body_hash(body, shared)
        return b"".join(signer.header(headers, bodyhash) for signer in covering)


def signing_of(mailer: str, settings: Iterable[Dkim], unsigned: frozenset[str] = frozenset()) -> Signing | None:
    """The keys of a mailer; None where it has none. Raises MailerError, MissingExtraError."""
    signers = tuple(
        Signer(
            key.domain.lower(),
            key.selector,
            load_key(f'mailer "{mailer}", DKIM key {key.selector} of {key.domain}', key.key.get_secret_value()),
            unsigned,
        )
        for key in settings
    )
    return Signing(signers) if signers else None


def from_domain(headers: Sequence[tuple[str, bytes]]) -> str:
    """The domain that DMARC aligns with: of the address in From."""
    line = next((line for name, line in headers if name == "from"), b"")
    return line.rpartition(b"@")[2].strip(b" <>").decode("ascii", "replace").lower()


# Caches of pure functions: the mails of a run have the same headers.
@lru_cache(maxsize=64)
def _signed_names(names_present: tuple[str, ...], unsigned: frozenset[str]) -> tuple[str, ...]:
    present = Counter(names_present)
    names: list[str] = []
    for name in (*SEALED, *(name for name in SEALED_IF_PRESENT if present[name])):
        if name not in unsigned:
            names += [name] * (present[name] + 1)
    return tuple(names)


@lru_cache(maxsize=64)
def _folded(names: tuple[str, ...]) -> str:
    """The tag `h=`, in lines of at most 78 columns."""
    words = "h=" + ":".join(names)
    return (
        textwrap.fill(words.replace(":", ": "), 76, break_on_hyphens=False).replace(": ", ":").replace(":\n", ":\r\n ")
    )


def _signed_lines(headers: Sequence[tuple[str, bytes]], names: Sequence[str]) -> bytes:
    """The lines that `h=` names, from the last of a name up (RFC 6376 §5.4.2); absent ones are empty."""
    waiting: dict[str, list[bytes]] = {}
    for name, line in headers:
        waiting.setdefault(name, []).append(line)
    return b"".join(waiting[name].pop() + b"\r\n" for name in names if waiting.get(name))


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()
