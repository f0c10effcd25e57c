"""What must not be read in a log: secrets in all their forms, and addresses where they are hashed."""

import base64
import hashlib
import re
from collections.abc import Callable, Iterable, Iterator
from urllib.parse import quote, quote_plus, unquote, urlsplit

MASK = "***"
_SHORTEST = 4
_FREE_TEXT = ("reply", "reason", "message", "traceback")
_ADDRESS = re.compile(r"[^\s<>()\[\]\"',;:]+@[^\s<>()\[\]\"',;:]+\w")


def masker(secrets: Iterable[str]) -> Callable[[str], str]:
    """A function that replaces every secret in a text by `***`.

    Also masked: the password inside a secret that is a URL; each secret URL-quoted, as in `repr`, and in
    base64, alone or at any place inside something longer (AUTH PLAIN is base64 of user and password). Secrets
    of fewer than 4 characters are left alone: masking them would make a log unreadable.
    """
    plain = {part for secret in secrets for part in (secret, *_passwords(secret)) if len(part) >= _SHORTEST}
    forms = sorted({form for secret in plain for form in _forms(secret)}, key=len, reverse=True)
    if not forms:
        return lambda text: text
    pattern = re.compile("|".join(map(re.escape, forms)))
    return lambda text: pattern.sub(MASK, text)


class Masks:
    """A `masker` that can learn more secrets while it is in use: those of a jobs.yaml that was loaded again."""

    def __init__(self, secrets: Iterable[str]) -> None:
        self._known = frozenset(secrets)
        self._mask = masker(self._known)

    def __call__(self, text: str) -> str:
        return self._mask(text)

    def add(self, secrets: Iterable[str]) -> None:
        """These too from now on. What was secret once stays masked."""
        known = self._known.union(secrets)
        if known != self._known:
            self._known, self._mask = known, masker(known)


class Redaction:
    """From a line's fields to those that may be read: secrets masked, and addresses hashed where that is asked for."""

    def __init__(self, mask: Masks, *, hash_recipients: bool) -> None:
        self.mask = mask
        self._hash_recipients = hash_recipients

    def __call__(self, line: dict[str, object]) -> dict[str, object]:
        if self._hash_recipients:
            if "recipient" in line:
                line["recipient"] = hash_recipient(str(line["recipient"]))
            line.update({name: hash_addresses(str(line[name])) for name in _FREE_TEXT if name in line})
        # All texts are searched at once, which nearly always ends it; no secret reaches over a NUL into the next.
        texts = "\0".join([value for value in line.values() if isinstance(value, str)])
        if self.mask(texts) == texts:
            return line
        return {name: self.mask(value) if isinstance(value, str) else value for name, value in line.items()}


def hash_recipient(address: str) -> str:
    """`sha256:` and 16 hex digits: enough to follow one recipient through a log, and to look for a known one.

    A pseudonym and no more: whoever has a list of addresses can hash it too.
    """
    return f"sha256:{hashlib.sha256(address.strip().lower().encode()).hexdigest()[:16]}"


def hash_addresses(text: str) -> str:
    """Hashes every mail address inside a text: servers like to repeat them in their replies."""
    return _ADDRESS.sub(lambda match: hash_recipient(match[0]), text)


def _passwords(secret: str) -> Iterator[str]:
    try:
        password = urlsplit(secret).password
    except ValueError:  # not a URL
        return
    if password:
        yield password
        yield unquote(password)


def _forms(secret: str) -> Iterator[str]:
    yield secret
    yield quote(secret, safe="")
    yield quote_plus(secret)
    yield repr(secret)[1:-1]
    data = secret.encode()
    for offset, skipped in ((0, 0), (1, 2), (2, 3)):
        # Six bits a character: the first ones also hold bits of what stands before, the last of what comes.
        encoded = base64.b64encode(b"\0" * offset + data)[skipped : (offset + len(data)) * 8 // 6].decode()
        yield encoded
        yield encoded.replace("+", "-").replace("/", "_")
