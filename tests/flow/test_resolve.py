"""A worker finds a step's code by its name, or says that it is gone."""

from __future__ import annotations

import pytest

from aiops.flow import BadOutput, CodeGone, choose, data, workflow
from aiops.flow.plan import PlanNode
from aiops.flow.registry import resolve, step_for
from tests.flow import shipping
from tests.flow.shipping import Order


def test_a_step_and_a_function_are_found_by_their_code() -> None:
    assert resolve("tests.flow.shipping:label") is shipping.label
    assert resolve("tests.flow.shipping:urgency") is shipping.urgency


@pytest.mark.parametrize(
    "code",
    [
        "tests.flow.no_such_module:label",
        "tests.flow.shipping:no_such_step",
        "tests.flow.shipping:label.no_such_part",
        "tests.flow.shipping:__doc__",
        ":label",
        "",
    ],
)
def test_code_that_is_not_there_is_gone(code: str) -> None:
    with pytest.raises(CodeGone, match="or cancel the run"):
        resolve(code)


def test_a_function_that_is_no_step_any_more_is_gone() -> None:
    with pytest.raises(CodeGone, match="Put its @step back"):
        step_for(PlanNode("urgency", "step", code="tests.flow.shipping:urgency"))


@pytest.mark.parametrize("by", [shipping.urgency, shipping.slow_urgency])
def test_a_choice_runs_as_a_step(by: object) -> None:
    flow = choose(by, {"now": shipping.page, "later": None}, pool="cpu")  # type: ignore[arg-type]
    node = workflow("ship", input=Order, flow=flow).plan.nodes[0]

    made = step_for(node)

    answer = made.call(data.arguments(node, made, {"input": {"id": "a", "urgent": True}}))
    assert data.result(made, answer) == "now"
    assert step_for(node) is made


def test_a_choice_of_a_branch_that_is_not_there_is_bad_output() -> None:
    flow = choose(shipping.anything, {"a": shipping.page, "b": None})
    made = step_for(workflow("ship", input=Order, flow=flow).plan.nodes[0])

    with pytest.raises(BadOutput, match="Input should be 'a' or 'b'"):
        data.result(made, "c")
