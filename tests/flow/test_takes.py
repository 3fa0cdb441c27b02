"""A parameter is named after what it needs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from pydantic import BaseModel

from aiops.flow import (
    Decision,
    StepContext,
    approval,
    choose,
    for_each,
    run_workflow,
    series,
    sleep,
    step,
    wait_for,
    workflow,
)
from aiops.flow.nodes import Node
from aiops.flow.steps import Step
from tests.flow.shipping import (
    Label,
    Order,
    Paid,
    call,
    label,
    number,
    pack,
    page,
    receipt,
    record,
    relabel,
    report,
    split,
    urgency,
)


class HTTPOrder(BaseModel):
    order: Order
    batches: list[list[Order]]
    extra: dict[str, list[str]]


@step
def by_word(input: Order) -> None: ...


@step
def by_class(order: Order) -> None: ...


@step
def by_type(whatever: Order) -> None: ...


@step
def by_context_type(ctx: StepContext) -> None: ...


@step
def by_snake(http_order: HTTPOrder) -> None: ...


@step
def with_the_branch(label: Label) -> None: ...


@step
def takes_input_by_type_and_item(whole: Order, piece: str) -> None: ...


@step
def takes_many(pack: list[str]) -> None: ...


@step
def takes_urgency(urgency: str) -> None: ...


@step
def takes_sleep(sleep: None) -> None: ...


@step
def first(item: list[Order]) -> None: ...


@step
def texts(item: str) -> None: ...


@step
def takes_anything(bill: int) -> None: ...


def takes_of(flow: Node, name: str, model: type[BaseModel] = Order) -> Mapping[str, str]:
    return workflow("ship", input=model, flow=flow).plan.by_name[name].takes


@pytest.mark.parametrize(
    ("taker", "takes"),
    [
        (by_word, {"input": "input"}),
        (by_class, {"order": "input"}),
        (by_type, {"whatever": "input"}),
        (by_context_type, {"ctx": "context"}),
    ],
    ids=lambda value: value.name if isinstance(value, Step) else "",
)
def test_the_input_and_the_context_are_known_by_name_or_type(
    taker: Step, takes: dict[str, str]
) -> None:
    assert takes_of(taker, taker.name) == takes


def test_the_input_is_known_by_its_class_in_snake_case() -> None:
    assert takes_of(by_snake, "by_snake", HTTPOrder) == {"http_order": "input"}


def test_an_earlier_result_is_known_by_its_step() -> None:
    assert takes_of(series(label, sleep(seconds=1), with_the_branch), "with_the_branch") == {
        "label": "label"
    }


def test_inside_its_branch_a_result_is_there() -> None:
    flow = choose(urgency, {"now": series(label, with_the_branch), "later": None})

    assert takes_of(flow, "with_the_branch") == {"label": "label"}


def test_outside_its_branch_a_result_may_be_none() -> None:
    flow = series(choose(urgency, {"now": page, "later": call}), report)

    assert takes_of(flow, "report") == {"page": "page", "call": "call"}


def test_an_item_is_taken_by_the_one_parameter_that_is_left() -> None:
    assert takes_of(for_each("input.lines", number), "number") == {
        "line": "item",
        "order": "input",
        "context": "context",
    }


def test_a_parameter_of_the_inputs_type_is_no_item() -> None:
    flow = for_each("input.lines", takes_input_by_type_and_item)

    assert takes_of(flow, "takes_input_by_type_and_item") == {"whole": "input", "piece": "item"}


def test_a_map_gives_a_list() -> None:
    flow = series(split, for_each(split, pack), takes_many)

    assert takes_of(flow, "takes_many") == {"pack": "pack"}


def test_an_approval_gives_a_decision() -> None:
    assert takes_of(series(approval("Ship?"), record), "record") == {"approval": "approval"}


def test_an_event_gives_what_it_announces() -> None:
    wait = wait_for("order.paid", match="input.id", gives=Paid, timeout_h=1)

    assert takes_of(series(wait, receipt), "receipt") == {"order_paid": "order_paid"}


def test_a_choice_gives_its_key() -> None:
    flow = series(choose(urgency, {"now": page, "later": None}), takes_urgency)

    assert takes_of(flow, "takes_urgency") == {"urgency": "urgency"}


def test_a_sleep_gives_none() -> None:
    assert takes_of(series(sleep(days=1), takes_sleep), "takes_sleep") == {"sleep": "sleep"}


def test_a_child_gives_its_output() -> None:
    ship = workflow("ship", input=Order, flow=label)

    outer = workflow("outer", input=Order, flow=series(run_workflow(ship), relabel))

    assert outer.types["ship"] is Label
    assert outer.plan.by_name["relabel"].takes == {"ship": "ship"}


def test_a_child_known_by_name_gives_anything() -> None:
    assert takes_of(series(run_workflow("bill"), takes_anything), "takes_anything") == {
        "bill": "bill"
    }


@pytest.mark.parametrize(("items", "do"), [("input.batches", first), ("input.extra.names", texts)])
def test_items_may_lie_deep(items: str, do: Any) -> None:
    plan = workflow("deep", input=HTTPOrder, flow=for_each(items, do)).plan

    assert plan.nodes[0].items == items


@pytest.mark.parametrize(
    ("flow", "output"),
    [
        (label, Label),
        (approval("Ship?"), Decision),
        (choose(urgency, {"now": label, "later": page}), dict[str, Any]),
        (series(split, for_each(split, pack, tolerate=0.1)), list[str | None]),
    ],
    ids=["a step", "an approval", "two ends", "a tolerant map"],
)
def test_a_workflow_knows_the_type_of_its_output(flow: Node, output: Any) -> None:
    assert workflow("ship", input=Order, flow=flow).output == output


def test_after_the_run_the_result_of_a_branch_may_be_none() -> None:
    ship = workflow("ship", input=Order, flow=choose(urgency, {"now": label, "later": None}))

    assert ship.types["label"] == Label | None
