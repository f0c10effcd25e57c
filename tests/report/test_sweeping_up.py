"""Old files: gone where nothing names them, and left alone while they are young or known."""

import os
import time
from pathlib import Path

import pytest

from pipeline.report.artifacts import ArtifactStore
from pipeline.report.sweeping_up import YOUNG, Swept, sweep_artifacts, sweep_store

NOW = time.time()
OLD = NOW - YOUNG - 1


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
    half = [aged(_made(store.path(known).parent / ".tmp-1-a")), aged(_made(tmp_path / ".tmp-1-b"))]
    marker = aged(_made(tmp_path / "of-ledger"))

    def ask(names: object) -> set[str]:
        assert set(names) <= {known, unknown}  # type: ignore[call-overload]
        return set(names) - {known}  # type: ignore[call-overload]

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


def test_a_store_loses_what_nobody_has_linked_to_since(tmp_path: Path) -> None:
    for token, at in (("a", OLD), ("b", NOW)):
        (tmp_path / token).mkdir()
        aged(_made(tmp_path / token / "sales.xlsx"), at)
    assert sweep_store(tmp_path, NOW - 60, dry=True) == Swept(1, 1)
    assert sweep_store(tmp_path, NOW - 60) == Swept(1, 1)
    assert [path.name for path in tmp_path.iterdir()] == ["b"]
    assert sweep_store(tmp_path / "none", NOW) == Swept()


def _made(path: Path) -> Path:
    path.write_bytes(b"x")
    return path
