"""Zips files that are too large for a mail, and puts them where a link leads: each once, however many mails want it."""

import contextlib
import hashlib
import os
import secrets
import shutil
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from pipeline.errors import ReportError
from pipeline.jobs.storing import Store
from pipeline.ledger.records import Artifact
from pipeline.message.facts import FileLike
from pipeline.report.artifacts import ArtifactStore
from pipeline.report.exports import zipped


@dataclass(frozen=True, slots=True)
class LightFile:
    """A file in another form."""

    artifact: Artifact
    filename: str
    rows: int


class Lightener:
    """A `message.ladder.Lighten`."""

    def __init__(self, artifacts: ArtifactStore, store: Store | None, root: Path, key_file: Path) -> None:
        """`key_file`: what makes names unguessable; made at first use, outside of the folder that is served."""
        self._artifacts = artifacts
        self._store = store
        self._root = root
        self._key_file = key_file
        self._zipped: dict[tuple[str, str], LightFile] = {}

    def zipped(self, file: FileLike) -> LightFile:
        """The file in a ZIP archive of its own, whose bytes depend on nothing but the file. Raises ReportError."""
        key = (file.artifact.sha256, file.filename)
        if key not in self._zipped:
            with self._artifacts.temp() as archive:
                zipped.write(self._artifacts.path(file.artifact.sha256), archive, file.filename)
                artifact = self._artifacts.put_file(archive, "application/zip")
            self._zipped[key] = LightFile(artifact, f"{file.filename}.zip", file.rows)
        return self._zipped[key]

    def linked(self, file: FileLike) -> str:
        """The file's URL in the store; the same for the same file, so that a rebuilt run sends the same mail. Empty
        without a store. Raises ReportError."""
        if self._store is None:
            return ""
        folder = self._root / self._store.folder / self._token(file)
        try:
            self._put(file, folder / file.filename)
        except OSError as error:
            raise ReportError(f"store {self._store.folder}: {error.strerror}; let this user write there") from error
        return f"{self._store.url.rstrip('/')}/{folder.name}/{quote(file.filename, safe='')}"

    def _put(self, file: FileLike, target: Path) -> None:
        """Whole or not at all: written beside, synced, renamed. Readable by the web server, whoever it is."""
        if target.exists():
            return
        target.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        beside = target.parent / f".{secrets.token_hex(8)}"
        try:
            shutil.copyfile(self._artifacts.path(file.artifact.sha256), beside)
            beside.chmod(0o644)
            with beside.open("rb") as copied:
                os.fsync(copied.fileno())
            beside.replace(target)
        finally:
            beside.unlink(missing_ok=True)

    def _token(self, file: FileLike) -> str:
        """128 bits that follow from a secret key and the file."""
        what = f"{file.artifact.sha256} {file.filename}".encode()
        return hashlib.blake2b(what, key=self._key(), digest_size=16).hexdigest()

    def _key(self) -> bytes:
        """The key; of several processes that make one, the first one's counts."""
        if not self._key_file.exists():
            beside = self._key_file.with_name(f".{self._key_file.name}-{secrets.token_hex(8)}")
            try:
                with open(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:  # noqa: PTH123 - with a mode
                    file.write(secrets.token_bytes(32))
                with contextlib.suppress(FileExistsError):
                    self._key_file.hardlink_to(beside)
            finally:
                beside.unlink(missing_ok=True)
        return self._key_file.read_bytes()
