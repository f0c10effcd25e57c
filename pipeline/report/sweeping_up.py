"""Old files that nothing names any more: of the folder of artifacts, of a store, and what a kill left half-written."""

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

YOUNG = 2 * 86_400.0
"""Seconds that a file is left alone whatever the ledger says: a build may be about to name it."""
_PAGE = 500


@dataclass(frozen=True, slots=True)
class Swept:
    """What was removed, or would be."""

    files: int = 0
    bytes: int = 0

    def __add__(self, other: "Swept") -> "Swept":
        return Swept(self.files + other.files, self.bytes + other.bytes)


def sweep_artifacts(
    folder: Path, unknown: Callable[[Collection[str]], set[str]], now: float, *, dry: bool = False
) -> Swept:
    """Removes artifacts that are `unknown` and not young, and old files that were never finished. `now`: seconds since
    1970, as files have it."""
    done = Swept()
    old = _older(folder.glob("*/*"), now - YOUNG)
    while page := list(islice(old, _PAGE)):
        names = {f"{path.parent.name}{path.name}": path for path in page if not path.name.startswith(".")}
        gone = [names[name] for name in unknown(names)] if names else []
        gone += [path for path in page if path.name.startswith(".tmp-")]
        done += _remove(gone, now - YOUNG, dry=dry)
    return done + _remove(_older(folder.glob(".tmp-*"), now - YOUNG), now - YOUNG, dry=dry)


def sweep_store(folder: Path, before: float, *, dry: bool = False) -> Swept:
    """Removes files of a store that nobody has linked to since then, and their folders. `before`: as `now`."""
    paths = list(_older(folder.glob("*/*"), before))
    done = _remove(paths, before, dry=dry)
    for parent in {path.parent for path in paths} if not dry else ():
        if not any(parent.iterdir()):
            parent.rmdir()
    return done


def _older(paths: Iterator[Path], than: float) -> Iterator[Path]:
    return (path for path in paths if path.is_file() and path.stat().st_mtime < than)


def _remove(paths: "Collection[Path] | Iterator[Path]", than: float, *, dry: bool) -> Swept:
    done = Swept()
    for path in paths:
        try:
            status = path.stat()
            if status.st_mtime >= than:
                continue  # somebody has put the same file again just now
            if not dry:
                path.unlink()
        except FileNotFoundError:
            continue
        done += Swept(1, status.st_size)
    return done
