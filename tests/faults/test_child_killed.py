"""kill -9 of one process of a prefork pool, and of all of them."""

from __future__ import annotations

import os
import signal

import pytest

from tests.faults.aftermath import executed, nothing_is_lost
from tests.faults.stack import Stack, sabotaged

pytestmark = pytest.mark.faults


@pytest.mark.parametrize(("place", "times"), [("weigh.before", 1), ("weigh.after", 2)])
def test_a_parent_reports_its_killed_child_long_before_the_lease_ends(
    stack: Stack, place: str, times: int
) -> None:
    """Kills the child that runs a step, before its call or after it; its parent goes on."""
    stack.up("keeper", "cpu")
    stack.world.hold(place)
    run = stack.caller.start("parcel")
    [child] = stack.world.arrived(place)
    assert child["pid"] != stack.pid("cpu")

    os.kill(child["pid"], signal.SIGKILL)

    nothing_is_lost(stack, [run], within_s=float(stack.environ["AIOPS_LEASE_S"]) / 8)
    assert stack.record.attempts(run, "weigh") == ["lost", "succeeded"]
    assert executed(stack, run) == {"weigh": times}


def test_a_chord_that_was_never_sent_is_built_again(stack: Stack) -> None:
    """Kills the whole pool between the commit that made two branches ready and their messages."""
    stack.up("keeper", "control", "io")
    stack.up("cpu", env=sabotaged("held_before_publishing"))
    stack.world.hold("publishing")
    run = stack.caller.start("voyage", stops=[1, 2])
    stack.world.arrived("publishing")

    stack.down("cpu")
    assert stack.record.attempts(run, "weigh") == ["succeeded"]

    nothing_is_lost(stack, [run])
    assert set(executed(stack, run).values()) == {1}


def test_a_killed_pool_goes_on_when_it_starts_again(stack: Stack) -> None:
    """Kills the parent and its children, two of which run a step."""
    stack.up("keeper", "cpu")
    stack.world.hold("weigh", times=2)
    runs = [stack.caller.start("parcel") for _ in range(4)]
    stack.world.arrived("weigh", times=2)

    stack.down("cpu")
    stack.up("cpu")

    nothing_is_lost(stack, runs)
    assert sorted(executed(stack, run)["weigh"] for run in runs) == [1, 1, 2, 2]
