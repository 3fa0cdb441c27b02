"""A whole system of real processes for tests to break: servers, keepers, workers, beat, and an outside."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

import redis
from celery import Celery

from aiops.pools import POOLS
from aiops.servers import locks
from aiops.servers.child import Command
from aiops.servers.home import PROJECT, make
from aiops.servers.postgres import Postgres
from aiops.servers.processes import Supervisor, environment_with
from aiops.servers.running import free_port
from aiops.servers.valkey import Valkey
from tests.faults.record import Record, eventually
from tests.faults.talk import Caller, World

#: What every process is told, unless a test says otherwise. Leases outlive the tests: what is
#: quick in spite of that does not owe it to them.
SETTINGS = {
    "AIOPS_WORKFLOWS": "tests.faults.flows",
    "AIOPS_LEASE_S": "120",
    "AIOPS_RENEW_S": "20",
    "AIOPS_DISPATCH_S": "2",
    "AIOPS_CANCEL_GRACE_S": "2",
    # Receivers of webhooks are on this machine.
    "AIOPS_WEBHOOKS_ALLOW": "127.0.0.0/8",
}
#: A lease that a test can wait for; long enough that a busy machine does not lose it by itself.
SHORT_LEASE_S = 6
SHORT_LEASE = {"AIOPS_LEASE_S": str(SHORT_LEASE_S), "AIOPS_RENEW_S": "1"}


def sabotaged(how: str) -> dict[str, str]:
    """The environment of a process that loads a file of `sabotage` as well."""
    return {"AIOPS_WORKFLOWS": f"tests.faults.flows,tests.faults.sabotage.{how}"}


class Server(Protocol):
    """What Postgres and Valkey have in common."""

    @property
    def name(self) -> str: ...
    def prepare(self, port: int) -> None: ...
    def command(self, port: int, lock: int) -> Command: ...
    def url(self, port: int) -> str: ...


class Stack:
    """Servers that stay from the first test to the last, and processes that come and go."""

    def __init__(self, folder: Path) -> None:
        self.folder = make(folder)
        self.supervisor = Supervisor(say=lambda _: None)
        self._commands: dict[str, Command] = {}
        broker = self._serve(Valkey.of(self.folder, durable=False))
        self.environ = {
            **SETTINGS,
            "AIOPS_HOME": str(self.folder),
            "DATABASE_URL": self._serve(Postgres.of(self.folder, durable=False)),
            "BROKER_URL": broker,
            "RESULT_URL": broker.removesuffix("0") + "1",
            "OUTSIDE_PORT": str(free_port()),
            "WEB_PORT": str(free_port()),
        }
        self.record = Record(self.environ["DATABASE_URL"])
        self.broker = redis.Redis.from_url(broker, socket_timeout=5)
        self.world = World(int(self.environ["OUTSIDE_PORT"]))
        self._start(self._command("outside", {}))
        self._migrate()
        self.caller = Caller(environment_with(self.environ))

    def close(self) -> None:
        self.caller.close()
        self.record.close()
        self.broker.close()
        self.supervisor.kill_all()

    # Processes

    def up(self, *names: str, env: Mapping[str, str] | None = None) -> None:
        """Make sure that these run, with this environment: "keeper", "beat", pools, and twins.

        One that ends by itself is started again, as everywhere.
        """
        wanted = [self._command(name, env or {}) for name in names]
        missing = [command for command in wanted if not self._runs(command)]
        for command in missing:
            self.down(command.name)
        with ThreadPoolExecutor(max_workers=4) as threads:
            list(threads.map(self._start, missing))

    def down(self, *names: str) -> None:
        """kill -9 of processes with all their children, at once; nobody starts them again."""
        known = [name for name in names if name in self._commands]
        for name in known:
            self.supervisor.kill9(name)
        for name in known:
            self.supervisor.stop(name)
            self.supervisor.forget(name)
            del self._commands[name]

    def freeze(self, name: str) -> None:
        """Let a process stand still, as a machine that swaps or is paused does; `down` ends it."""
        assert self.supervisor.send(name, signal.SIGSTOP)

    def thaw(self, name: str) -> None:
        assert self.supervisor.send(name, signal.SIGCONT)

    def all_down(self) -> None:
        self.down(*(set(self._commands) - {"postgres", "valkey", "outside"}))

    def pid(self, name: str) -> int | None:
        return self.supervisor.pid(name) if name in self._commands else None

    def log(self, name: str) -> str:
        path = self.folder / "logs" / f"{name}.log"
        return path.read_text(errors="replace") if path.exists() else ""

    def last_words(self) -> Iterator[tuple[str, str]]:
        """The last lines of every process that runs."""
        for name in self._commands:
            yield name, "\n".join(self.log(name).splitlines()[-20:])

    def _runs(self, command: Command) -> bool:
        known = self._commands.get(command.name)
        return known is not None and known.env == command.env and self.pid(command.name) is not None

    def _start(self, command: Command) -> None:
        self._commands[command.name] = command
        self.supervisor.add_command(command)
        self.supervisor.start(command.name)

    def _command(self, name: str, env: Mapping[str, str]) -> Command:
        return Command(
            name=name,
            argv=(sys.executable, *_arguments(name, {**self.environ, **env})),
            env=environment_with({**self.environ, **env}),
            cwd=PROJECT,
            log=make(self.folder / "logs") / f"{name}.log",
            missing=lambda: self._unreported(name),
            # Also when the tests themselves are killed: nothing of theirs is worth a goodbye.
            stop_signal=signal.SIGKILL,
        )

    def _unreported(self, name: str) -> str | None:
        """None when the process has said that it works. Beat says nothing of itself."""
        if name in ("beat", "beat2"):
            return None
        if name == "outside":
            return self.world.missing()
        if name == "web":
            return _unanswered(int(self.environ["WEB_PORT"]))
        found = self.record.rows("SELECT 1 FROM aiops_node WHERE pid = %s", self.pid(name) or 0)
        return None if found else "it has not reported itself"

    # Servers

    def _serve(self, server: Server) -> str:
        port = free_port()
        server.prepare(port)
        lock = locks.try_lock(self.folder / f"{server.name}.lock")
        assert lock is not None
        self._start(server.command(port, lock))
        return server.url(port)

    def _migrate(self) -> None:
        argv = [sys.executable, "manage.py", "migrate", "-v", "0"]
        env = environment_with(self.environ)
        subprocess.run(argv, env=env, cwd=PROJECT, check=True, timeout=100)

    @contextmanager
    def broker_refusing(self) -> Iterator[None]:
        """The broker is gone, with every message it had; connections are refused."""
        command = self._commands["valkey"]
        self.supervisor.kill9("valkey")
        self.supervisor.stop("valkey")
        self.supervisor.forget("valkey")
        try:
            yield
        finally:
            self._start(command)

    @contextmanager
    def broker_silent(self) -> Iterator[None]:
        """The broker takes connections and says nothing: to a client, a half-open socket."""
        self.supervisor.send("valkey", signal.SIGSTOP)
        try:
            yield
        finally:
            self.supervisor.send("valkey", signal.SIGCONT)

    def restart_database(self, number: signal.Signals) -> None:
        """SIGINT: as an operator does. SIGKILL of the postmaster: as the system does."""
        before = self.pid("postgres")
        assert self.supervisor.send("postgres", number)
        eventually(lambda: self.pid("postgres") not in (None, before), what="the restart")
        eventually(lambda: self.record.rows("SELECT 1"), what="the database's first answer")

    def redeliver(self) -> int:
        """Play the broker's redelivery, years before its time: whatever was not acknowledged."""
        app = plain_app(self.environ)
        app.conf.broker_transport_options |= {"visibility_timeout": 0}
        number = int(self.broker.hlen("aiops:unacked"))
        with app.connection_for_write() as connection:
            channel: Any = connection.default_channel
            channel.qos.restore_visible(num=number)
        return number

    # Between tests

    def clean(self) -> None:
        """Forget every run and every message. What still works on one is killed first."""
        self.world.reset()
        self.down("keeper2", "io2", "llm2", "beat", "beat2")
        busy = "SELECT 1 FROM aiops_step WHERE state IN ('queued', 'running', 'retrying')"
        if self.record.rows(f"{busy} LIMIT 1"):
            self.all_down()
        self.record.rows(
            "DELETE FROM aiops_webhookdelivery; DELETE FROM aiops_webhookendpoint;"
            "DELETE FROM aiops_occurrence; DELETE FROM aiops_backfill; DELETE FROM aiops_schedule;"
            " DELETE FROM aiops_lane; DELETE FROM aiops_budget; DELETE FROM aiops_escalation; DELETE FROM aiops_event; DELETE FROM aiops_attempt;"
            " DELETE FROM aiops_step; DELETE FROM aiops_run"
        )
        self.broker.flushall()


