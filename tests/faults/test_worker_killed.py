"""kill -9 of a worker with threads, at exact points of a step's life."""

from __future__ import annotations

import time

import pytest

from aiops.upkeep.keeper import GRACE_S
from tests.faults.aftermath import executed, nothing_is_lost
from tests.faults.record import eventually
from tests.faults.stack import SHORT_LEASE, SHORT_LEASE_S, Stack, sabotaged

pytestmark = pytest.mark.faults


def start_and_hold_at_each_point(stack: Stack, workflow: str, step: str) -> list[str]:
    """Start three runs: one is held before the call of a step, one in it, one after it."""
    runs = []
    for place in (f"{step}.before", step, f"{step}.after"):
        stack.world.hold(place)
        run = stack.caller.start(workflow)
        [caller] = stack.world.arrived(place)
        assert caller["key"] == f"{run}:{step}"
        runs.append(run)
    return runs


def test_a_step_that_may_be_repeated_is_repeated(stack: Stack) -> None:
    """Kills the worker before the call, during it, and before its answer is recorded."""
    stack.up("keeper", "io")
    before, during, after = start_and_hold_at_each_point(stack, "trip", "book")

    stack.down("io")
    stack.up("io")

    nothing_is_lost(stack, [before, during, after])
    assert executed(stack, before) == {"book": 1, "charge": 1, "confirm": 1}
    assert executed(stack, during) == {"book": 2, "charge": 1, "confirm": 1}
    assert executed(stack, after) == {"book": 2, "charge": 1, "confirm": 1}


def test_an_effect_that_may_happen_once_is_looked_for_before_it_is_repeated(stack: Stack) -> None:
    """Kills the worker before the call, during it, and before its answer is recorded."""
    stack.up("keeper", "io")
    before, during, after = start_and_hold_at_each_point(stack, "trip", "charge")

    stack.down("io")
    stack.up("io")

    nothing_is_lost(stack, [before, during, after])
    assert stack.record.attempts(before, "charge") == ["lost", "succeeded"]
    assert stack.record.attempts(during, "charge") == ["lost", "reconciled"]
    assert stack.record.attempts(after, "charge") == ["lost", "reconciled"]
    for run in (before, during, after):
        assert executed(stack, run) == {"book": 1, "charge": 1, "confirm": 1}


def test_an_effect_that_nobody_can_look_for_is_left_to_a_person(stack: Stack) -> None:
    """Kills the worker before the call, during it, and before its answer is recorded."""
    stack.up("keeper", "io")
    runs = start_and_hold_at_each_point(stack, "transfer", "wire")

    stack.down("io")
    stack.up("io")

    nothing_is_lost(stack, runs, ends={"attention"})
    asked = stack.record.rows("SELECT run_id, kind, state FROM aiops_escalation")
    assert {str(row["run_id"]) for row in asked} == set(runs)
    assert {(row["kind"], row["state"]) for row in asked} == {("in_doubt", "open")}
    assert [executed(stack, run).get("wire", 0) for run in runs] == [0, 1, 1]


@pytest.mark.parametrize("place", ["recorded", "unacknowledged"])
def test_what_is_in_the_record_is_not_done_again(stack: Stack, place: str) -> None:
    """Kills the worker when the record has the first step and the broker does not know it yet.

    "recorded": the message for the next step, which another pool runs, was never sent.
    """
    stack.up("keeper", "control", "cpu")
    stack.up("io", env=sabotaged("held_when_recorded"))
    stack.world.hold(place)
    run = stack.caller.start("voyage", stops=[1, 2])
    stack.world.arrived(place)

    stack.down("io")
    stack.up("io")

    nothing_is_lost(stack, [run])
    assert set(executed(stack, run).values()) == {1}
    assert stack.record.attempts(run, "book") == ["succeeded"]


def test_a_node_that_starts_again_takes_up_its_work_long_before_the_lease_ends(
    stack: Stack,
) -> None:
    """Kills the worker during a call, and starts the same node again."""
    stack.up("keeper", "io")
    stack.world.hold("book")
    run = stack.caller.start("trip")
    stack.world.arrived("book")

    stack.down("io")
    stack.up("io")
    began = time.monotonic()

    nothing_is_lost(stack, [run])
    lease_s = float(stack.environ["AIOPS_LEASE_S"])
    assert time.monotonic() - began < lease_s / 10


def test_another_node_takes_the_work_over_when_the_lease_has_ended(stack: Stack) -> None:
    """Kills one of two workers of a pool during a call, for good."""
    stack.up("keeper")
    stack.up("io", "io2", env=SHORT_LEASE)
    stack.world.hold("book")
    run = stack.caller.start("trip")
    [caller] = stack.world.arrived("book")
    [killed] = [name for name in ("io", "io2") if stack.pid(name) == caller["pid"]]

    stack.down(killed)

    nothing_is_lost(stack, [run], within_s=SHORT_LEASE_S + GRACE_S + 4)
    assert stack.record.attempts(run, "book") == ["lost", "succeeded"]


def test_an_answer_that_comes_after_the_lease_is_refused(stack: Stack) -> None:
    """Stops a worker between its call and the record until another one has done the work."""
    stack.up("keeper")
    stack.up("io", "io2", env=SHORT_LEASE)
    stack.world.hold("book.after")
    run = stack.caller.start("trip")
    [caller] = stack.world.arrived("book.after")
    [late] = [name for name in ("io", "io2") if stack.pid(name) == caller["pid"]]

    stack.freeze(late)
    nothing_is_lost(stack, [run], within_s=SHORT_LEASE_S + GRACE_S + 4)
    before = stack.record.step(run, "book")
    stack.world.release("book.after")
    stack.thaw(late)

    eventually(lambda: "step.lease_lost" in stack.log(late), what="the refusal")
    assert stack.record.step(run, "book") == before
    assert stack.record.attempts(run, "book") == ["lost", "succeeded"]
    assert executed(stack, run) == {"book": 2, "charge": 1, "confirm": 1}


def test_everything_that_was_killed_at_once_goes_on(stack: Stack) -> None:
    """Kills all workers, the keeper and beat in the middle of eight runs, as a power cut does."""
    everyone = ("keeper", "control", "io", "cpu", "beat")
    stack.up(*everyone)
    for place in ("book", "weigh", "visit", "charge"):
        stack.world.hold(place)
    runs = [stack.caller.start("voyage", stops=[1, 2, 3]) for _ in range(8)]
    for place in ("book", "weigh", "visit", "charge"):
        stack.world.arrived(place)

    stack.down(*everyone)
    stack.up(*everyone)

    nothing_is_lost(stack, runs, within_s=60)
