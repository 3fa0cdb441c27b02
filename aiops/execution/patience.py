"""Patience with the database: a restart must not cost a worker the answer it holds."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import TypeVar

from django.db import InterfaceError, OperationalError, connection

log = logging.getLogger(__name__)

T = TypeVar("T")

PATIENCE_S = 60.0


def patiently(act: Callable[[], T], *, patience_s: float = PATIENCE_S) -> T:
    """Run a transaction that may safely run twice (its writes name a fence); wait out an outage."""
    give_up = time.monotonic() + patience_s
    pause_s = 0.1
    while True:
        try:
            return act()
        except (OperationalError, InterfaceError) as error:
            if connection.in_atomic_block or time.monotonic() > give_up:
                raise
            log.warning("database.away error=%s", str(error).strip().splitlines()[:1])
            connection.close()
            time.sleep(pause_s)
            pause_s = min(pause_s * 2, 2.0)
