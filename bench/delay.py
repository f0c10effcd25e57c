"""A relay on loopback that makes every octet late. `python -m bench.delay PORT TARGET SECONDS`: each way takes SECONDS.

Netem would do it in the kernel, and better; not every kernel has it, and it needs root.
"""

import asyncio
import sys


async def later(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, seconds: float) -> None:
    """Copies one direction, each piece `seconds` after it came."""
    loop = asyncio.get_running_loop()

    def close() -> None:
        if not writer.is_closing():
            writer.close()

    try:
        while data := await reader.read(65536):
            loop.call_later(seconds, writer.write, data)
    except ConnectionError:
        pass
    loop.call_later(seconds, close)


async def serve(port: int, target: int, seconds: float) -> None:
    """Listens on 127.0.0.1 until killed. Opening a connection takes a round trip, too."""

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(2 * seconds)
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", target)
        await asyncio.gather(later(reader, far_writer, seconds), later(far_reader, writer, seconds))

    server = await asyncio.start_server(connected, "127.0.0.1", port)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])))
