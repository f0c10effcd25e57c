"""Zips files that are too large for a mail, and puts them where a link leads: each once, however many mails want it."""

import hashlib
import os
import secrets
import shutil
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from pipeline.engine.keyfile import secret_key
from pipeline.errors import ReportError
from pipeline.jobs.storing import Store
from pipeline.ledger.records import Artifact
from pipeline.message.facts import FileLike
from pipeline.report.artifacts import ArtifactStore
from pipeline.report.exports import zipped
from pipeline.report.recent import Recent

_KEPT = 2_000
"""Archives that are remembered, some hundred bytes each."""


@dataclass(frozen=True, slots=True)
class LightFile:
    """A file in another form."""

    artifact: Artifact
    filename: str
    rows: int | None


class Lightener:
    """A `message.ladder.Lighten`."""

    def __init__(self, artifacts: ArtifactStore, store: Store | None, root: Path, key_file: Path) -> None:
        """`key_file`: what makes names unguessable; made at first use, outside of the folder that is served."""
        self._artifacts = artifacts
        self._store = store
        self._root = root
        self._key_file = key_file
        self._zipped: Recent[tuple[str, str], LightFile] = Recent(_KEPT)

    def zipped(self, file: FileLike) -> LightFile:
        """The file in a ZIP archive of its own, whose bytes depend on nothing but the file. Raises ReportError."""

        def archived() -> LightFile:
            with self._artifacts.temp() as archive:
                zipped.write(self._artifacts.path(file.artifact.sha256), archive, file.filename)
                artifact = self._artifacts.put_file(archive, "application/zip")
            return LightFile(artifact, f"{file.filename}.zip", file.rows)

        return self._zipped.of((file.artifact.sha256, file.filename), archived)

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
        with suppress(FileNotFoundError):
            os.utime(target)  # linked to anew: as young as its link
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
        return hashlib.blake2b(what, key=secret_key(self._key_file), digest_size=16).hexdigest()
