"""A plan is plain data: it survives JSON, and equal workflows have equal hashes."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from aiops.flow import approval, choose, for_each, parallel, run_workflow, series, sleep, wait_for
from aiops.flow import workflow as declare
from aiops.flow.nodes import Node
from aiops.flow.plan import Plan
from tests.flow.shipping import Order, Paid, call, check, label, pack, page, split, urgency


def whole_flow() -> Node:
    return series(
        parallel(check, label),
        split,
        for_each(split, pack, max_parallel=3, tolerate=0.25),
        choose(urgency, {"now": page, "later": None}),
        approval("Ship?", shows=(label, check), if_nobody="reject", on_reject="continue"),
        wait_for("order.paid", match="input.id", gives=Paid, timeout_h=48),
        sleep(hours=2),
        run_workflow("bill", input=label),
    )


def plan_of(flow: Node, **options: Any) -> Plan:
    return declare("ship", input=Order, flow=flow, **options).plan


def test_a_plan_of_every_kind_survives_json() -> None:
    plan = plan_of(whole_flow(), on_failure="undo", deadline_h=24, says="Shipping", version=3)

    again = Plan.from_json(json.loads(json.dumps(plan.to_json())))

    assert again == plan
    assert again.hash == plan.hash


def test_a_plan_of_another_format_is_not_guessed_at() -> None:
    data = {**plan_of(check).to_json(), "format": 99}

    with pytest.raises(ValueError, match="format 99"):
        Plan.from_json(data)


def test_whom_questions_are_for_survives_json() -> None:
    asks = approval("Ship?", people=2, not_by_starter=True, group="treasury", severity="high")
    plan = plan_of(asks, group="support", severity="low")

    again = Plan.from_json(json.loads(json.dumps(plan.to_json())))

    assert again == plan
    assert again.by_name["approval"].people == 2
    assert (again.group, again.severity) == ("support", "low")


def test_a_plan_that_says_nothing_of_people_keeps_the_hash_of_an_earlier_time() -> None:
    plan = plan_of(approval("Ship?"))

    assert not {"group", "severity"} & set(plan.to_json())
    assert not {"people", "not_by_starter", "group"} & set(plan.to_json()["nodes"][0])


def test_the_same_declaration_has_the_same_hash() -> None:
    assert plan_of(whole_flow()).hash == plan_of(whole_flow()).hash


def test_a_whole_number_and_a_float_have_the_same_hash() -> None:
    assert plan_of(sleep(seconds=60)).hash == plan_of(sleep(minutes=1.0)).hash


def test_the_hash_is_the_same_in_another_process() -> None:
    source = (
        "from tests.flow.test_plan import plan_of, whole_flow; print(plan_of(whole_flow()).hash)"
    )

    printed = subprocess.run(
        [sys.executable, "-c", source],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=True,
    )

    assert printed.stdout.strip() == plan_of(whole_flow()).hash


@pytest.mark.parametrize(
    ("flow", "options"),
    [
        (series(check, page), {}),
        (series(check, call, page), {}),
        (parallel(check, call), {}),
        (series(check, call), {"version": 2}),
        (series(check, call), {"on_failure": "undo"}),
        (series(check, call), {"deadline_h": 1}),
        (series(check, call), {"says": "Shipping"}),
    ],
)
def test_every_difference_changes_the_hash(flow: Node, options: dict[str, Any]) -> None:
    assert plan_of(flow, **options).hash != plan_of(series(check, call)).hash


def test_a_plan_knows_who_follows_whom() -> None:
    plan = plan_of(series(check, parallel(label, page), call))

    assert plan.followers == {
        "check": ("label", "page"),
        "label": ("call",),
        "page": ("call",),
        "call": (),
    }


@pytest.mark.parametrize(
    ("tolerate", "failed", "total", "goes_on"),
    [
        (0.0, 0, 0, True),
        (0.0, 1, 1000, False),
        (0.29, 29, 100, True),
        (0.29, 30, 100, False),
        (1.0, 5, 5, True),
    ],
)
def test_a_map_tolerates_its_share_of_failures(
    tolerate: float, failed: int, total: int, goes_on: bool
) -> None:
    node = plan_of(series(split, for_each(split, pack, tolerate=tolerate))).by_name["pack"]

    assert node.tolerates(failed, total) is goes_on
