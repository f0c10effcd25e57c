"""A quick SMTP sink in a process of its own: takes everything, keeps nothing. `python -m bench.sink PORT`.

Debian's smtp-sink (package postfix) is used instead where it is installed, because it takes less of the machine; but it
does not know BDAT, so where CHUNKING is measured it is this one.
"""

import asyncio
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

GREETING = b"250-sink\r\n250-PIPELINING\r\n250-SIZE 50000000\r\n250-CHUNKING\r\n250 8BITMIME\r\n"
DOT = b"\r\n.\r\n"


class Sink(asyncio.Protocol):
    """One connection: answers commands in order, skips bodies up to the dot, and chunks by their length."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self.waiting = b""
        self.in_body = False
        self.chunk = 0
        transport.write(b"220 sink\r\n")

    def data_received(self, data: bytes) -> None:
        buffer, place, replies = self.waiting + data, 0, []
        while True:
            if self.chunk:
                taken = min(self.chunk, len(buffer) - place)
                self.chunk -= taken
                place += taken
                if self.chunk:
                    break
                replies.append(b"250 kept\r\n")
            mark = DOT if self.in_body else b"\r\n"
            end = buffer.find(mark, place)
            if end < 0:
                break
            command, place = buffer[place:end] if not self.in_body else b"", end + len(mark)
            replies.append(b"250 kept\r\n" if self.in_body else self.answer(command))
            self.in_body = not self.in_body and command.upper() == b"DATA"
        self.waiting = buffer[place:]
        if replies:
            self.transport.write(b"".join(replies))

    def answer(self, command: bytes) -> bytes:
        """The reply to one command line; none yet to BDAT, whose chunk is to come."""
        match command[:4].upper():
            case b"EHLO" | b"HELO":
                return GREETING
            case b"DATA":
                return b"354 go\r\n"
            case b"BDAT":
                self.chunk = int(command.split()[1])
                return b""
            case b"QUIT":
                return b"221 bye\r\n"
        return b"250 ok\r\n"


async def serve(port: int) -> None:
    """Listens on 127.0.0.1 until killed."""
    server = await asyncio.get_running_loop().create_server(Sink, "127.0.0.1", port)
    await server.serve_forever()


def kind() -> str:
    """Which sink `running` starts."""
    return "smtp-sink (Postfix)" if shutil.which("smtp-sink") else "bench/sink.py"


@contextmanager
def running(round_trip: float = 0.0, *, chunking: bool = False) -> Iterator[int]:
    """A fresh sink on a free port, until the block ends; yields the port to send to.

    `round_trip`: seconds between question and answer, by a relay in between (`bench.delay`). `chunking`: whether it
    must offer CHUNKING.
    """
    port, tool = free_port(), None if chunking else shutil.which("smtp-sink")
    if tool:
        user = ["-u", "nobody"] if os.geteuid() == 0 else []  # it refuses to run as root
        command = [tool, *user, f"127.0.0.1:{port}", "1000"]
    else:
        command = [sys.executable, "-m", "bench.sink", str(port)]
    with ExitStack() as stack:
        stack.enter_context(_process(command, port))
        if round_trip:
            target, port = port, free_port()
            relay = [sys.executable, "-m", "bench.delay", str(port), str(target), str(round_trip / 2)]
            stack.enter_context(_process(relay, port))
        yield port


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


@contextmanager
def _process(command: list[str], port: int) -> Iterator[None]:
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    try:
        _wait(port, process)
        yield
    finally:
        process.kill()
        process.wait()


def _wait(port: int, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline and process.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.02)
    raise RuntimeError(f"the sink did not start on port {port}")


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1])))
