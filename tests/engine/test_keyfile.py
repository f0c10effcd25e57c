"""The project's secret keys: made once, whoever asks first, and never half."""

import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from pipeline.engine.keyfile import secret_key
from pipeline.errors import ReportError


def test_of_many_who_make_it_all_get_the_same(tmp_path: Path) -> None:
    file = tmp_path / "var" / "some.key"
    with ThreadPoolExecutor(16) as pool:
        keys = set(pool.map(lambda _: secret_key(file), range(64)))
    assert len(keys) == 1
    assert len(keys.pop()) == 32
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert [path.name for path in file.parent.iterdir()] == ["some.key"]
    assert secret_key(file.with_name("other.key")) != secret_key(file)


@pytest.mark.parametrize("content", [b"", b"short"])
def test_a_key_that_everybody_could_guess_is_none(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "some.key"
    file.write_bytes(content)
    with pytest.raises(ReportError, match=r"some\.key: holds no whole key"):
        secret_key(file)
    assert file.read_bytes() == content


def test_where_it_cannot_be_kept_somebody_is_told(tmp_path: Path) -> None:
    (tmp_path / "var").write_bytes(b"no folder")
    with pytest.raises(ReportError, match=r"var/some\.key: .*; let this user read and write there"):
        secret_key(tmp_path / "var" / "some.key")
