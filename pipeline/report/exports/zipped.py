"""One file in a ZIP archive whose bytes depend on nothing but the file's."""

import shutil
import zipfile
from pathlib import Path

_EPOCH = (1980, 1, 1, 0, 0, 0)
"""The first time that ZIP knows; the archive must not tell when it was made."""


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
