"""Old files: gone where nothing names them, and left alone while they are young or known."""

import os
import sys
import time
from collections.abc import Callable, Collection
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

import pytest

from pipeline.report.artifacts import ArtifactStore
from pipeline.report.sweeping_up import YOUNG, Swept, _remove, _remove_old, sweep_artifacts, sweep_store

NOW = time.time()
OLD = NOW - YOUNG - 1
TOKENS = ("a" * 32, "0123456789abcdef" * 2)


def aged(path: Path, at: float = OLD) -> Path:
    os.utime(path, (at, at))
    return path


@pytest.fixture
def store(tmp_path: Path) -> ArtifactStore:
    return ArtifactStore(tmp_path)


def test_only_old_files_that_nobody_knows_go(tmp_path: Path, store: ArtifactStore) -> None:
    known, unknown, young = (store.put(text, "text/plain").sha256 for text in (b"known", b"unknown", b"young"))
    aged(store.path(known))
    aged(store.path(unknown))
    aged(store.path(young), NOW - 60)
    half = [aged(_made(path / f".tmp-1-{'a' * 16}")) for path in (store.path(known).parent, tmp_path)]
    marker = aged(_made(tmp_path / "of-ledger"))

    def ask(names: Collection[str]) -> set[str]:
        assert set(names) <= {known, unknown}
        return set(names) - {known}

    dry = sweep_artifacts(tmp_path, ask, NOW, dry=True)
    assert dry == Swept(3, len("unknown") + 2)
    assert store.path(unknown).exists()
    assert sweep_artifacts(tmp_path, ask, NOW) == dry
    assert [path.exists() for path in (store.path(known), store.path(young), marker)] == [True, True, True]
    assert [path.exists() for path in (store.path(unknown), *half)] == [False, False, False]


def test_a_file_that_is_put_again_is_young_again(tmp_path: Path, store: ArtifactStore) -> None:
    name = store.put(b"again", "text/plain").sha256
    aged(store.path(name))

    def ask(names: object) -> set[str]:
        store.put(b"again", "text/plain")  # a build that is about to name it
        return {name}

    assert sweep_artifacts(tmp_path, ask, NOW) == Swept()
    assert store.path(name).exists()


def test_what_is_not_named_as_an_artifact_is_not_ours(tmp_path: Path) -> None:
    names = ("reports/sales.sql", "ab/notes.txt", f"ab/{'0' * 61}", f"AB/{'0' * 62}", ".git/config", "ab/.tmp-mine")
    strangers = [aged(_made(tmp_path / name)) for name in names]
    assert sweep_artifacts(tmp_path, set, NOW) == Swept()
    assert sweep_store(tmp_path, NOW) == Swept()
    assert all(path.exists() for path in strangers)


def test_a_sweep_that_is_told_to_stop_ends(tmp_path: Path, store: ArtifactStore) -> None:
    for number in range(3):
        aged(store.path(store.put(b"%d" % number, "text/plain").sha256))
        aged(_made(tmp_path / TOKENS[0] / f"{number}.csv"))
    assert sweep_artifacts(tmp_path, set, NOW, stopping=lambda: True) == Swept()
    assert sweep_store(tmp_path, NOW, stopping=lambda: True) == Swept()
    assert sweep_artifacts(tmp_path, set, NOW) == Swept(3, 3)


def test_files_that_others_remove_meanwhile_do_not_end_it(tmp_path: Path, store: ArtifactStore) -> None:
    """Another process sweeps the same folder: what was listed is gone by the time it is looked at."""
    paths = [store.path(store.put(b"%d" % number, "text/plain").sha256) for number in range(3)]
    left = [aged(path) for path in paths]

    def another_sweeps() -> bool:
        if len(left) > 1:
            left.pop().unlink()
        return False

    assert sweep_artifacts(tmp_path, set, NOW, stopping=another_sweeps).files == 1
    assert not any(path.exists() for path in paths)


def test_a_store_loses_what_nobody_has_linked_to_since(tmp_path: Path) -> None:
    for token, at in zip(TOKENS, (OLD, NOW), strict=True):
        aged(_made(tmp_path / token / "sales.xlsx"), at)
    assert sweep_store(tmp_path, NOW - 60, dry=True) == Swept(1, 1)
    assert sweep_store(tmp_path, NOW - 60) == Swept(1, 1)
    assert [path.name for path in tmp_path.iterdir()] == [TOKENS[1]]
    assert sweep_store(tmp_path / "none", NOW) == Swept()


def _made(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"x")
    return path


@pytest.mark.parametrize("interrupted", ["sweep", "put"])
def test_a_file_that_is_put_while_it_is_swept_up_is_there(
    tmp_path: Path, store: ArtifactStore, interrupted: str
) -> None:
    """Before each line of the one, the other happens whole: whoever has put a file finds it."""

    def put() -> None:
        store.put(b"the same again", "text/plain")

    def sweep() -> None:
        sweep_artifacts(tmp_path, set, NOW)

    work, code, other = {
        "sweep": (sweep, {_remove.__code__, _remove_old.__code__}, put),
        "put": (put, {ArtifactStore.put.__code__, ArtifactStore._has.__code__}, sweep),
    }[interrupted]
    sha256 = store.put(b"the same again", "text/plain").sha256
    line = 0
    while True:
        put()
        aged(store.path(sha256))
        if not _interrupt(work, code, line, other):
            break
        assert store.read(sha256) == b"the same again", line
        line += 1
    assert line > 6
    assert [path.name for path in tmp_path.rglob(".*")] == []


def _interrupt(work: Callable[[], None], code: Collection[CodeType], line: int, other: Callable[[], None]) -> bool:
    """Does the work, and `other` before the line of that number in these functions; False where there are fewer."""
    left = line

    def trace(frame: FrameType, event: str, _: object) -> Any:
        nonlocal left
        if frame.f_code not in code:
            return None
        if event == "line":
            left -= 1
            if left == -1:
                sys.settrace(None)
                other()
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        work()
    finally:
        sys.settrace(before)
    return left < 0
