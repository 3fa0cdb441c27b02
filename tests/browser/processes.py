"""A keeper and a worker, as real processes, at the database of the tests."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from django.db import connection

from aiops.models import Node
from aiops.pools import POOLS
from aiops.servers.home import PROJECT
from tests.faults.record import eventually

#: As the Procfile has them.
_KEEPER = ("manage.py", "keeper")


@contextmanager
def at_work(workflows: str, logs: Path) -> Iterator[None]:
    """Let runs of these workflows be worked on."""
    with keeper(workflows, logs), worker(workflows, logs):
        yield


def keeper(
    workflows: str, logs: Path, **environ: str
) -> AbstractContextManager[subprocess.Popen[bytes]]:
    return _process(_KEEPER, workflows, logs, environ)


def worker(
    workflows: str, logs: Path, *, pool: str = "io", **environ: str
) -> AbstractContextManager[subprocess.Popen[bytes]]:
    """A worker of a pool; it is killed, with its children, when the block ends."""
    return _process(("-m", *POOLS[pool].arguments), workflows, logs, environ)


@contextmanager
def _process(
    argv: tuple[str, ...], workflows: str, logs: Path, more: Mapping[str, str]
) -> Iterator[subprocess.Popen[bytes]]:
    address = urlsplit(os.environ["DATABASE_URL"])
    here = address._replace(path=f"/{connection.settings_dict['NAME']}").geturl()
    environ = {**os.environ, "DATABASE_URL": here, "AIOPS_WORKFLOWS": workflows, **more}
    process = _start(argv, environ, logs / f"{argv[-1]}.log")
    try:
        eventually(
            lambda: Node.objects.filter(pid=process.pid).exists(),
            within_s=60,
            what=f"the start of {argv[-1]}",
        )
        yield process
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _start(argv: tuple[str, ...], environ: dict[str, str], log: Path) -> subprocess.Popen[bytes]:
    with log.open("wb") as output:
        return subprocess.Popen(
            [sys.executable, *argv],
            env=environ,
            cwd=PROJECT,
            stdout=output,
            stderr=subprocess.STDOUT,
            # A group of its own, so that its children go with it.
            start_new_session=True,
        )
