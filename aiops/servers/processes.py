"""The supervisor: starts processes in order, keeps them running, stops them in reverse order."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from aiops.servers.child import Child, Command, Status, ending
from aiops.servers.errors import ServerError
from aiops.servers.output import PrefixedOutput

POLL_S = 0.02
#: A process that ends this often before it was ever ready is not going to be.
FIRST_STARTS = 5
LOG_TAIL_LINES = 15


class NotReady(ServerError):
    """A process did not become ready: the message carries its last words."""


class Supervisor:
    """A set of child processes that live no longer than this one, whatever ends it."""

    def __init__(
        self, *, output: PrefixedOutput | None = None, say: Callable[[str], None] | None = None
    ) -> None:
        self._output = output or PrefixedOutput()
        self._say = say or (lambda text: self._output.line("supervisor", text))
        self._children: dict[str, Child] = {}

    def add(
        self,
        name: str,
        argv: tuple[str | Path, ...],
        *,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        restart: bool = True,
        log: Path | None = None,
        missing: Callable[[], str | None] | None = None,
    ) -> None:
        """Announce an ordinary process; `start` starts it."""
        self.add_command(
            Command(
                name=name, argv=argv, env=env, cwd=cwd, restart=restart, log=log, missing=missing
            )
        )

    def add_command(self, command: Command) -> None:
        if command.name in self._children:
            raise ValueError(f"There is a process named {command.name!r} already")
        if command.log is None:
            self._output.expect(command.name)
        self._children[command.name] = Child(command, self._output, self._say)

    def start_all(self) -> None:
        """Start what was added, in that order, each when the one before is ready."""
        for name in self._children:
            self.start(name)

    def start(self, name: str) -> None:
        """Start one process and wait until it is ready; raises NotReady after stopping it."""
        child = self._children[name]
        child.start()
        problem = _wait_until_ready(child)
        if problem is not None:
            self._stop([child], grace_s=2)
            raise NotReady(f"{name} did not start: {problem}{_last_words(child.command.log)}")

    def forget(self, name: str) -> None:
        """Drop a process that has been stopped, so that its name is free again."""
        if not self._children[name].is_over:
            raise ValueError(f"{name!r} still runs: stop it first")
        del self._children[name]

    def pid(self, name: str) -> int | None:
        """The process id at this moment; None between an end and the next start."""
        return self._children[name].status().pid

    def send(self, name: str, number: signal.Signals) -> bool:
        return self._children[name].send(number)

    def kill9(self, name: str) -> bool:
        """End a process and its children without warning; it is started again like any other."""
        return self._children[name].kill_tree()

    def stop(self, name: str, grace_s: float = 10) -> None:
        self._stop([self._children[name]], grace_s)

    def stop_all(self, grace_s: float = 10) -> None:
        """Ask all, last started first, to end; after `grace_s` in all, kill what is left."""
        self._stop([*reversed(self._children.values())], grace_s)

    def kill_all(self) -> None:
        """For the impatient: no grace at all."""
        self.stop_all(grace_s=0)

    def status(self) -> list[Status]:
        return [child.status() for child in self._children.values()]

    def _stop(self, children: list[Child], grace_s: float) -> None:
        started = [child for child in children if child.was_started]
        for child in started:
            child.ask_to_stop()
        deadline = time.monotonic() + grace_s
        for child in started:
            if not child.wait_until_over(max(0.0, deadline - time.monotonic())):
                child.kill_tree()
                child.wait_until_over(grace_s or 2)


def _wait_until_ready(child: Child) -> str | None:
    """None when it is ready, else why not."""
    command = child.command
    if command.missing is None:
        return None
    deadline = time.monotonic() + command.ready_s
    while (problem := command.missing()) is not None:
        status = child.status()
        if child.is_over or (status.starts >= FIRST_STARTS and status.pid is None):
            return f"it ended {status.starts} times ({ending(status.exit_code)})"
        if time.monotonic() > deadline:
            return f"not ready after {command.ready_s:.0f} s ({problem})"
        time.sleep(POLL_S)
    return None


def _last_words(log: Path | None) -> str:
    if log is None or not log.exists():
        return ""
    lines = log.read_text(errors="replace").splitlines()[-LOG_TAIL_LINES:]
    return "\n".join([f"\nThe end of {log}:", *(f"    {line}" for line in lines)])


def table(rows: list[Status]) -> str:
    """The status table, for a terminal."""
    lines = [f"{'NAME':<12} {'PID':>7} {'UP':>8} {'STARTS':>6}  LAST END"]
    for row in rows:
        pid = str(row.pid) if row.pid else "-"
        up = f"{row.up_s:.0f} s" if row.pid else "-"
        last = "-" if row.exit_code is None else ending(row.exit_code)
        lines.append(f"{row.name:<12} {pid:>7} {up:>8} {row.starts:>6}  {last}")
    return "\n".join(lines)


def environment_with(extra: Mapping[str, str]) -> dict[str, str]:
    """Our environment and `extra`, with the programs of this Python first on the PATH."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
    return {**os.environ, "PATH": path, "PYTHONUNBUFFERED": "1", **extra}
