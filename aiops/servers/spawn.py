"""Start a program through launch.py, so that it ends with us whatever ends us."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import IO

from aiops.servers.identity import AS_WE_ARE, Identity

LAUNCH = Path(__file__).with_name("launch.py")


def launched(
    argv: Sequence[str | Path],
    *,
    identity: Identity = AS_WE_ARE,
    death_signal: signal.Signals = signal.SIGKILL,
    cwd: Path | None = None,
    watch: int | None = None,
) -> list[str]:
    """The command line that becomes `argv`, as `identity`, with a signal for when we die.

    Without site packages the interpreter is ready in about 20 ms.
    """
    options = ["--parent", str(os.getpid()), "--signal", str(int(death_signal)), *identity.options]
    if cwd is not None:
        options += ["--cwd", str(cwd)]
    if watch is not None:
        options += ["--watch", str(watch)]
    return [sys.executable, "-I", "-S", str(LAUNCH), *options, "--", *map(str, argv)]


def spawn(
    argv: Sequence[str | Path],
    *,
    env: Mapping[str, str] | None = None,
    identity: Identity = AS_WE_ARE,
    death_signal: signal.Signals = signal.SIGTERM,
    cwd: Path | None = None,
    output: IO[bytes] | int | None = None,
    keep_fds: Sequence[int] = (),
    new_session: bool = True,
    watchdog: bool = sys.platform != "linux",
) -> subprocess.Popen[bytes]:
    """Start a program that gets `death_signal` when the *thread* that called this ends.

    In a new session Ctrl-C does not reach it: its owner decides in which order things stop.
    `watchdog`: where the kernel does not tell children, a small process watches over a pipe.
    """
    watch = _pipe_that_closes_with_us() if watchdog else None
    return subprocess.Popen(
        launched(argv, identity=identity, death_signal=death_signal, cwd=cwd, watch=watch),
        env=env,
        stdin=subprocess.DEVNULL if new_session else None,
        stdout=output,
        stderr=subprocess.STDOUT if output is not None else None,
        start_new_session=new_session,
        pass_fds=(*keep_fds, *(() if watch is None else (watch,))),
    )


@cache
def _pipe_that_closes_with_us() -> int:
    """The reading end; the writing end stays open here, and nowhere else, until we are gone."""
    reading, _writing = os.pipe()
    return reading
