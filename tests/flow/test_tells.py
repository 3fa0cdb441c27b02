"""A workflow's own words for its user, and whose text may be seen while it is written."""

from __future__ import annotations

import json

import pytest

from aiops.flow import Tells, step
from aiops.flow import workflow as declare
from aiops.flow.plan import Plan
from aiops.flow.refusals import BadNode
from tests.flow.shipping import Order, check

SAYS = Tells(done="Your parcel is on its way.", waiting="Somebody looks at it.")


def test_a_workflows_words_survive_json() -> None:
    plan = declare("ship", input=Order, flow=check, tells=SAYS).plan

    again = Plan.from_json(json.loads(json.dumps(plan.to_json())))

    assert again.tells == SAYS
    assert again.hash == plan.hash


def test_a_plan_without_words_of_its_own_keeps_the_hash_of_an_earlier_time() -> None:
    plain = declare("ship", input=Order, flow=check).plan

    assert "tells" not in plain.to_json()
    assert "streams" not in plain.to_json()["nodes"][0]
    assert Plan.from_json(plain.to_json()).tells == Tells()


def test_words_of_a_later_time_are_nothing_to_this_one() -> None:
    assert Tells.from_json({"done": "Sent.", "sung": "La."}) == Tells(done="Sent.")


@pytest.mark.parametrize("said", [None, 3, "x" * 301])
def test_words_that_nobody_could_read_are_refused(said: object) -> None:
    with pytest.raises(BadNode, match="tells=done"):
        declare("ship", input=Order, flow=check, tells=Tells(done=said))  # type: ignore[arg-type]


@step(streams=True)
def write(order: Order) -> str:
    return order.id


def test_the_plan_says_whose_text_users_may_see() -> None:
    plan = declare("write", input=Order, flow=write).plan

    assert Plan.from_json(plan.to_json()).by_name["write"].streams
    assert not declare("ship", input=Order, flow=check).plan.by_name["check"].streams
