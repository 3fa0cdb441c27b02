"""A real web process for tests, and clients that follow its streams."""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import httpx2
from django.db import connection

from aiops.servers.home import PROJECT
from aiops.servers.running import free_port


@dataclass
class Web:
    """A uvicorn of this project, on the database of the tests."""

    port: int
    process: subprocess.Popen[bytes]
    log: Path

    @property
    def base(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def url(self) -> str:
        return f"{self.base}/api/v1"

    def proc(self, name: str) -> str:
        """What Linux tells of the process."""
        return Path(f"/proc/{self.process.pid}/{name}").read_text()

    def status(self, name: str) -> int:
        """A number of /proc/<pid>/status, such as Threads."""
        [line] = [line for line in self.proc("status").splitlines() if line.startswith(f"{name}:")]
        return int(line.split()[1])

    def cpu_s(self) -> float:
        times = self.proc("stat").rpartition(")")[2].split()[11:13]
        return sum(int(ticks) for ticks in times) / os.sysconf("SC_CLK_TCK")

    def stop(self) -> int:
        """End it as an operator does; returns its exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=15)


@contextmanager
def serving(folder: Path, *, strict: bool = True, **environ: str) -> Iterator[Web]:
    """Run a web process, with these settings, while the block runs.

    A `strict` one is slow: warnings are errors, and the event loop tells of what is left behind.
    """
    allow_files()
    port = free_port()
    argv = [
        *(sys.executable, *(("-X", "dev", "-W", "error") if strict else ())),
        *("-m", "uvicorn", "aiops.asgi:application"),
        *("--host", "127.0.0.1", "--port", str(port), "--lifespan", "off", "--no-access-log"),
        *("--timeout-graceful-shutdown", "5"),
    ]
    log = folder / "web.log"
    given = {**os.environ, "DATABASE_URL": database_url(), "AIOPS_WORKFLOWS": "tests.flows"}
    with log.open("wb") as file:
        process = subprocess.Popen(
            argv,
            cwd=PROJECT,
            env={**given, **environ},
            stdout=file,
            stderr=file,
            preexec_fn=few_files,
        )
    web = Web(port, process, log)
    try:
        eventually(lambda: _answers(web), within_s=30)
        yield web
    finally:
        process.kill()
        process.wait()


def database_url(name: str = "") -> str:
    """The address of the tests' own database, or of another on the same server."""
    parts = urlsplit(os.environ["DATABASE_URL"])
    return urlunsplit(parts._replace(path=f"/{name or connection.settings_dict['NAME']}"))


def allow_files() -> None:
    """Let this process have as many clients as it may; the server sees to itself."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def few_files() -> None:
    """The soft limit that most systems give a process."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(1_024, hard), hard))


def _answers(web: Web) -> bool:
    assert web.process.poll() is None, web.log.read_text()
    try:
        return httpx2.get(f"{web.url}/runs", timeout=5).status_code < 500
    except httpx2.TransportError:
        return False


def eventually(is_so: Callable[[], object], *, within_s: float = 10) -> None:
    """Wait until something is so."""
    until = time.monotonic() + within_s
    while not is_so():
        assert time.monotonic() < until, "it did not come to that in time"
        time.sleep(0.05)


@dataclass
class Event:
    """An event as a browser would see it; a comment has a text only."""

    name: str = ""
    id: str = ""
    text: str = ""
    comment: str = ""
    retry_ms: int = 0

    @property
    def data(self) -> Any:
        return json.loads(self.text)


@dataclass
class Following:
    """An open stream. Its events come one by one, and are waited for."""

    response: httpx2.Response
    _blocks: Iterator[str] = field(init=False)

    def __post_init__(self) -> None:
        self._blocks = blocks(self.response.iter_text())

    def next(self, *names: str) -> Event:
        """The next event of one of these names; comments are left out."""
        for block in self._blocks:
            found = parse(block)
            if found.name and (not names or found.name in names):
                return found
        raise AssertionError("the stream has ended")

    def comment(self) -> str:
        """The next comment."""
        return next(found for block in self._blocks if (found := parse(block).comment))

    def rest(self) -> list[Event]:
        """Everything until the server ends the stream."""
        return [parse(block) for block in self._blocks]


@contextmanager
def following(
    url: str, *, headers: Mapping[str, str] | None = None, within_s: float = 5
) -> Iterator[Following]:
    """Follow a stream; every wait for an event ends after `within_s`."""
    with httpx2.stream("GET", url, headers=dict(headers or {}), timeout=within_s) as response:
        if response.status_code != 200:
            response.read()
        yield Following(response)


def blocks(texts: Iterator[str]) -> Iterator[str]:
    """The parts of a stream between empty lines."""
    rest = ""
    for text in texts:
        *whole, rest = (rest + text).split("\n\n")
        yield from whole


def parse(block: str) -> Event:
    found = Event()
    for line in block.split("\n"):
        name, _, said = line.partition(": ")
        match name:
            case "event":
                found.name = said
            case "id":
                found.id = said
            case "data":
                found.text = said
            case "retry":
                found.retry_ms = int(said)
            case "":
                found.comment = said
    return found
