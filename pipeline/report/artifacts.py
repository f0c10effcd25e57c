"""The bytes of exports and charts, each stored once under the SHA-256 of its content.

A file has its final name only when all of it is on the disk: it is written under a dot-name in the folder
where it will live, synced, renamed, and the folder is synced. So whoever finds a name may trust it, whatever
was killed when.
"""

import errno
import hashlib
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from pipeline.errors import ReportError
from pipeline.ledger.records import Artifact


class Disk:
    """The few operations that a safe write is made of; a test hands in one that fails where it wants."""

    def create(self, path: Path) -> int:
        """Opens a new file for writing, readable by this user alone (reports hold personal data)."""
        return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)

    def write(self, fd: int, data: memoryview) -> int:
        return os.write(fd, data)

    def sync(self, path: Path) -> None:
        """Brings a file's content, or a folder's names, to the disk."""
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)

    def rename(self, source: Path, target: Path) -> None:
        os.replace(source, target)  # noqa: PTH105 - one level with the other calls of this class


class ArtifactStore:
    """A folder of artifacts, laid out as `ab/cdef…`; safe for any number of writers on one machine.

    Raises ReportError from every method where the folder cannot be used; nothing is left under a final name
    then.
    """

    def __init__(self, folder: Path, disk: Disk | None = None) -> None:
        self._folder = folder
        self._disk = disk or Disk()

    def path(self, sha256: str) -> Path:
        """Where the artifact is, or would be. Raises ValueError for what is not a SHA-256 in hex."""
        if len(sha256) != 64 or not set(sha256) <= set("0123456789abcdef"):
            raise ValueError(f"{sha256!r} is not a SHA-256 in lower-case hex")
        return self._folder / sha256[:2] / sha256[2:]

    def put(self, data: bytes, media_type: str) -> Artifact:
        """Stores the bytes, if they are not there yet, and returns once they would survive a power cut."""
        artifact = Artifact(hashlib.sha256(data).hexdigest(), len(data), media_type)
        with self._told(f"cannot store an artifact of {len(data)} bytes"):
            target = self._folder_of(artifact)
            if not self._has(target, artifact):
                with self._temporary(target.parent) as temporary:
                    self._write(temporary, data)
                    self._disk.sync(temporary)
                    self._disk.rename(temporary, target)
            self._disk.sync(target.parent)
        return artifact

    def put_file(self, path: Path, media_type: str) -> Artifact:
        """Moves a finished file in; `path` is gone afterwards. It should come from `temp()`: a rename does
        not cross file systems."""
        with self._told(f"cannot store the file {path}"):
            with path.open("rb") as file:
                sha256 = hashlib.file_digest(file, "sha256").hexdigest()
            artifact = Artifact(sha256, path.stat().st_size, media_type)
            target = self._folder_of(artifact)
            if self._has(target, artifact):
                path.unlink()
            else:
                self._disk.sync(path)
                self._disk.rename(path, target)
            self._disk.sync(target.parent)
        return artifact

    def read(self, sha256: str) -> bytes:
        """The bytes, checked against their name."""
        path = self.path(sha256)
        again = "build the run again (pipeline run JOB --at TIME --again), or restore the file from a backup"
        try:
            data = path.read_bytes()
        except FileNotFoundError:
            raise ReportError(f"artifact {path} is missing: {again}") from None
        except OSError as error:
            raise ReportError(f"artifact {path} cannot be read: {error.strerror}") from error
        if hashlib.sha256(data).hexdigest() != sha256:
            raise ReportError(f"artifact {path} is damaged, its content does not match its name: {again}")
        return data

    @contextmanager
    def temp(self) -> Iterator[Path]:
        """A path for a file that is being built, on the file system of the store; what is left of it is
        removed."""
        with self._told("cannot be used"):
            self._make(self._folder)
        with self._temporary(self._folder) as path:
            yield path

    def _folder_of(self, artifact: Artifact) -> Path:
        target = self.path(artifact.sha256)
        if not target.parent.is_dir():
            self._make(target.parent)
            self._disk.sync(self._folder)
        return target

    def _make(self, folder: Path) -> None:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)

    def _has(self, target: Path, artifact: Artifact) -> bool:
        """A file of another size can only be damaged, as names appear when files are whole: it is
        replaced. It counts as young again: a file that is about to be named must not be swept up."""
        try:
            if target.stat().st_size != artifact.size:
                return False
            os.utime(target)
        except FileNotFoundError:
            return False
        return True

    def _write(self, path: Path, data: bytes) -> None:
        fd = self._disk.create(path)
        try:
            rest = memoryview(data)
            while rest:
                rest = rest[self._disk.write(fd, rest) :]
        finally:
            os.close(fd)

    @contextmanager
    def _temporary(self, folder: Path) -> Iterator[Path]:
        path = folder / f".tmp-{os.getpid()}-{secrets.token_hex(8)}"
        try:
            yield path
        finally:
            with suppress(FileNotFoundError):
                path.unlink()

    @contextmanager
    def _told(self, what: str) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            advice = {
                errno.ENOSPC: "free some space (pipeline prune) and run again",
                errno.EDQUOT: "free some space (pipeline prune) and run again",
                errno.EACCES: "let this user write there",
                errno.EROFS: "let this user write there",
                errno.EXDEV: "build the file in a path of ArtifactStore.temp()",
            }.get(error.errno or 0, "look at the disk and run again")
            raise ReportError(f"artifact store {self._folder}: {what}: {error.strerror}; {advice}") from error
