# SPDX-License-Identifier: Apache-2.0
"""python -m tests.hosts.forward ADDRESS PORT…: to the same ports of loopback.

It listens on ADDRESS only, and ends when it is told to.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import sys


async def main(address: str, ports: list[int]) -> None:
    servers = [
        await asyncio.start_server(
            functools.partial(_join, port), address, port
        )
        for port in ports
    ]
    await asyncio.gather(*(server.serve_forever() for server in servers))


async def _join(
    port: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    """Carry one connection, both ways, until both have ended."""
    try:
        theirs, ours = await asyncio.open_connection('127.0.0.1', port)
    except OSError:
        # That service is down: what the client would see without us.
        writer.transport.abort()
        return
    await asyncio.gather(_pump(reader, ours), _pump(theirs, writer))


async def _pump(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    writer.close()


if __name__ == '__main__':
    asyncio.run(main(sys.argv[1], [int(port) for port in sys.argv[2:]]))
