"""Looking at real processes and servers from outside."""

from __future__ import annotations

import subprocess
import threading
from collections.abc import Callable
from pathlib import Path

import psycopg
import redis

POLL_S = 0.02


def eventually(happened: Callable[[], bool], within_s: float = 10) -> bool:
    """Ask until it has happened, or the time is over."""
    pause = threading.Event()
    for _ in range(int(within_s / POLL_S)):
        if happened():
            return True
        pause.wait(POLL_S)
    return happened()


def runs(pid: int | None) -> bool:
    """Whether a process lives. One that only waits to be reaped does not."""
    said = subprocess.run(
        ["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True, check=False
    ).stdout.strip()
    return bool(said) and not said.startswith("Z")


def real_uid(pid: int | None) -> int:
    """The user of a process as the whole system sees it."""
    return Path(f"/proc/{pid}").stat().st_uid


def ask(database_url: str, query: str) -> object:
    """The first value of the first row."""
    with psycopg.connect(database_url, autocommit=True) as connection:
        row = connection.execute(query.encode()).fetchone()
    assert row is not None
    return row[0]


def run_sql(database_url: str, statement: str) -> None:
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(statement.encode())


def broker(url: str) -> redis.Redis:
    return redis.Redis.from_url(url, socket_timeout=5)
