"""Steps that outlive their time, kill their process, or hear of no cancellation."""

from __future__ import annotations

import pytest

from tests.faults.aftermath import executed, nothing_is_lost
from tests.faults.record import eventually
from tests.faults.stack import Stack
from tests.servers.observing import runs as is_alive

pytestmark = pytest.mark.faults


def test_a_step_that_swallows_its_time_limit_is_killed_and_tried_again(stack: Stack) -> None:
    """Kills, by the engine itself, the child of a step that catches every BaseException."""
    stack.up("keeper", "cpu")

    run = stack.caller.start("compressing")

    nothing_is_lost(stack, [run])
    assert stack.record.attempts(run, "compress") == ["timed_out", "succeeded"]


def test_a_call_that_does_not_end_is_given_up_and_its_late_answer_refused(stack: Stack) -> None:
    """Lets a thread wait for an answer for longer than its step may take. Threads cannot be killed."""
    stack.up("keeper", "io")
    stack.world.hold("fetch")

    run = stack.caller.start("fetching")
    nothing_is_lost(stack, [run])
    stack.world.release("fetch")

    eventually(lambda: "step.lease_lost" in stack.log("io"), what="the refusal of the late answer")
    nothing_is_lost(stack, [run])
    assert stack.record.attempts(run, "fetch") == ["timed_out", "succeeded"]
    assert stack.record.step(run, "fetch")["result"] == 2


def test_a_poison_input_is_quarantined_and_others_go_on(stack: Stack) -> None:
    """A step kills its process each time, until it has lost three of them."""
    stack.up("keeper", "cpu")

    poison = stack.caller.start("parsing", is_poison=True)
    others = [stack.caller.start("parsing") for _ in range(10)]

    nothing_is_lost(stack, others)
    nothing_is_lost(stack, [poison], ends={"attention"}, within_s=60)
    assert executed(stack, poison) == {"parse": 3}
    assert stack.record.attempts(poison, "parse") == ["lost", "lost", "lost"]
    [asked] = stack.record.rows("SELECT kind, state, shows FROM aiops_escalation")
    assert (asked["kind"], asked["state"]) == ("lost", "open")
    assert "cpu@" in asked["shows"]["message"]


def test_a_step_that_does_not_hear_of_a_cancellation_is_taken_away(stack: Stack) -> None:
    """Cancels a run whose step, in a child process, waits for an answer that does not come."""
    stack.up("keeper", "cpu")
    stack.world.hold("render")
    run = stack.caller.start("rendering")
    [child] = stack.world.arrived("render")

    stack.caller.cancel(run)

    nothing_is_lost(stack, [run], ends={"cancelled"})
    assert stack.record.attempts(run, "render") == ["cancelled"]
    eventually(lambda: not is_alive(child["pid"]), what="the end of the child")


def test_a_thread_that_does_not_hear_of_a_cancellation_loses_its_claim(stack: Stack) -> None:
    """Cancels a run whose step, in a thread, waits for an answer that comes too late."""
    stack.up("keeper", "io")
    stack.world.hold("book")
    run = stack.caller.start("trip")
    stack.world.arrived("book")

    stack.caller.cancel(run)

    nothing_is_lost(stack, [run], ends={"cancelled"})
    stack.world.release("book")
    nothing_is_lost(stack, [run], ends={"cancelled"})
    assert stack.record.attempts(run, "book") == ["cancelled"]
    assert executed(stack, run) == {"book": 1}


def test_a_step_that_hears_of_a_cancellation_stops_by_itself(stack: Stack) -> None:
    """Cancels a run whose step looks now and then."""
    stack.up("keeper", "io")
    stack.world.hold("crawl.begun")
    run = stack.caller.start("crawling")
    stack.world.arrived("crawl.begun")

    stack.caller.cancel(run)
    stack.world.release("crawl.begun")

    nothing_is_lost(stack, [run], ends={"cancelled"})
    events = stack.record.rows("SELECT kind FROM aiops_event WHERE run_id = %s", run)
    assert "step.taken_away" not in {event["kind"] for event in events}
    assert stack.record.attempts(run, "crawl") == ["cancelled"]
