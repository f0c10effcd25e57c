"""A name in the store means the whole content, whatever fails or is killed, and whoever else writes."""

import errno
import hashlib
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.errors import ReportError
from pipeline.report.artifacts import ArtifactStore, Disk

DATA = b"numbers" * 1000


class Failing(Disk):
    """A disk whose n-th call of one operation fails, or which writes a few bytes at a time."""

    def __init__(self, operation: str = "", at: int = 1, code: int = errno.ENOSPC, bite: int = 10**9) -> None:
        self.operation, self.left, self.code, self.bite = operation, at, code, bite
        self.calls: list[str] = []

    def _step(self, operation: str) -> None:
        self.calls.append(operation)
        if operation == self.operation:
            self.left -= 1
            if self.left == 0:
                raise OSError(self.code, os.strerror(self.code))

    def create(self, path: Path) -> int:
        self._step("create")
        return super().create(path)

    def write(self, fd: int, data: memoryview) -> int:
        self._step("write")
        return super().write(fd, data[: self.bite])

    def sync(self, path: Path) -> None:
        self._step("sync folder" if path.is_dir() else "sync file")
        super().sync(path)

    def rename(self, source: Path, target: Path) -> None:
        self._step("rename")
        super().rename(source, target)


def everything(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def whole(folder: Path) -> bool:
    """Every file with a final name has the content that its name promises."""
    finals = [path for path in everything(folder) if not path.name.startswith(".")]
    return all(hashlib.sha256(p.read_bytes()).hexdigest() == p.parent.name + p.name for p in finals)


def test_put_and_read(store: ArtifactStore) -> None:
    artifact = store.put(DATA, "text/plain")
    assert artifact.sha256 == hashlib.sha256(DATA).hexdigest()
    assert (artifact.size, artifact.media_type) == (len(DATA), "text/plain")
    assert store.read(artifact.sha256) == DATA
    assert store.path(artifact.sha256).parent.name + store.path(artifact.sha256).name == artifact.sha256


@settings(max_examples=30)
@given(contents=st.lists(st.binary(max_size=50), max_size=8))
def test_same_content_is_one_file(tmp_path_factory: pytest.TempPathFactory, contents: list[bytes]) -> None:
    folder = tmp_path_factory.mktemp("store")
    store = ArtifactStore(folder)
    artifacts = [store.put(content, "application/octet-stream") for content in contents]
    assert len(everything(folder)) == len(set(contents))
    assert [store.read(artifact.sha256) for artifact in artifacts] == contents


def test_the_steps_are_in_the_order_that_survives_a_power_cut(tmp_path: Path) -> None:
    disk = Failing(bite=4000)
    ArtifactStore(tmp_path, disk).put(DATA, "text/plain")
    assert disk.calls == ["sync folder", "create", "write", "write", "sync file", "rename", "sync folder"]


def test_a_second_put_syncs_the_name_that_a_killed_writer_may_have_left_unsynced(tmp_path: Path) -> None:
    ArtifactStore(tmp_path).put(DATA, "text/plain")
    disk = Failing()
    ArtifactStore(tmp_path, disk).put(DATA, "text/plain")
    assert disk.calls == ["sync folder"]


@pytest.mark.parametrize(
    ("operation", "at"),
    [
        ("create", 1),
        ("write", 1),
        ("write", 2),
        ("sync file", 1),
        ("rename", 1),
        ("sync folder", 1),
        ("sync folder", 2),
    ],
)
def test_a_failing_step_leaves_no_half_artifact_and_the_next_try_works(tmp_path: Path, operation: str, at: int) -> None:
    with pytest.raises(ReportError, match=r"artifact store .*cannot store.*No space left.*free some space"):
        ArtifactStore(tmp_path, Failing(operation, at, bite=4000)).put(DATA, "text/plain")
    assert whole(tmp_path)
    assert not [path for path in everything(tmp_path) if path.name.startswith(".")]
    store = ArtifactStore(tmp_path)
    assert store.read(store.put(DATA, "text/plain").sha256) == DATA


@pytest.mark.parametrize(("operation", "at"), [("sync file", 1), ("rename", 1), ("sync folder", 1), ("sync folder", 2)])
def test_a_file_that_could_not_be_moved_in_is_whole_in_one_place(tmp_path: Path, operation: str, at: int) -> None:
    store = ArtifactStore(tmp_path)
    with store.temp() as path:
        path.write_bytes(DATA)
        with pytest.raises(ReportError, match="cannot store the file"):
            ArtifactStore(tmp_path, Failing(operation, at, errno.EIO)).put_file(path, "text/plain")
        assert whole(tmp_path)
        assert [file.read_bytes() for file in everything(tmp_path)] == [DATA]
        if path.exists():
            store.put_file(path, "text/plain")
    assert store.read(hashlib.sha256(DATA).hexdigest()) == DATA


def test_a_file_moves_in_and_its_twin_is_dropped(store: ArtifactStore) -> None:
    for _ in range(2):
        with store.temp() as path:
            path.write_bytes(DATA)
            artifact = store.put_file(path, "text/plain")
            assert not path.exists()
    assert store.read(artifact.sha256) == DATA


def test_a_temporary_file_goes_whatever_happens(store: ArtifactStore, tmp_path: Path) -> None:
    def fail_half_way() -> None:
        with store.temp() as path:
            path.write_bytes(b"half")
            raise RuntimeError("boom")

    with pytest.raises(RuntimeError, match="boom"):
        fail_half_way()
    assert everything(tmp_path) == []


def test_a_truncated_artifact_is_told_and_replaced(store: ArtifactStore) -> None:
    artifact = store.put(DATA, "text/plain")
    store.path(artifact.sha256).write_bytes(DATA[:-1])
    with pytest.raises(ReportError, match=r"damaged.*build the run again"):
        store.read(artifact.sha256)
    store.put(DATA, "text/plain")
    assert store.read(artifact.sha256) == DATA


def test_a_missing_artifact_is_told(store: ArtifactStore) -> None:
    with pytest.raises(ReportError, match=r"is missing: build the run again"):
        store.read("0" * 64)


@pytest.mark.parametrize("name", ["", "ab", "../" + "0" * 61, "G" * 64, "A" * 64])
def test_only_hashes_are_names(store: ArtifactStore, name: str) -> None:
    with pytest.raises(ValueError, match="not a SHA-256"):
        store.path(name)


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(ReportError, match="artifact store"):
        ArtifactStore(tmp_path / "file").put(DATA, "text/plain")


def test_writers_of_the_same_content_do_not_meet(tmp_path: Path) -> None:
    gate = threading.Barrier(8)
    found: list[bytes] = []

    def write() -> None:
        store = ArtifactStore(tmp_path, Failing(bite=512))
        gate.wait()
        found.append(store.read(store.put(DATA, "text/plain").sha256))

    threads = [threading.Thread(target=write) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [DATA] * 8
    assert len(everything(tmp_path)) == 1


_WRITER = """
import itertools, sys
from pathlib import Path
from pipeline.report.artifacts import ArtifactStore
store = ArtifactStore(Path(sys.argv[1]))
for n in itertools.count():
    store.put(f"{sys.argv[2]}-{n} ".encode() * 20_000, "text/plain")
    if n == 0:
        print("first", flush=True)
"""


def test_a_killed_writer_leaves_only_whole_artifacts(tmp_path: Path) -> None:
    delays = (0.0, 0.003, 0.007, 0.013, 0.02, 0.05)
    for number, delay in enumerate(delays):
        command = [sys.executable, "-c", _WRITER, str(tmp_path), str(number)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[2]) as writer:
            assert writer.stdout is not None
            assert writer.stdout.readline() == "first\n"
            threading.Event().wait(delay)  # the moment of the kill, not a wait for something to be done
            writer.send_signal(signal.SIGKILL)
            writer.wait()
        assert writer.returncode == -signal.SIGKILL
        assert whole(tmp_path)
    assert len([path for path in everything(tmp_path) if not path.name.startswith(".")]) >= len(delays)
