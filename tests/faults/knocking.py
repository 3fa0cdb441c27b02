"""A crowd at a web process's door, as a process of its own: python -m tests.faults.knocking < job.json.

"closed": so many callers, each asks again when it has its answer. "open": so many requests a second, whether or not
the earlier ones have been answered, as a crowd of strangers does; their waits count from the moment they were due.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from statistics import quantiles
from typing import Any, Literal

from aiops.servers.home import PROJECT

#: Nobody waits longer for an answer.
PATIENCE_S = 30.0
ACCEPTED = (200, 202)


@dataclass(slots=True)
class Job:
    port: int
    mode: Literal["closed", "open"]
    lasts_s: float
    #: Asked in turn; "{n}" in a body is a number that comes once.
    paths: list[str]
    method: str = "GET"
    body: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    #: Callers of a closed loop; connections of an open one at most.
    callers: int = 16
    per_s: float = 0.0


@dataclass(slots=True)
class Report:
    """What became of every request."""

    codes: dict[str, int]
    #: Requests that got no answer, by what happened to them.
    unanswered: dict[str, int]
    #: The ids of the runs that were accepted.
    runs: list[str]
    #: In milliseconds: p50, p95, p99 of what was done, and of what was turned away.
    waits_ms: list[float]
    refusals_ms: list[float]
    took_s: float

    @property
    def asked(self) -> int:
        return sum(self.codes.values()) + sum(self.unanswered.values())

    @property
    def per_s(self) -> float:
        """Requests that were done, not turned away, in a second."""
        return sum(self.codes.get(str(code), 0) for code in ACCEPTED) / self.took_s

    @property
    def broken(self) -> dict[str, int]:
        """What no caller should ever see, however many they are."""
        return {code: n for code, n in self.codes.items() if int(code) >= 500} | self.unanswered


def knock(job: Job) -> Report:
    """Send the crowd from another process, and wait for what it tells."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.faults.knocking"],
        input=json.dumps(asdict(job)),
        cwd=PROJECT,
        capture_output=True,
        text=True,
        timeout=job.lasts_s + 2 * PATIENCE_S + 30,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(done.stderr)
    return Report(**json.loads(done.stdout))


class Line:
    """One connection, kept for the next request when the server lets it."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None

    async def ask(self, request: bytes) -> tuple[int, bytes]:
        if self._reader is None or self._writer is None:
            self._reader, self._writer = await asyncio.open_connection("127.0.0.1", self._port)
        self._writer.write(request)
        head = (await self._reader.readuntil(b"\r\n\r\n")).lower()
        length = int(head.partition(b"\r\ncontent-length:")[2].split(b"\r\n", 1)[0] or 0)
        body = await self._reader.readexactly(length)
        if b"\r\nconnection: close" in head:
            self.hang_up()
        return int(head[9:12]), body

    def hang_up(self) -> None:
        if self._writer is not None:
            self._writer.close()
        self._reader = self._writer = None


class Crowd:
    """Everybody at the door, and what has become of their requests."""

    def __init__(self, job: Job) -> None:
        self.job = job
        self.codes: Counter[str] = Counter()
        self.unanswered: Counter[str] = Counter()
        self.runs: list[str] = []
        self.waits_s: list[float] = []
        self.refusals_s: list[float] = []
        self._number = 0
        self._idle = 0

    async def come(self) -> Report:
        began = time.monotonic()
        await (self._closed() if self.job.mode == "closed" else self._open())
        return Report(
            codes=dict(self.codes),
            unanswered=dict(self.unanswered),
            runs=self.runs,
            waits_ms=_spread_ms(self.waits_s),
            refusals_ms=_spread_ms(self.refusals_s),
            took_s=time.monotonic() - began,
        )

    async def _closed(self) -> None:
        end = time.monotonic() + self.job.lasts_s

        async def caller() -> None:
            line = Line(self.job.port)
            while time.monotonic() < end:
                await self._ask(line, time.monotonic())
            line.hang_up()

        await asyncio.gather(*(caller() for _ in range(self.job.callers)))

    async def _open(self) -> None:
        due: asyncio.Queue[float | None] = asyncio.Queue()
        callers: set[asyncio.Task[None]] = set()
        began = time.monotonic()
        for number in range(int(self.job.per_s * self.job.lasts_s)):
            at = began + number / self.job.per_s
            await asyncio.sleep(max(0.0, at - time.monotonic()))
            due.put_nowait(at)
            if due.qsize() > self._idle and len(callers) < self.job.callers:
                callers.add(asyncio.create_task(self._stranger(due)))
        for _ in callers:
            due.put_nowait(None)
        await asyncio.gather(*callers)

    async def _stranger(self, due: asyncio.Queue[float | None]) -> None:
        line = Line(self.job.port)
        while True:
            self._idle += 1
            at = await due.get()
            self._idle -= 1
            if at is None:
                return line.hang_up()
            await self._ask(line, at)

    async def _ask(self, line: Line, since: float) -> None:
        try:
            async with asyncio.timeout(PATIENCE_S):
                code, body = await line.ask(self._request())
        except (OSError, EOFError, TimeoutError) as error:
            line.hang_up()
            self.unanswered[type(error).__name__] += 1
            return
        self.codes[str(code)] += 1
        if code not in ACCEPTED:
            self.refusals_s.append(time.monotonic() - since)
            return
        self.waits_s.append(time.monotonic() - since)
        if self.job.method == "POST" and b'"run_id"' in body:
            self.runs.append(json.loads(body)["run_id"])

    def _request(self) -> bytes:
        self._number += 1
        body = self.job.body.replace("{n}", str(self._number)).encode()
        path = self.job.paths[self._number % len(self.job.paths)]
        head = {"Host": "127.0.0.1", "Content-Length": str(len(body)), **self.job.headers}
        lines = [f"{self.job.method} {path} HTTP/1.1", *(f"{k}: {v}" for k, v in head.items())]
        return "\r\n".join([*lines, "", ""]).encode() + body


def _spread_ms(waits_s: list[float]) -> list[float]:
    """p50, p95, p99."""
    if len(waits_s) < 2:
        return [wait_s * 1e3 for wait_s in waits_s] * 3
    cuts = quantiles(waits_s, n=100)
    return [cuts[at] * 1e3 for at in (49, 94, 98)]


def starts_of(workflow: str, key: str, prefix: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """The parts of a job that starts runs, each under a key of its own."""
    body = json.dumps({"workflow": workflow, "input": given, "key": f"{prefix}-{{n}}"})
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
    return {"paths": ["/api/v1/runs"], "method": "POST", "body": body, "headers": headers}


def main() -> None:
    report = asyncio.run(Crowd(Job(**json.load(sys.stdin))).come())
    json.dump(asdict(report), sys.stdout)


if __name__ == "__main__":
    main()
