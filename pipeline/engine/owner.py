"""Who this process is to the ledger, and which earlier processes on this machine are dead.

Work is leased to an owner. A lease that runs out frees the work on every machine; but after a crash nobody
wants to wait for that, so each process also holds a lock on a file named after it. The kernel drops the lock
with the process, however it ended: a file without a lock is a dead owner, whose leases may be broken at once.
"""

import contextlib
import fcntl
import os
import secrets
import socket
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

LEASE = timedelta(seconds=60)
"""How long a builder that says nothing is believed to live, on machines that cannot see that it died."""


@contextlib.contextmanager
def hold_owner(folder: Path) -> Iterator[str]:
    """The id of this process as an owner of leases, locked in `folder` until the block ends."""
    folder.mkdir(parents=True, exist_ok=True)
    owner = f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(4)}"
    hidden = folder / f".{owner}"
    with hidden.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        hidden.rename(folder / owner)  # visible only once it is locked: nobody can take it for dead
        try:
            yield owner
        finally:
            (folder / owner).unlink(missing_ok=True)


def dead_owners(folder: Path) -> list[str]:
    """Owners whose process on this machine has ended without `forget_owner`: crashed or killed."""
    return sorted(path.name for path in folder.glob("[!.]*") if not _is_locked(path))


def forget_owner(folder: Path, owner: str) -> None:
    """To be called once a dead owner's leases are broken."""
    (folder / owner).unlink(missing_ok=True)


def _is_locked(path: Path) -> bool:
    try:
        with path.open() as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except FileNotFoundError:  # it ended well in this moment
        return True
    return False
