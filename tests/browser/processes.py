"""A keeper and a worker, as real processes, at the database of the tests."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from django.db import connection

from aiops.models import Node
from aiops.pools import POOLS
from aiops.servers.home import PROJECT
from tests.faults.record import eventually

#: As the Procfile has them.
_KEEPER = ("manage.py", "keeper")
_WORKER = ("-m", *POOLS["io"].arguments)


@contextmanager
def at_work(workflows: str, logs: Path) -> Iterator[None]:
    """Let runs of these workflows be worked on."""
    address = urlsplit(os.environ["DATABASE_URL"])
    here = address._replace(path=f"/{connection.settings_dict['NAME']}").geturl()
    environ = {**os.environ, "DATABASE_URL": here, "AIOPS_WORKFLOWS": workflows}
    started = [_start(argv, environ, logs / f"{argv[-1]}.log") for argv in (_KEEPER, _WORKER)]
    try:
        pids = {process.pid for process in started}
        eventually(
            lambda: pids <= set(Node.objects.values_list("pid", flat=True)),
            within_s=60,
            what="a keeper and a worker",
        )
        yield
    finally:
        for process in started:
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
