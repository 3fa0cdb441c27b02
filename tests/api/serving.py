"""The web process itself, as the Procfile has it, at the database of the tests."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from django.db import connection

from aiops.servers.home import PROJECT
from aiops.servers.running import free_port
from tests.faults.record import eventually


@contextmanager
def web(log: Path, **environ: str) -> Iterator[str]:
    """The address of a web process that answers. Its test is marked with `transaction=True`."""
    port = free_port()
    address = urlsplit(os.environ["DATABASE_URL"])
    here = address._replace(path=f"/{connection.settings_dict['NAME']}").geturl()
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, *_ARGV, "--port", str(port)],
            env={**os.environ, "AIOPS_WORKFLOWS": "tests.flows", "DATABASE_URL": here, **environ},
            cwd=PROJECT,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        base = f"http://127.0.0.1:{port}"
        eventually(lambda: _answers(base), within_s=60, what="a web process")
        yield base
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=20)


_ARGV = (
    *("-m", "uvicorn", "aiops.asgi:application", "--host", "127.0.0.1"),
    *("--lifespan", "off", "--no-access-log", "--timeout-graceful-shutdown", "5"),
)


def get(url: str, headers: Mapping[str, str] | None = None) -> int:
    """The status of one request on a connection of its own."""
    request = urllib.request.Request(url, headers=dict(headers or {}))  # noqa: S310  # our own
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310  # our own
            return int(answer.status)
    except urllib.error.HTTPError as refused:
        with refused:
            return refused.code


def _answers(base: str) -> bool:
    try:
        return get(f"{base}/admin/login/") == 200
    except OSError:
        return False
