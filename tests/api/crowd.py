"""Many streams at once, each on a bare socket: the client must not be what is measured."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from tests.api.web import Event, Web, parse


@dataclass
class Listener:
    """One open stream."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    status: int

    async def next(self, name: str) -> Event:
        """The next event of this name."""
        while True:
            found = parse(_lines(await self.reader.readuntil(b"\n\n")))
            if found.name == name:
                return found

    async def close(self) -> None:
        self.writer.close()


def _lines(block: bytes) -> str:
    """A block without what HTTP puts around the pieces of a body."""
    lines = block.decode().replace("\r\n", "\n").strip("\n").split("\n")
    return "\n".join(line for line in lines if ": " in line)


async def listen(web: Web, run_id: UUID, headers: dict[str, str]) -> Listener:
    reader, writer = await asyncio.open_connection("127.0.0.1", web.port)
    said = {"Host": "127.0.0.1", **headers}
    head = "".join(f"{name}: {value}\r\n" for name, value in said.items())
    writer.write(f"GET /api/v1/runs/{run_id}/stream HTTP/1.1\r\n{head}\r\n".encode())
    answer = await reader.readuntil(b"\r\n\r\n")
    return Listener(reader, writer, int(answer.split()[1]))


async def listen_all(
    web: Web, run_ids: Sequence[UUID], headers: dict[str, str], *, at_once: int = 50
) -> list[Listener]:
    """Open a stream for each of these, so many at a time."""
    places = asyncio.Semaphore(at_once)

    async def one(run_id: UUID) -> Listener:
        async with places:
            return await listen(web, run_id, headers)

    return list(await asyncio.gather(*(one(run_id) for run_id in run_ids)))


async def next_of_all(listeners: Sequence[Listener], name: str) -> list[Event]:
    async with asyncio.timeout(60):
        return list(await asyncio.gather(*(listener.next(name) for listener in listeners)))


async def close_all(listeners: Sequence[Listener]) -> None:
    await asyncio.gather(*(listener.close() for listener in listeners))
