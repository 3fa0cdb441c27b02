"""A few threads with connections of their own: the event loop asks the database through them."""

from __future__ import annotations

import asyncio
import itertools
import queue
import threading
from collections.abc import Callable
from typing import Any, TypeVar

from django.db import close_old_connections, connection, connections

T = TypeVar("T")

#: What is asked for a person who waits now, and what may come after that.
NOW, SOON = 0, 1
_LAST = 2

_Job = Callable[[], None]


class OwnThreads:
    """At most `count` threads, and so connections, however many ask. Idle after `stop`."""

    def __init__(self, count: int, name: str) -> None:
        self._jobs: queue.PriorityQueue[tuple[int, int, _Job | None]] = queue.PriorityQueue()
        self._numbers = itertools.count()
        self._count = count
        for number in range(count):
            # A daemon: a process that ends does not wait for a database that does not answer.
            threading.Thread(target=self._work, name=f"{name}-{number}", daemon=True).start()

    async def ask(self, act: Callable[..., T], *given: Any, when: int = NOW) -> T:
        """Call `act` in one of the threads; returns or raises what it does."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()
        self._put(when, lambda: _do(loop, future, act, given))
        return await future

    def stop(self) -> None:
        """Let the threads end, and close their connections, when they have done what is asked."""
        for _ in range(self._count):
            self._put(_LAST, None)

    def _put(self, when: int, job: _Job | None) -> None:
        self._jobs.put((when, next(self._numbers), job))

    def _work(self) -> None:
        _keep_a_connection()
        try:
            while (job := self._jobs.get()[2]) is not None:
                job()
        finally:
            connections.close_all()


def _keep_a_connection() -> None:
    """Let this thread have a connection that is not the pool's, and keep it.

    The pool is for requests, which must not wait for streams; and after the database was away it is
    as long again in coming back as that took.
    """
    own = connection.settings_dict.copy()
    own["OPTIONS"] = {name: said for name, said in own["OPTIONS"].items() if name != "pool"}
    connection.settings_dict = {**own, "CONN_MAX_AGE": None}


def _do(
    loop: asyncio.AbstractEventLoop,
    future: asyncio.Future[T],
    act: Callable[..., T],
    given: tuple[Any, ...],
) -> None:
    if future.cancelled():
        return
    result: T | None = None
    error: BaseException | None = None
    try:
        result = act(*given)
    except BaseException as caught:  # whoever asked deals with it
        error = caught
    finally:
        # A broken one is not used again.
        close_old_connections()
    try:
        loop.call_soon_threadsafe(_settle, future, result, error)
    except RuntimeError:
        return  # the loop is closed: nobody waits any more


def _settle(future: asyncio.Future[T], result: Any, error: BaseException | None) -> None:
    if future.done():
        return
    if error is None:
        future.set_result(result)
    else:
        future.set_exception(error)
