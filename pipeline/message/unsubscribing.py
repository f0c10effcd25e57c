"""How somebody leaves the list of one job: a token that stands in their own mail and nowhere else, and the links and
headers that carry it (RFC 2369, RFC 8058)."""

import binascii
import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass
from urllib.parse import quote

from pipeline.jobs.scalars import parse_mailbox
from pipeline.message.headers import folded

_MAC = 16
"""Octets of the code that nobody can make without the key: 128 bits."""


@dataclass(frozen=True, slots=True)
class Unsubscribing:
    """How people leave one job's list."""

    key: bytes
    job: str
    mail: str = ""
    """The address whose mailbox is looked through (`bounces`); empty: none is."""
    url: str = ""
    """Where `pipeline serve` answers, https; empty: nowhere."""

    def links(self, address: str) -> "Links":
        """Those of one recipient; the same whenever they are made."""
        token = token_of(self.key, self.job, address)
        subject = quote(f"unsubscribe {self.job} {token}", safe="")
        return Links(
            web=f"{self.url.rstrip('/')}/unsubscribe/{self.job}/{token}" if self.url else "",
            mail=f"mailto:{quote(self.mail, safe='@')}?subject={subject}" if self.mail else "",
        )


@dataclass(frozen=True, slots=True)
class Links:
    """Ways to leave; an empty one is not there."""

    web: str
    mail: str

    @property
    def href(self) -> str:
        """What the link at the end of the mail leads to."""
        return self.web or self.mail

    def headers(self) -> str:
        """List-Unsubscribe, and List-Unsubscribe-Post where one click is enough."""
        ways = [f"<{link}>" for link in (self.web, self.mail) if link]
        post = "List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n" if self.web else ""
        return folded("List-Unsubscribe", [f"{way}," for way in ways[:-1]] + ways[-1:]) + post


def token_of(key: bytes, job: str, address: str) -> str:
    """The address itself and an HMAC of it and the job (RFC 2104, SHA-256), as letters, digits, `-` and `_`."""
    address = address.lower()
    return urlsafe_b64encode(_code(key, job, address) + address.encode()).decode().rstrip("=")


def address_of(key: bytes, job: str, token: str) -> str | None:
    """Whose token it is; None for one that was not made for this job with this key."""
    try:
        data = urlsafe_b64decode(token + "=" * (-len(token) % 4))
        address = parse_mailbox(data[_MAC:].decode()).address.lower()
    except (binascii.Error, ValueError):
        return None
    return address if hmac.compare_digest(data[:_MAC], _code(key, job, address)) else None


def _code(key: bytes, job: str, address: str) -> bytes:
    return hmac.digest(key, f"unsubscribe\0{job}\0{address}".encode(), "sha256")[:_MAC]


def word_in(language: str) -> str:
    """What the link is called in a language; in English where we do not know."""
    return _WORDS.get(language.partition("-")[0], _WORDS["en"])


_WORDS = {
    "ar": "إلغاء الاشتراك", "cs": "Odhlásit odběr", "da": "Afmeld", "de": "Abbestellen", "el": "Απεγγραφή",
    "en": "Unsubscribe", "es": "Darse de baja", "fi": "Peruuta tilaus", "fr": "Se désabonner", "he": "ביטול הרשמה",
    "hu": "Leiratkozás", "it": "Annulla l’iscrizione", "ja": "配信停止", "ko": "수신 거부", "nb": "Meld deg av",
    "nl": "Afmelden", "no": "Meld deg av", "pl": "Wypisz się", "pt": "Cancelar inscrição", "ro": "Dezabonare",
    "ru": "Отписаться", "sk": "Odhlásiť odber", "sv": "Avsluta prenumerationen", "tr": "Abonelikten çık",
    "uk": "Відписатися", "zh": "退订",
}  # fmt: skip
