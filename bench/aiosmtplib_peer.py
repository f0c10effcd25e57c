"""aiosmtplib, ten connections. `python -m bench.aiosmtplib_peer WORKLOAD PORT MAILS FOLDER`; in the peers' venv."""

import asyncio
import sys
from pathlib import Path

import aiosmtplib  # type: ignore[import-not-found, unused-ignore]

from bench.meter import Meter
from bench.smtplib_peer import builder
from bench.workload import read_people


async def send(port: int, workload: str, mails: int, folder: Path) -> None:
    readers, build = iter(read_people(folder, mails)), builder(workload, folder)

    async def work() -> None:
        async with aiosmtplib.SMTP(hostname="127.0.0.1", port=port, start_tls=False) as connection:
            for reader in readers:
                await connection.send_message(build(reader))

    with Meter(mails):
        await asyncio.gather(*(work() for _ in range(10)))


if __name__ == "__main__":
    asyncio.run(send(int(sys.argv[2]), sys.argv[1], int(sys.argv[3]), Path(sys.argv[4])))
