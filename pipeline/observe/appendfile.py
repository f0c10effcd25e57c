"""A file of lines that several processes append to and any of them rotates, without losing or mixing a line.

What is written together is one write to a descriptor opened with O_APPEND, under an exclusive lock (flock) of the
file that has the name at that moment. Rotation renames under the same lock: a process that waited for it finds that
its file is no longer the current one, and opens the new one. Use a local disk: over NFS, O_APPEND is not atomic.
Lines are not synced to the disk, because the ledger is what must survive a power cut.
"""

import fcntl
import os
from pathlib import Path


class AppendFile:
    """Keeps `path` below `max_bytes` (what is longer by itself goes in whole), `backups` older ones as path.1, …"""

    def __init__(self, path: Path, *, max_bytes: int, backups: int) -> None:
        self.path = path
        self._max_bytes = max_bytes
        self._backups = backups
        self._descriptor: int | None = None

    def write(self, lines: str) -> None:
        """Appends whole lines, the last one too with its line break, to one file. Raises OSError where it cannot."""
        data = lines.encode()
        while True:
            descriptor = self._open()
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            try:
                size = os.fstat(descriptor).st_size
                if not self._is_current(descriptor):
                    self.close()
                elif size and size + len(data) > self._max_bytes:
                    self._rotate()
                    self.close()
                else:
                    _append(descriptor, data, size)
                    return
            finally:
                if self._descriptor is not None:  # closing has unlocked it otherwise
                    fcntl.flock(descriptor, fcntl.LOCK_UN)

    def close(self) -> None:
        """May be written to again."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def _open(self) -> int:
        if self._descriptor is None:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
            self._descriptor = os.open(self.path, flags, 0o640)  # it holds addresses: not for everyone
        return self._descriptor

    def _is_current(self, descriptor: int) -> bool:
        try:
            named = self.path.stat()
        except FileNotFoundError:
            return False
        return os.path.samestat(named, os.fstat(descriptor))

    def _rotate(self) -> None:
        for number in range(self._backups - 1, 0, -1):
            older = backup(self.path, number)
            if older.exists():
                older.replace(backup(self.path, number + 1))
        if self._backups:
            self.path.replace(backup(self.path, 1))
        else:
            self.path.unlink()


def backup(path: Path, number: int) -> Path:
    """Where the file goes that was rotated away `number` rotations ago."""
    return path.with_name(f"{path.name}.{number}")


def _append(descriptor: int, data: bytes, size: int) -> None:
    # A crash or a full disk may have left half a line: ours must not continue it.
    if size and os.pread(descriptor, 1, size - 1) != b"\n":
        data = b"\n" + data
    while data:
        data = data[os.write(descriptor, data) :]
