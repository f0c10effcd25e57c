"""The newest refresh token of one mailer, where a provider gives a new one for each that is used (RFC 6749 §6).

A file that only this user can read, outside of jobs.yaml, the log and the ledger. It remembers which token from
the environment it follows from, so that a new consent (another token in the environment) takes its place.
"""

import contextlib
import fcntl
import hashlib
import json
import os
from collections.abc import Iterator
from pathlib import Path


class TokenFile:
    """`var/tokens/NAME.json`. One process at a time may spend the token: whoever comes second sees the first one's
    new one."""

    def __init__(self, path: Path, first: str) -> None:
        """`first`: the refresh token of the environment."""
        self._path = path
        self._first = first
        self._unsaved = ""

    @contextlib.contextmanager
    def held(self) -> Iterator[str]:
        """The refresh token to use now, for this process alone until the block ends. Raises OSError."""
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with self._path.with_suffix(".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield self._unsaved or self._kept() or self._first

    def keep(self, token: str) -> None:
        """Makes a new token durable (0600, written beside and renamed). Inside `held`. Raises OSError; the token is
        still used then, as long as this process lives."""
        self._unsaved = token
        beside = self._path.with_suffix(".new")
        beside.unlink(missing_ok=True)
        with open(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:  # noqa: PTH123 - with a mode
            json.dump({"follows": self._mark(), "refresh_token": token}, file)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(self._path)
        self._unsaved = ""

    def _kept(self) -> str:
        try:
            found = json.loads(self._path.read_text(encoding="utf-8"))
            return str(found["refresh_token"]) if found["follows"] == self._mark() else ""
        except (FileNotFoundError, ValueError, KeyError, TypeError):
            return ""

    def _mark(self) -> str:
        return hashlib.sha256(self._first.encode()).hexdigest()[:16]
