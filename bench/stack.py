"""What is measured: a database and a broker of their own, our processes, and the peer's."""

from __future__ import annotations

import os
import socket
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from aiops.servers import locks
from aiops.servers.__main__ import migrate
from aiops.servers.home import FOLDER_MODE, PROJECT, home, make
from aiops.servers.processes import Supervisor, environment_with
from aiops.servers.running import Servers
from bench import cpu

if TYPE_CHECKING:
    from celery import Celery

#: Ours during every measure; other pools join where a measure needs them.
POOLS = ("control", "io", "llm")
CONCURRENCY = 16
START_S = 60.0


@dataclass(slots=True)
class Spent:
    """Wall and CPU seconds of a block, the latter by part."""

    wall_s: float = 0.0
    cpu_s: dict[str, float] = field(default_factory=dict)

    @property
    def ours_s(self) -> float:
        return sum(self.cpu_s[part] for part in ("workers", "keeper", "postgres", "valkey"))

    @property
    def peers_s(self) -> float:
        return self.cpu_s["peers"] + self.cpu_s["valkey"]


class Stack:
    """Servers with durable data of their own, workers, keeper and peers; all end with the block."""

    def __init__(self) -> None:
        self.env: dict[str, str] = {}
        self._supervisor = Supervisor(say=lambda _: None)
        self._names: dict[str, list[str]] = {
            "workers": [],
            "keeper": [],
            "peers": [],
            "web": [],
        }
        self._close = ExitStack()

    def __enter__(self) -> Self:
        try:
            self._start_servers()
            migrate(self.env)
        except BaseException:
            self._close.close()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._close.close()

    def start(self) -> None:
        """Start our processes and the peer's. Needs Django to be set up."""
        from aiops.celery import app
        from aiops.pools import POOLS as DECLARED
        from bench import peer

        self.add("keeper", "keeper", "manage.py", "keeper")
        for name in POOLS:
            self.add("workers", name, "-m", *DECLARED[name].arguments)
        for queue in peer.QUEUES:
            self.add_peer(queue, queue)
        self.wait_until_ready(app, POOLS)
        self.wait_until_ready(peer.app, peer.QUEUES)

    def add(
        self,
        part: str,
        name: str,
        *arguments: str,
        restart: bool = False,
        env: Mapping[str, str] | None = None,
    ) -> None:
        """Start a Python process, counted under a part. It is not started again unless asked."""
        self._supervisor.add(
            name,
            (sys.executable, *arguments),
            env={**self.env, "PGAPPNAME": part, **(env or {})},
            cwd=PROJECT,
            restart=restart,
            log=self.log(name),
        )
        self._supervisor.start(name)
        self._names[part].append(name)

    def add_worker(self, node: str, pool: str, *, restart: bool = False) -> None:
        """Start one more worker of ours, as a node of its own."""
        from aiops.pools import POOLS as DECLARED

        arguments = list(DECLARED[pool].arguments)
        arguments[arguments.index("-n") + 1] = f"{node}@%h"
        self.add("workers", node, "-m", *arguments, restart=restart)

    def add_peer(self, node: str, queue: str, *, restart: bool = False) -> None:
        """Start a worker of the bare Celery app."""
        self.add(
            "peers",
            node,
            *("-m", "celery", "-A", "bench.peer", "worker", "-n", f"{node}@%h", "-Q", queue),
            *("-P", "threads", "-c", str(CONCURRENCY), "-l", "WARNING"),
            *("--without-gossip", "--without-mingle"),
            restart=restart,
        )

    def kill9(self, name: str) -> None:
        self._supervisor.kill9(name)

    def stop(self, name: str) -> None:
        """End a process that a measure added."""
        self._supervisor.stop(name, grace_s=0)
        for names in self._names.values():
            if name in names:
                names.remove(name)
        self._supervisor.forget(name)

    def log(self, name: str) -> Path:
        return make(Path(self.env["AIOPS_HOME"]) / "logs") / f"{name}.log"

    def wait_until_ready(self, app: Celery, nodes: tuple[str, ...]) -> None:
        wanted = {f"{node}@{socket.gethostname()}" for node in nodes}
        deadline = time.monotonic() + START_S
        while missing := wanted - set(app.control.inspect(timeout=0.5).ping() or {}):
            if time.monotonic() > deadline:
                raise TimeoutError(f"{missing} did not start: see {self.env['AIOPS_HOME']}/logs")

    @contextmanager
    def measured(self) -> Iterator[Spent]:
        """Fill in what the block has cost."""
        spent = Spent()
        before, began = self._cpu_s(), time.monotonic()
        yield spent
        spent.wall_s = time.monotonic() - began
        spent.cpu_s = {part: now - before[part] for part, now in self._cpu_s().items()}

    def _cpu_s(self) -> dict[str, float]:
        pids = {
            part: [pid for name in names if (pid := self._supervisor.pid(name))]
            for part, names in self._names.items()
        }
        servers = self._servers.supervisor
        pids |= {name: [pid] for name in ("postgres", "valkey") if (pid := servers.pid(name))}
        return {part: cpu.seconds(of_part) for part, of_part in pids.items()} | {
            "starter": time.process_time()
        }

    def _start_servers(self) -> None:
        for given in ("DATABASE_URL", "BROKER_URL", "RESULT_URL"):
            os.environ.pop(given, None)
        # Beside the tests' folders, and swept as they are, should this process be killed.
        parent = make(make(home()) / "throwaway")
        with locks.waiting_for(parent / "sweep.lock", START_S):
            folder = Path(tempfile.mkdtemp(dir=parent))
            folder.chmod(FOLDER_MODE)
            owned = locks.try_lock(folder / "owner.lock")
        self._close.callback(_remove, folder)
        if owned is not None:
            self._close.callback(os.close, owned)
        self._servers = Servers.ensure(folder, durable=True, say=lambda _: None)
        self._close.callback(self._servers.stop)
        self._close.callback(self._supervisor.stop_all, 5)
        settings = {
            "AIOPS_WORKFLOWS": "bench.workflows",
            "DJANGO_SETTINGS_MODULE": "aiops.settings",
        }
        settings["AIOPS_POOL_IO"] = settings["AIOPS_POOL_LLM"] = str(CONCURRENCY)
        self.env = environment_with(self._servers.environ | settings | {"PGAPPNAME": "starter"})


def _remove(folder: Path) -> None:
    import shutil

    shutil.rmtree(folder, ignore_errors=True)
