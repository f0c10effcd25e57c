"""A secret key of this project, kept in a file that nobody else reads; made when it is first asked for."""

import contextlib
import os
import secrets
from pathlib import Path

from pipeline.errors import ReportError

UNSUBSCRIBE_KEY = "unsubscribe.key"
"""In `var/`: what tokens of recipients who want to leave are made with."""
_OCTETS = 32


def secret_key(file: Path) -> bytes:
    """32 octets; of several processes that make one, the first one's counts. Raises ReportError where it cannot be
    kept, and for a file that holds no whole key: one that is empty would be everybody's."""
    try:
        if not file.exists():
            _make(file)
        key = file.read_bytes()
    except OSError as error:
        raise ReportError(f"{file}: {error.strerror}; let this user read and write there") from error
    if len(key) < _OCTETS:
        raise ReportError(f"{file}: holds no whole key; put its copy there, or take it away, and links made so far end")
    return key


def _make(file: Path) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    beside = file.with_name(f".{file.name}-{secrets.token_hex(8)}")
    try:
        with open(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as new:  # noqa: PTH123 - with a mode
            new.write(secrets.token_bytes(_OCTETS))
            new.flush()
            os.fsync(new.fileno())
        with contextlib.suppress(FileExistsError):
            file.hardlink_to(beside)
    finally:
        beside.unlink(missing_ok=True)
