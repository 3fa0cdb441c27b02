"""The broker's messages: all twice and in any order, all gone, or such that nobody can read them."""

from __future__ import annotations

import pytest

from aiops.pools import POOLS
from tests.faults.aftermath import executed, nothing_is_lost
from tests.faults.record import eventually
from tests.faults.stack import Stack, plain_app, sabotaged

pytestmark = pytest.mark.faults

EVERYTHING = ("keeper", "control", "io", "cpu")


def test_messages_that_come_twice_and_out_of_order_do_nothing_twice(stack: Stack) -> None:
    """Makes every process send each of its messages twice, at random moments."""
    stack.up(*EVERYTHING, env=sabotaged("twice_and_out_of_order"))

    runs = [stack.caller.start("voyage", stops=[1, 2, 3]) for _ in range(10)]

    nothing_is_lost(stack, runs, within_s=60)
    counted = stack.world.counted()
    assert len(counted) == 10 * 9
    assert set(counted.values()) == {1}


def test_a_flushed_broker_loses_no_run(stack: Stack) -> None:
    """FLUSHALL with fifty runs in flight: messages, chord counters and all."""
    stack.up(*EVERYTHING)
    stack.world.hold("book", times=10)
    stack.world.hold("visit", times=2)
    runs = [stack.caller.start("voyage", stops=[1, 2, 3]) for _ in range(10)]
    runs += [stack.caller.start("trip") for _ in range(40)]
    stack.world.arrived("book", times=10)

    stack.broker.flushall()
    stack.world.release("book")
    stack.world.arrived("visit", times=2)
    stack.broker.flushall()
    stack.world.release("visit")

    nothing_is_lost(stack, runs, within_s=90)
    assert set(stack.world.counted().values()) == {1}


def test_a_message_that_ends_its_worker_costs_a_restart(stack: Stack) -> None:
    """Puts what is not JSON into a queue: Celery's worker ends, with three steps in hand."""
    stack.up("keeper", "io")
    stack.world.hold("book", times=3)
    runs = [stack.caller.start("trip") for _ in range(3)]
    stack.world.arrived("book", times=3)
    before = stack.pid("io")

    stack.broker.rpush(f"aiops:{POOLS['io'].queue}", "this is not JSON")
    stack.world.release("book")

    eventually(lambda: stack.pid("io") not in (None, before), what="the restart of the worker")
    nothing_is_lost(stack, runs)


def test_another_program_starts_runs_by_message(stack: Stack) -> None:
    """Kills nothing: the door that the other tests do not use."""
    stack.up("keeper", "control", "io")

    with plain_app(stack.environ) as elsewhere:
        said = elsewhere.send_task(
            "tasks.start_run", args=["trip", {}], kwargs={"key": "one"}, queue="aiops.control"
        ).get(timeout=20)

    assert said["ok"]
    nothing_is_lost(stack, [said["run_id"]])
    assert executed(stack, said["run_id"]) == {"book": 1, "charge": 1, "confirm": 1}
