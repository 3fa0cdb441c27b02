"""Series and parallels: what runs, in which order, whatever becomes of the messages."""

from __future__ import annotations

import pytest

from tests.execution.engine import (
    COMMITS,
    Engine,
    Order,
    at_random,
    fresh,
    in_order,
    result,
    reversed_order,
    states,
)
from tests.flows.script import Script

pytestmark = COMMITS

ORDERS = [in_order, reversed_order, *(at_random(seed) for seed in range(3))]


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("times", [1, 2])
@pytest.mark.parametrize(
    ("name", "given", "expected"),
    [
        ("line", {"number": 5}, 7),
        ("relay", {"number": 5}, 51),
        ("diamond", {"number": 5}, 14),
        ("two_ends", {"number": 5}, {"left": 6, "right": 7}),
        ("fork", {}, [1, None, None]),
        ("squares", {"items": [1, 2, 3, 4]}, 30),
        ("family", {"number": 1}, "child made 4"),
    ],
)
def test_a_run_succeeds_and_runs_each_step_once(
    engine: Engine,
    script: Script,
    name: str,
    given: dict[str, object],
    expected: object,
    order: Order,
    times: int,
) -> None:
    run = engine.start(name, input=given)

    engine.work(order, times=times)

    assert fresh(run).state == "succeeded", states(run)
    assert result(run) == expected
    assert len(script.calls) == len(set(script.calls)), script.calls
