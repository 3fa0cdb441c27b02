"""File locks. A server's lock is inherited by the server itself, so it is held as long as it lives."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from aiops.servers.errors import ServerError

POLL_S = 0.05


class Busy(ServerError):
    """Somebody else keeps a lock for longer than its work can take."""


def try_lock(path: Path) -> int | None:
    """Take the lock and return its descriptor, or None when another process holds it.

    The lock lasts until every process that inherited the descriptor has closed it.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    return descriptor


def is_held(path: Path) -> bool:
    """Ask whether some process holds the lock, without getting in the way of who wants it."""
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


@contextmanager
def waiting_for(path: Path, wait_s: float) -> Iterator[None]:
    """Hold the lock for the block; raises Busy when others keep it for `wait_s`."""
    deadline = time.monotonic() + wait_s
    while (descriptor := try_lock(path)) is None:
        if time.monotonic() > deadline:
            raise Busy(
                f"Another process has kept {path} for over {wait_s:.0f} s: wait for the other"
                " command that starts servers, or stop it"
            )
        time.sleep(POLL_S)
    try:
        yield
    finally:
        os.close(descriptor)
