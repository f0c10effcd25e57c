"""Living and dead owners of leases."""

import subprocess
import sys
from pathlib import Path

from pipeline.engine.owner import dead_owners, forget_owner, hold_owner

HOLD = """
import sys
from pathlib import Path
from pipeline.engine.owner import hold_owner
with hold_owner(Path(sys.argv[1])) as owner:
    print(owner, flush=True)
    sys.stdin.read()
"""


def start(folder: Path) -> tuple[subprocess.Popen[str], str]:
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, folder], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    return process, process.stdout.readline().strip()


def end(process: subprocess.Popen[str], *, kill: bool) -> None:
    if kill:
        process.kill()
    process.communicate()


def test_an_owner_is_dead_only_after_a_crash(tmp_path: Path) -> None:
    killed, killed_id = start(tmp_path)
    ended, ended_id = start(tmp_path)
    assert killed_id != ended_id
    assert dead_owners(tmp_path) == []
    end(ended, kill=False)
    assert dead_owners(tmp_path) == []
    end(killed, kill=True)
    assert dead_owners(tmp_path) == [killed_id]
    forget_owner(tmp_path, killed_id)
    assert dead_owners(tmp_path) == []


def test_two_owners_in_one_process_differ(tmp_path: Path) -> None:
    with hold_owner(tmp_path) as one, hold_owner(tmp_path) as two:
        assert one != two
        assert dead_owners(tmp_path) == []
    assert list(tmp_path.iterdir()) == []
