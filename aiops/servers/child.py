"""One supervised process: started, waited for, started again, stopped."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from aiops.servers.identity import AS_WE_ARE, Identity
from aiops.servers.output import PrefixedOutput
from aiops.servers.spawn import spawn

FIRST_BACKOFF_S = 0.2
LONGEST_BACKOFF_S = 10.0
#: A process that ran this long was well; its next failure counts as the first.
STEADY_S = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """What to run, and how to treat it."""

    name: str
    argv: tuple[str | Path, ...]
    #: None: our own environment.
    env: Mapping[str, str] | None = None
    cwd: Path | None = None
    #: None: its lines go to our output, prefixed with its name.
    log: Path | None = None
    restart: bool = True
    #: None when it is ready for use, else what is still missing. Asked until `ready_s` are over.
    missing: Callable[[], str | None] | None = None
    ready_s: float = 30.0
    stop_signal: signal.Signals = signal.SIGTERM
    identity: Identity = AS_WE_ARE
    #: Descriptors that it inherits (its lock).
    keep_fds: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Status:
    """One row of the status table. `pid` None: it does not run at this moment."""

    name: str
    pid: int | None
    starts: int
    #: Of the last process that ended: negative is the signal that ended it.
    exit_code: int | None
    #: Since it was last started.
    up_s: float


def backoff_s(failures: int) -> float:
    """How long to wait before the next start, after so many short lives in a row."""
    return float(min(FIRST_BACKOFF_S * 2 ** max(failures - 1, 0), LONGEST_BACKOFF_S))


class Child:
    """A thread that starts one process, waits for it, and starts it again.

    The kernel's "my parent died" fires when the *thread* that forked ends, so the thread that
    starts a process is the one that waits for it.
    """

    def __init__(
        self, command: Command, output: PrefixedOutput, say: Callable[[str], None]
    ) -> None:
        self.command = command
        self.starts = 0
        self.exit_code: int | None = None
        self._output = output
        self._say = say
        self._pid: int | None = None
        self._started_at = time.monotonic()
        #: Held around every signal and around the reaping: a pid is never signalled after it is free.
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name=command.name, daemon=True)

    def start(self) -> None:
        self._thread.start()

    @property
    def was_started(self) -> bool:
        return self._thread.ident is not None

    @property
    def is_over(self) -> bool:
        """It has ended and will not be started again."""
        return not self._thread.is_alive()

    def status(self) -> Status:
        with self._lock:
            up_s = time.monotonic() - self._started_at
            return Status(self.command.name, self._pid, self.starts, self.exit_code, up_s)

    def send(self, number: signal.Signals) -> bool:
        """Signal the process alone; False when it does not run."""
        with self._lock:
            if self._pid is None:
                return False
            os.kill(self._pid, number)
            return True

    def kill_tree(self) -> bool:
        """End the process and its children at once, as a power cut would; False if not running."""
        with self._lock:
            if self._pid is None:
                return False
            _kill_group(self._pid)
            return True

    def ask_to_stop(self) -> None:
        """Start no more, and ask what runs to end in its own way."""
        with self._lock:
            self._stopping.set()
            if self._pid is not None:
                os.kill(self._pid, self.command.stop_signal)

    def wait_until_over(self, timeout_s: float) -> bool:
        self._thread.join(timeout_s)
        return self.is_over

    def _run(self) -> None:
        failures = 0
        while (process := self._spawn()) is not None:
            self._wait_for(process)
            if not self.command.restart or self._stopping.is_set():
                return
            lived_s = time.monotonic() - self._started_at
            failures = 1 if lived_s > STEADY_S else failures + 1
            pause_s = backoff_s(failures)
            self._say(
                f"{self.command.name} ended ({ending(self.exit_code)});"
                f" starting it again in {pause_s:.1f} s"
            )
            self._stopping.wait(pause_s)

    def _spawn(self) -> subprocess.Popen[bytes] | None:
        """Start the process, unless we were asked to stop in the meantime."""
        command = self.command
        with self._lock:
            if self._stopping.is_set():
                return None
            log = command.log.open("ab") if command.log else None
            try:
                process = spawn(
                    command.argv,
                    env=command.env,
                    cwd=command.cwd,
                    identity=command.identity,
                    death_signal=command.stop_signal,
                    output=log or subprocess.PIPE,
                    keep_fds=command.keep_fds,
                )
            finally:
                if log is not None:
                    log.close()
            self._pid = process.pid
            self.starts += 1
            self._started_at = time.monotonic()
        if process.stdout is not None:
            self._output.follow(command.name, process.stdout)
        return process

    def _wait_for(self, process: subprocess.Popen[bytes]) -> None:
        """Wait, end what it left behind in its group, and only then free its pid."""
        if hasattr(os, "waitid"):
            os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        else:
            process.wait()
        with self._lock:
            _kill_group(process.pid)
            self.exit_code = process.wait()
            self._pid = None


def ending(exit_code: int | None) -> str:
    """How a process ended, in words."""
    if exit_code is None:
        return "not yet"
    if exit_code < 0:
        return f"killed by {signal.Signals(-exit_code).name}"
    return f"exit code {exit_code}"


def _kill_group(leader: int) -> None:
    # No such group: all have ended. Not permitted (macOS): only the unreaped leader is left.
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(leader, signal.SIGKILL)
