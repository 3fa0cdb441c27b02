"""kill -9 of a worker between a paid answer and its record: what is uncertain is booked, the rest kept."""

from __future__ import annotations

import json

import pytest

from tests.fault_server.control import FaultServer
from tests.faults.aftermath import nothing_is_lost
from tests.faults.stack import Stack, sabotaged

pytestmark = pytest.mark.faults


def asking(fault_server: FaultServer) -> dict[str, str]:
    """The environment of a worker whose model is the fault server: a microdollar a token."""
    return {
        "AIOPS_MODEL_URL": fault_server.url,
        "AIOPS_MODEL_NAME": "faulty",
        "AIOPS_PRICES": json.dumps({"faulty": {"input": 1, "output": 1}}),
    }


def calls(stack: Stack, run: str) -> list[tuple[object, ...]]:
    rows = stack.record.rows(
        "SELECT step_name, attempt, outcome, purpose, is_uncertain, cost_microusd"
        " FROM aiops_modelcall WHERE run_id = %s ORDER BY id",
        run,
    )
    return [tuple(row.values()) for row in rows]


def test_a_lost_answer_is_an_uncertain_spend_and_only_it_is_paid_again(
    stack: Stack, fault_server: FaultServer
) -> None:
    """Kills the worker that has its second answer in hand, and has not written it down."""
    fault_server.reset()
    environ = asking(fault_server)
    stack.up("keeper", "control")
    stack.up("llm", env={**environ, **sabotaged("held_before_settling")})
    stack.world.hold("answered.2")
    run = stack.caller.start("letter")
    stack.world.arrived("answered.2")
    assert fault_server.counts()["completed"] == 2

    stack.down("llm")
    stack.up("llm", env=environ)

    nothing_is_lost(stack, [run])
    assert calls(stack, run) == [
        ("sketch", 1, "answered", "first", False, 4),
        ("sketch", 1, "lost", "first", True, 119),
        ("sketch", 2, "reused", "first", False, 0),
        ("sketch", 2, "answered", "lost", False, 4),
        ("polish", 1, "answered", "first", False, 8),
    ]
    prompts = [entry["prompt"] for entry in fault_server.journal()]
    assert prompts == ["sketch tea", "improve tea", "improve tea", "polish improve tea"]
    [budget] = stack.record.rows("SELECT spent_microusd, reserved_microusd FROM aiops_budget")
    assert tuple(budget.values()) == (4 + 119 + 4 + 8, 0)
