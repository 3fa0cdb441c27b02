"""The database is restarted with runs in flight."""

from __future__ import annotations

import signal

import pytest

from tests.faults.aftermath import nothing_is_lost
from tests.faults.stack import Stack

pytestmark = pytest.mark.faults


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_a_restart_of_the_database_costs_no_answer(stack: Stack, number: signal.Signals) -> None:
    """Stops PostgreSQL (fast shutdown), or kills its postmaster, with twenty runs in flight.

    Steps of both kinds of pool hold an answer that is not recorded yet.
    """
    stack.up("keeper", "control", "io", "cpu")
    stack.world.hold("charge.after", times=4)
    stack.world.hold("weigh.after", times=2)
    runs = [stack.caller.start("trip") for _ in range(10)]
    runs += [stack.caller.start("voyage", stops=[1, 2]) for _ in range(10)]
    stack.world.arrived("charge.after", times=4)
    stack.world.arrived("weigh.after", times=2)

    stack.restart_database(number)
    stack.world.release("charge.after")
    stack.world.release("weigh.after")

    nothing_is_lost(stack, runs, within_s=60)
    assert set(stack.world.counted().values()) == {1}
