"""A secret key of this project, kept in a file that nobody else reads; made when it is first asked for."""

import contextlib
import os
import secrets
from pathlib import Path

UNSUBSCRIBE_KEY = "unsubscribe.key"
"""In `var/`: what tokens of recipients who want to leave are made with."""


def secret_key(file: Path) -> bytes:
    """32 octets; of several processes that make one, the first one's counts. Raises OSError."""
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True)
        beside = file.with_name(f".{file.name}-{secrets.token_hex(8)}")
        try:
            with open(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as new:  # noqa: PTH123 - with a mode
                new.write(secrets.token_bytes(32))
            with contextlib.suppress(FileExistsError):
                file.hardlink_to(beside)
        finally:
            beside.unlink(missing_ok=True)
    return file.read_bytes()
