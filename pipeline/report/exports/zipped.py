"""One file in a ZIP archive whose bytes depend on nothing but the file's."""

import shutil
import zipfile
from pathlib import Path

from pipeline.report.extras import need

_EPOCH = (1980, 1, 1, 0, 0, 0)
"""The first time that ZIP knows; the archive must not tell when it was made."""


def write_encrypted(source: Path, archive: Path, name: str, password: str) -> None:
    """`source`, deflated and encrypted with AES-256 (WinZip's AE-2), as `name`. Salted, so that the bytes differ
    each time. Raises MissingExtraError."""
    pyzipper = need("pyzipper", "a ZIP archive with a password", "zip")
    with pyzipper.AESZipFile(archive, "w", compression=zipfile.ZIP_DEFLATED, encryption=pyzipper.WZ_AES) as target:
        target.setpassword(password.encode())
        entry = target.zipinfo_cls(name, _EPOCH)
        entry.compress_type = zipfile.ZIP_DEFLATED
        entry.external_attr = 0o644 << 16
        with source.open("rb") as content, target.open(entry, "w") as stream:
            shutil.copyfileobj(content, stream, 1 << 20)


def write(source: Path, archive: Path, name: str) -> None:
    """`source`, deflated, as `name`."""
    entry = zipfile.ZipInfo(name, _EPOCH)
    entry.compress_type = zipfile.ZIP_DEFLATED
    entry.external_attr = 0o644 << 16
    entry.create_system = 3  # Unix, wherever it is built
    large = source.stat().st_size > 2**31
    with (
        zipfile.ZipFile(archive, "w") as target,
        source.open("rb") as content,
        target.open(entry, "w", force_zip64=large) as stream,
    ):
        shutil.copyfileobj(content, stream, 1 << 20)
