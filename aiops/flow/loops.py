"""Runs `async def` steps: each thread keeps one event loop, so that cached clients stay usable."""

from __future__ import annotations

import asyncio
import contextvars
import os
import threading
import weakref
from collections.abc import Coroutine
from typing import Any

from aiops.flow.errors import Ambiguous, TimedOut


def run(coroutine: Coroutine[Any, Any, Any], timeout_s: float | None = None) -> Any:
    """Run a coroutine on this thread's loop; TimedOut after `timeout_s`."""
    # The runner keeps the context variables of its first call unless it is given today's.
    return _runner().run(_timed(coroutine, timeout_s), context=contextvars.copy_context())


class _Loop:
    """A thread's loop, closed when the thread ends."""

    def __init__(self) -> None:
        self.pid = os.getpid()
        self.runner = asyncio.Runner()
        weakref.finalize(self, _close, self.runner, self.pid)


class _Thread(threading.local):
    loop: _Loop | None = None


_thread = _Thread()
#: Loops of a parent process. Even closing one would take its file descriptors from the parent.
_inherited: list[asyncio.Runner] = []


def _runner() -> asyncio.Runner:
    if _thread.loop is None or _thread.loop.pid != os.getpid():
        _thread.loop = _Loop()
    return _thread.loop.runner


def _close(runner: asyncio.Runner, pid: int) -> None:
    if pid == os.getpid():
        runner.close()
    else:
        _inherited.append(runner)


async def _timed(coroutine: Coroutine[Any, Any, Any], timeout_s: float | None) -> Any:
    try:
        async with asyncio.timeout(timeout_s) as clock:
            return await coroutine
    except TimeoutError:
        if not clock.expired():
            raise
        raise TimedOut(f"the step did not end within {timeout_s:g} s") from None
    except asyncio.CancelledError:
        task = asyncio.current_task()
        if task is not None and task.cancelling():
            raise  # Ctrl-C
        # Not an Exception, so it would pass by everything that records outcomes.
        raise Ambiguous("the step's own code was cancelled from within") from None
