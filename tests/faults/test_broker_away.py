"""The broker is away while runs are started: gone, or there and silent."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager

import pytest

from tests.faults.aftermath import nothing_is_lost
from tests.faults.stack import Stack

pytestmark = pytest.mark.faults

OUTAGE_S = 8.0
#: What a person who waits for a page does not notice.
AT_ONCE_S = 1.0


def every_second_of_the_outage() -> Iterator[None]:
    end = time.monotonic() + OUTAGE_S
    beat = threading.Event()
    while time.monotonic() < end:
        yield
        beat.wait(1)


@pytest.mark.parametrize("how", [Stack.broker_refusing, Stack.broker_silent])
def test_runs_are_accepted_at_once_and_done_when_the_broker_is_back(
    stack: Stack, how: Callable[[Stack], AbstractContextManager[None]]
) -> None:
    """Kills the broker with all its messages; or stops it, so that it takes connections in silence."""
    stack.up("keeper", "control", "io", "cpu")
    stack.world.hold("book", times=2)
    runs = [stack.caller.start("voyage", stops=[1, 2]) for _ in range(2)]
    stack.world.arrived("book", times=2)
    waits = []

    with how(stack):
        # The answers of two steps come while nothing can be sent.
        stack.world.release("book")
        for _ in every_second_of_the_outage():
            run, took_s = stack.caller.timed_start("voyage", stops=[1, 2])
            runs.append(run)
            waits.append(took_s)

    assert max(waits) < AT_ONCE_S
    nothing_is_lost(stack, runs, within_s=60)


def test_a_busy_worker_outlives_the_broker(stack: Stack) -> None:
    """Kills the broker while a worker has two calls in hand; they go on for longer than the outage."""
    stack.up("keeper", "io")
    stack.world.hold("book", times=2)
    busy = [stack.caller.start("trip") for _ in range(2)]
    stack.world.arrived("book", times=2)
    pid = stack.pid("io")

    with stack.broker_refusing():
        later = [stack.caller.start("trip") for _ in range(3)]

    nothing_is_lost(stack, later)
    stack.world.release("book")
    nothing_is_lost(stack, busy)
    assert stack.pid("io") == pid
    assert set(stack.world.counted().values()) == {1}
