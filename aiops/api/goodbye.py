"""Hearing that the process is asked to end, while whoever runs it still hears it too."""

from __future__ import annotations

import asyncio
import signal
import threading
from collections.abc import Callable
from types import FrameType

SIGNALS = (signal.SIGTERM, signal.SIGINT)


def hear(act: Callable[[], None]) -> Callable[[], None]:
    """Call `act` in the running event loop when the process is asked to end; returns what undoes it.

    A server waits some seconds for its connections before it breaks them off, and says nothing to
    who has one open. Where another already listens in a way of its own, nothing is heard here.
    """
    if threading.current_thread() is not threading.main_thread():
        return _nothing
    loop = asyncio.get_running_loop()
    undone = [_chain(number, loop, act) for number in SIGNALS]

    def undo() -> None:
        for one in undone:
            one()

    return undo


def _chain(
    number: signal.Signals, loop: asyncio.AbstractEventLoop, act: Callable[[], None]
) -> Callable[[], None]:
    before = signal.getsignal(number)
    if not callable(before):
        return _nothing

    def heard(number: int, frame: FrameType | None) -> None:
        loop.call_soon_threadsafe(act)
        before(number, frame)

    def undo() -> None:
        if signal.getsignal(number) is heard:
            signal.signal(number, before)

    signal.signal(number, heard)
    return undo


def _nothing() -> None:
    return None
