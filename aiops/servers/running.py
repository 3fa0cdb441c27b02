"""Make sure that a database and a broker are there: given, running already, or started here."""

from __future__ import annotations

import os
import shutil
import socket
import tempfile
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

from aiops.servers import locks, records
from aiops.servers.child import Command
from aiops.servers.environment import result_url
from aiops.servers.errors import ServerError
from aiops.servers.home import FOLDER_MODE, home, make
from aiops.servers.postgres import Postgres
from aiops.servers.processes import NotReady, Supervisor
from aiops.servers.records import Record
from aiops.servers.valkey import Valkey

HOST = "127.0.0.1"
#: Another process may be making a fresh database, or stopping the one that runs.
WAIT_FOR_OTHERS_S = 60.0
STOP_S = 20.0


class ServerStuck(ServerError):
    """A server holds the data, but does not answer."""


class EmbeddedServer(Protocol):
    """What Postgres and Valkey have in common."""

    @property
    def name(self) -> str: ...
    @property
    def pid_file(self) -> Path: ...
    def prepare(self, port: int) -> None: ...
    def command(self, port: int, lock: int) -> Command: ...
    def missing(self, port: int) -> str | None: ...
    def url(self, port: int) -> str: ...


class Servers:
    """The database and the broker of one state folder. Stops exactly what it started."""

    def __init__(self, folder: Path, *, durable: bool, say: Callable[[str], None] | None) -> None:
        self.folder = folder
        self.durable = durable
        self.environ: dict[str, str] = {"AIOPS_HOME": str(folder)}
        self.supervisor = Supervisor(say=say)
        self._after_stop = ExitStack()

    @classmethod
    def ensure(
        cls,
        folder: Path | None = None,
        *,
        durable: bool = True,
        say: Callable[[str], None] | None = None,
    ) -> Servers:
        """Return when both answer. `durable=False` may lose data in a crash: for tests only."""
        servers = cls(make(folder or home()), durable=durable, say=say)
        try:
            servers._ensure(os.environ)
        except BaseException:
            servers.stop()
            raise
        return servers

    @classmethod
    def throwaway(cls, *, say: Callable[[str], None] | None = None) -> Servers:
        """Servers of our own in a new folder that goes when they stop: for tests."""
        parent = make(make(home()) / "throwaway")
        with locks.waiting_for(parent / "sweep.lock", WAIT_FOR_OTHERS_S):
            _sweep(parent)
            folder = Path(tempfile.mkdtemp(dir=parent))
            folder.chmod(FOLDER_MODE)
            owned = locks.try_lock(folder / "owner.lock")
        servers = cls.ensure(folder, durable=False, say=say)
        servers._after_stop.callback(shutil.rmtree, folder, ignore_errors=True)
        if owned is not None:
            servers._after_stop.callback(os.close, owned)
        return servers

    def stop(self) -> None:
        """Stop what was started here; what ran before goes on."""
        self.supervisor.stop_all(STOP_S)
        self._after_stop.close()

    @property
    def started(self) -> list[str]:
        """The servers that were started here, and not found."""
        return [status.name for status in self.supervisor.status()]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    def _ensure(self, environ: Mapping[str, str]) -> None:
        with locks.waiting_for(self.folder / "start.lock", WAIT_FOR_OTHERS_S):
            database = environ.get("DATABASE_URL") or self._ensure_one(
                Postgres.of(self.folder, durable=self.durable)
            )
            broker = environ.get("BROKER_URL") or self._ensure_one(
                Valkey.of(self.folder, durable=self.durable)
            )
        self.environ |= {
            "DATABASE_URL": database,
            "BROKER_URL": broker,
            "RESULT_URL": result_url(broker, environ),
        }

    def _ensure_one(self, server: EmbeddedServer) -> str:
        """The address of a server that runs, or of the one started here."""
        lock = self._lock_or_running(server)
        if isinstance(lock, Record):
            return lock.url
        self._after_stop.callback(os.close, lock)
        port = self._start(server, lock)
        url = server.url(port)
        records.write(self.folder, Record(server.name, port, url, str(server.pid_file)))
        return url

    def _lock_or_running(self, server: EmbeddedServer) -> int | Record:
        """Our lock on the server's data, or the record of the server that has it and answers.

        Neither at first, while a server of another process starts, restarts or stops.
        """
        path = records.lock_path(self.folder, server.name)
        deadline = time.monotonic() + WAIT_FOR_OTHERS_S
        while (lock := locks.try_lock(path)) is None:
            record = records.read(self.folder).get(server.name)
            problem = server.missing(record.port) if record else "its address is not known"
            if record and problem is None:
                return record
            if time.monotonic() > deadline:
                pid = record.pid if record else "?"
                raise ServerStuck(
                    f"A {server.name} (pid {pid}) holds {self.folder} and does not answer"
                    f" ({problem}): stop it, then try again"
                )
            time.sleep(locks.POLL_S)
        return lock

    def _start(self, server: EmbeddedServer, lock: int) -> int:
        """Start on the port of last time if it is free, and tell the port."""
        record = records.read(self.folder).get(server.name)
        port = free_port(record.port if record else 0)
        try:
            self._start_on(port, server, lock)
        except NotReady:
            if is_free(port):
                raise
            # Somebody took it between our look and the server's start.
            port = free_port()
            self._start_on(port, server, lock)
        return port

    def _start_on(self, port: int, server: EmbeddedServer, lock: int) -> None:
        server.prepare(port)
        self.supervisor.add_command(server.command(port, lock))
        try:
            self.supervisor.start(server.name)
        except NotReady:
            self.supervisor.forget(server.name)
            raise


def is_free(port: int) -> bool:
    """Ask whether a server could listen on the port now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True


def free_port(wanted: int = 0) -> int:
    """The wanted port, or any other when it is taken. 0: any."""
    if wanted and is_free(wanted):
        return wanted
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
    return port


def _sweep(parent: Path) -> None:
    """Remove throw-away folders whose owner was killed before it could."""
    for folder in parent.glob("*/"):
        if not any(locks.is_held(path) for path in folder.glob("*.lock")):
            shutil.rmtree(folder, ignore_errors=True)
