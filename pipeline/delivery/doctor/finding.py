"""One thing that was looked at, how it is, and what to do about it."""

from dataclasses import dataclass
from typing import Literal

Level = Literal["ok", "warn", "wrong"]


@dataclass(frozen=True, slots=True)
class Finding:
    check: str
    """What was looked at: resolve, connect, tls, certificate, ehlo, auth, size, noop, spf, dkim, dmarc."""
    level: Level
    text: str
    """How it is."""
    advice: str = ""
    """What to do; empty where nothing needs doing."""
