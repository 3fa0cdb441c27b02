"""kill -9 of the keeper, and of beat."""

from __future__ import annotations

import pytest

from tests.faults.aftermath import executed, nothing_is_lost
from tests.faults.record import eventually
from tests.faults.stack import Stack, sabotaged

pytestmark = pytest.mark.faults


def leader(stack: Stack, *names: str) -> str:
    """Which of these keepers does the work; "" for a moment."""
    rows = stack.record.rows("SELECT pid FROM aiops_node WHERE role = 'keeper' AND is_leader")
    leaders = {row["pid"] for row in rows}
    return next((name for name in names if stack.pid(name) in leaders), "")


def test_a_second_keeper_takes_over(stack: Stack) -> None:
    """Kills the keeper that leads, twice in turn, while runs are started."""
    stack.up("keeper", "keeper2", "control", "io", "cpu")
    first = eventually(lambda: leader(stack, "keeper", "keeper2"))
    second = "keeper2" if first == "keeper" else "keeper"
    runs = [stack.caller.start("voyage", stops=[1, 2]) for _ in range(3)]

    stack.down(first)
    runs += [stack.caller.start("voyage", stops=[1, 2]) for _ in range(3)]
    eventually(lambda: leader(stack, second), 5, what="the take-over")
    stack.up(first)
    stack.down(second)
    runs += [stack.caller.start("voyage", stops=[1, 2]) for _ in range(3)]
    eventually(lambda: leader(stack, first), 5, what="the second take-over")

    nothing_is_lost(stack, runs, within_s=60)
    assert set(stack.world.counted().values()) == {1}


def test_runs_started_while_there_is_no_keeper_wait_for_one(stack: Stack) -> None:
    """Kills the only keeper; what was accepted then is published by the next."""
    stack.up("keeper", "io")
    stack.world.hold("book")
    early = stack.caller.start("trip")
    stack.world.arrived("book")

    stack.down("keeper")
    late = [stack.caller.start("trip") for _ in range(5)]
    stack.world.release("book")
    nothing_is_lost(stack, [early])
    assert set(stack.record.states(late).values()) == {"queued"}
    stack.up("keeper")

    nothing_is_lost(stack, late)


def test_what_was_marked_as_sent_and_was_not_is_sent_again(stack: Stack) -> None:
    """Kills the keeper between the mark on the first step and its message."""
    stack.up("io")
    stack.up("keeper", env=sabotaged("held_before_publishing"))
    stack.world.hold("publishing")
    run = stack.caller.start("trip")
    stack.world.arrived("publishing")

    stack.down("keeper")
    assert stack.record.step(run, "book")["dispatches"] == 1
    stack.up("keeper")

    nothing_is_lost(stack, [run])
    assert executed(stack, run) == {"book": 1, "charge": 1, "confirm": 1}


def test_a_schedule_goes_on_after_beat_was_killed(stack: Stack) -> None:
    """Kills beat, which starts a run every second."""
    stack.up("keeper", "control", "io", "beat")
    stack.caller.ask("every_second", workflow="trip", input={})

    def started() -> list[str]:
        return [str(row["id"]) for row in stack.record.rows("SELECT id FROM aiops_run")]

    try:
        eventually(lambda: len(started()) >= 2, what="the second run")
        stack.down("beat")
        before = len(started())
        stack.up("beat")
        eventually(lambda: len(started()) >= before + 2, what="a run after the restart")
    finally:
        stack.down("beat")
        stack.caller.ask("never_again")

    nothing_is_lost(stack, started())
