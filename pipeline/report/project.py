"""Files of the project folder: found inside it, never outside, with near misses for those that are not
there."""

import difflib
import hashlib
from collections.abc import Iterable
from pathlib import Path

from pipeline.errors import SourceError
from pipeline.report.model import InputFile


def find(root: Path, name: str) -> Path:
    """The file, with symbolic links resolved. Raises SourceError where it is outside the project or not a
    file."""
    path = (root / name).resolve()
    if not path.is_relative_to(root.resolve()):
        raise SourceError(f"{name}: leads out of the project folder; put the file into it, or a copy")
    if not path.is_file():
        folder = path.parent
        names = [entry.name for entry in folder.iterdir()] if folder.is_dir() else []
        raise SourceError(f"{name}: no such file in {root}{near_miss(path.name, names)}")
    return path


def fingerprint(root: Path, path: Path) -> InputFile:
    """The file's SHA-256 and size, now."""
    with path.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    return InputFile(path.resolve().relative_to(root.resolve()).as_posix(), sha256, path.stat().st_size)


def near_miss(word: str, known: Iterable[str]) -> str:
    """`; did you mean "x"?`, or nothing."""
    close = difflib.get_close_matches(word, list(known), n=1, cutoff=0.6)
    return f'; did you mean "{close[0]}"?' if close else ""
