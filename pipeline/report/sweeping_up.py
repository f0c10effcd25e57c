"""Old files that nothing names any more: of the folder of artifacts, of a store, and what a kill left half-written."""

import os
import re
import secrets
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

YOUNG = 2 * 86_400.0
"""Seconds that a file is left alone whatever the ledger says: a build may be about to name it."""
_PAGE = 500
_ARTIFACT = re.compile(r"[0-9a-f]{2}/[0-9a-f]{62}")
"""As `ArtifactStore.path` names them. What has any other name is not ours, and stays."""
_UNFINISHED = re.compile(r"(?:[0-9a-f]{2}/)?\.tmp-[0-9]+-[0-9a-f]{16}")
_TOKEN = re.compile(r"[0-9a-f]{32}")
"""A folder of a store, as `engine.lighten` names them."""


@dataclass(frozen=True, slots=True)
class Swept:
    """What was removed, or would be."""

    files: int = 0
    bytes: int = 0

    def __add__(self, other: "Swept") -> "Swept":
        return Swept(self.files + other.files, self.bytes + other.bytes)


def sweep_artifacts(
    folder: Path,
    unknown: Callable[[Collection[str]], set[str]],
    now: float,
    *,
    dry: bool = False,
    stopping: Callable[[], bool] = lambda: False,
) -> Swept:
    """Removes artifacts that are `unknown` and not young, and old files that were never finished; nothing else that
    may lie there. `now`: seconds since 1970, as files have it. Ends early once it is `stopping`."""
    done = Swept()
    old = _older(_named(folder, ("*/*", ".tmp-*")), now - YOUNG, stopping)
    while page := list(islice(old, _PAGE)):
        names = {f"{path.parent.name}{path.name}": path for path in page if not path.name.startswith(".")}
        gone = [names[name] for name in unknown(names)] if names else []
        gone += [path for path in page if path.name.startswith(".")]
        done += _remove(gone, now - YOUNG, stopping, dry=dry)
    return done


def sweep_store(
    folder: Path, before: float, *, dry: bool = False, stopping: Callable[[], bool] = lambda: False
) -> Swept:
    """Removes files of a store that nobody has linked to since then, and their folders; nothing else that may lie
    there. `before`, `stopping`: as above."""
    ours = (path for path in folder.glob("*/*") if _TOKEN.fullmatch(path.parent.name))
    paths = list(_older(ours, before, stopping))
    done = _remove(paths, before, stopping, dry=dry)
    for parent in {path.parent for path in paths} if not dry else ():
        with suppress(OSError):  # it is not empty, or gone already
            parent.rmdir()
    return done


def _named(folder: Path, patterns: Collection[str]) -> Iterator[Path]:
    for pattern in patterns:
        for path in folder.glob(pattern):
            name = path.relative_to(folder).as_posix()
            if _ARTIFACT.fullmatch(name) or _UNFINISHED.fullmatch(name):
                yield path


def _older(paths: Iterable[Path], than: float, stopping: Callable[[], bool]) -> Iterator[Path]:
    for path in paths:
        if stopping():
            return
        try:
            old = path.is_file() and path.stat().st_mtime < than
        except FileNotFoundError:
            continue  # somebody else has removed it meanwhile
        if old:
            yield path


def _remove(paths: Iterable[Path], than: float, stopping: Callable[[], bool], *, dry: bool) -> Swept:
    done = Swept()
    for path in paths:
        if stopping():
            break
        with suppress(FileNotFoundError):  # somebody else has removed it meanwhile
            status = path.stat() if dry else _remove_old(path, than)
            if status is not None and status.st_mtime < than:
                done += Swept(1, status.st_size)
    return done


def _remove_old(path: Path, than: float) -> os.stat_result | None:
    """What it was; None where somebody has put the same file again just now: it stays.

    Whoever finds a file where it is makes it young, and relies on it. So its age is asked once more when it can be
    found no longer: who comes then makes it anew.
    """
    if path.stat().st_mtime >= than:
        return None
    aside = path.with_name(f".tmp-{os.getpid()}-{secrets.token_hex(8)}")
    path.rename(aside)
    status = aside.stat()
    if status.st_mtime >= than:
        aside.rename(path)
        return None
    aside.unlink()
    return status