def plain_app(environ: Mapping[str, str]) -> Celery:
    """Another program's Celery: it knows the addresses and the prefix, and none of our code."""
    app = Celery("elsewhere", broker=environ["BROKER_URL"], backend=environ["RESULT_URL"])
    app.conf.broker_transport_options = {"global_keyprefix": "aiops:"}
    app.conf.result_backend_transport_options = {"global_keyprefix": "aiops:"}
    return app


def _unanswered(port: int) -> str | None:
    """None when somebody listens there."""
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError as error:
        return str(error)
    return None


def _arguments(name: str, env: Mapping[str, str]) -> list[str]:
    """The command line of a process, as the Procfile has it, or of a twin of it."""
    match name:
        case "outside":
            return ["-m", "tests.faults.outside"]
        case "keeper" | "keeper2":
            return ["manage.py", "keeper"]
        case "web":
            options = ["--lifespan", "off", "--http", "h11", "--no-access-log"]
            return ["-m", "uvicorn", "aiops.asgi:application", *options, "--port", env["WEB_PORT"]]
        case "beat" | "beat2":
            return ["-m", "celery", "--quiet", "-A", "aiops.celery", "beat", "-l", "WARNING"]
        case _:
            # What `manage.py worker` becomes, without setting Django up for that first. A twin is
            # another node of the pool, as on another host.
            pool = name.removesuffix("2")
            given = list(POOLS[pool].arguments)
            given[given.index("-n") + 1] = f"{name}@%h"
            if slots := env.get(f"AIOPS_POOL_{pool.upper()}"):
                given[given.index("-c") + 1] = slots
            return ["-m", *given]
