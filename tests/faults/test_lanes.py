"""A provider without money, and one that is overloaded: real workers, a keeper, and counted requests."""

from __future__ import annotations

import pytest

from aiops.providers.breaker import FAILURES
from tests.fault_server.control import FaultServer
from tests.faults.aftermath import nothing_is_lost
from tests.faults.record import eventually
from tests.faults.stack import Stack
from tests.faults.test_paid_calls import asking

pytestmark = pytest.mark.faults

RUNS = 8
#: Calls of one run: see flows/letters.py.
CALLS = 3


def lane(stack: Stack) -> tuple[str, str, str]:
    [row] = stack.record.rows("SELECT name, state, cause FROM aiops_lane")
    return row["name"], row["state"], row["cause"]


def parked(stack: Stack) -> int:
    [row] = stack.record.rows("SELECT count(*) AS steps FROM aiops_step WHERE reason = 'lane'")
    return int(row["steps"])


def outcomes(stack: Stack) -> set[str]:
    rows = stack.record.rows("SELECT DISTINCT outcome FROM aiops_attempt")
    return {row["outcome"] for row in rows}


def parked_by(stack: Stack, fault_server: FaultServer, fault: str, slots: int) -> list[str]:
    """Two workers with so many slots each, and runs that wait because the provider answers so."""
    fault_server.reset()
    fault_server.always(fault)
    stack.up("keeper", "control")
    stack.up("llm", "llm2", env={**asking(fault_server), "AIOPS_POOL_LLM": str(slots)})
    runs = [stack.caller.start("letter", about=f"tea {number}") for number in range(RUNS)]
    eventually(lambda: parked(stack) == RUNS, 20, what="the parking of all runs")
    return runs


def test_no_quota_stops_the_lane_after_one_request_of_each_worker(
    stack: Stack, fault_server: FaultServer
) -> None:
    runs = parked_by(stack, fault_server, "429-quota", slots=1)

    name, state, cause = lane(stack)
    assert (state, cause) == ("stopped", "quota")
    assert 1 <= len(fault_server.journal()) <= 2
    assert outcomes(stack) == {"parked"}
    asked = stack.record.rows("SELECT kind FROM aiops_escalation WHERE state = 'open'")
    assert [row["kind"] for row in asked] == ["lane"]

    fault_server.reset()
    assert stack.caller.resume_lane(name) == RUNS

    nothing_is_lost(stack, runs)
    assert fault_server.counts()["computed"] == CALLS * RUNS
    assert stack.record.rows("SELECT id FROM aiops_escalation WHERE state = 'open'") == []


def test_an_overloaded_provider_parks_a_batch_which_drains_by_itself(
    stack: Stack, fault_server: FaultServer
) -> None:
    runs = parked_by(stack, fault_server, "529", slots=4)

    _, state, cause = lane(stack)
    assert (state, cause) == ("held", "failing")
    assert FAILURES <= len(fault_server.journal()) <= FAILURES + 2 * 4
    assert outcomes(stack) == {"parked"}

    # The provider is back; its hold, which is half a minute, is over.
    fault_server.reset()
    stack.record.rows("UPDATE aiops_lane SET held_until = now()")

    nothing_is_lost(stack, runs)
    assert fault_server.counts()["computed"] == CALLS * RUNS
    burnt = stack.record.rows("SELECT id FROM aiops_step WHERE tries > 0")
    assert burnt == []
