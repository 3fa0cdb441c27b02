"""Data is checked where it enters and leaves a step, and survives the way through JSON."""

from __future__ import annotations

import enum
import json
import math
import timeit
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from pydantic import BaseModel, ConfigDict, Field, computed_field

from aiops.flow import BadOutput, Decision, PermanentInput, StepContext, step, wait_for, workflow
from aiops.flow import data as borders
from aiops.flow.plan import Plan, PlanNode
from aiops.flow.steps import Step
from tests.flow.shipping import Label, Order, Paid, label, number, split

WHEN = datetime(2026, 11, 22, 12, tzinfo=UTC)


class Colour(enum.StrEnum):
    RED = "red"


@dataclass
class Point:
    x: int


class Rich(BaseModel):
    when: datetime = WHEN
    day: date = date(2026, 11, 22)
    span: timedelta = timedelta(hours=3)
    money: Decimal = Decimal("12.30")
    key: UUID = UUID(int=7)
    colour: Colour = Colour.RED
    tags: set[str] = {"a"}
    pair: tuple[int, str] = (1, "b")
    by_number: dict[int, str] = {1: "one"}
    point: Point = Point(3)


class Strict(Rich):
    model_config = ConfigDict(strict=True)


class Aliased(BaseModel):
    model_config = ConfigDict(extra="forbid", serialize_by_alias=True)

    order_id: str = Field(validation_alias="orderId", serialization_alias="order-id")

    @computed_field  # type: ignore[prop-decorator]  # as pydantic's own documentation does
    @property
    def shout(self) -> str:
        return self.order_id.upper()


@step
def rich(value: Rich) -> Rich:
    return value


@step
def strict(value: Strict) -> Strict:
    return value


@step
def aliased(value: Aliased) -> Aliased:
    return value


@step
def mixed(a: int, b: list[Label], context: StepContext) -> None: ...


@step
def text(a: int | None) -> None: ...


@step
def numbers() -> list[float]:
    return []


@step
def nothing() -> None: ...


def node_for(made: Step, **takes: str) -> PlanNode:
    return PlanNode(made.name, "step", takes=takes)


@pytest.mark.parametrize(
    ("made", "value"),
    [
        (rich, Rich()),
        (strict, Strict()),
        (aliased, Aliased.model_validate({"orderId": "a"})),
    ],
    ids=["every kind of field", "a strict model", "aliases and computed fields"],
)
def test_a_value_comes_out_as_it_went_in(made: Step, value: BaseModel) -> None:
    kept = json.loads(json.dumps(borders.result(made, value)))

    given = borders.arguments(node_for(made, value="earlier"), made, {"earlier": kept})

    assert given == {"value": value}


def test_arguments_are_built_from_their_sources() -> None:
    context = StepContext.sample()
    node = node_for(mixed, a="count", b="labels", context="context")
    values = {"count": 3, "labels": [{"text": "x"}], "context": context}

    given = borders.arguments(node, mixed, values)

    assert given == {"a": 3, "b": [Label(text="x")], "context": context}


def test_a_skipped_node_gives_none() -> None:
    assert borders.arguments(node_for(text, a="skipped"), text, {}) == {"a": None}


def test_an_argument_that_does_not_fit_is_named_without_its_content() -> None:
    node = node_for(mixed, a="count", b="labels", context="context")
    values = {"count": 3, "labels": [{"text": "x"}, {"txt": "secret"}], "context": None}

    with pytest.raises(PermanentInput) as caught:
        borders.arguments(node, mixed, values)

    assert caught.value.message == (
        "'mixed' cannot take 'labels' as its parameter 'b': 1.text: Field required"
    )


def test_a_parameter_that_was_removed_since_is_named() -> None:
    with pytest.raises(PermanentInput, match="'text' has no parameter 'gone' any more"):
        borders.arguments(node_for(text, gone="input"), text, {"input": {}})


@pytest.mark.parametrize(
    ("made", "value", "kept"),
    [
        (label, Label(text="x"), {"text": "x"}),
        (label, {"text": "x"}, {"text": "x"}),
        (split, ("a", "b"), ["a", "b"]),
        (nothing, None, None),
    ],
    ids=["a model", "its data", "a tuple for a list", "nothing"],
)
def test_a_result_is_kept_as_plain_json(made: Step, value: Any, kept: Any) -> None:
    assert borders.result(made, value) == kept


def mutated() -> Label:
    wrong = Label(text="x")
    wrong.text = 7  # type: ignore[assignment]  # what a careless author does
    return wrong


@pytest.mark.parametrize(
    ("made", "value", "message"),
    [
        (label, None, "the result of 'label' is not right: value: Input should be a valid"),
        (label, {"txt": 1}, "the result of 'label' is not right: text: Field required"),
        (label, mutated(), "the result of 'label' cannot be kept: "),
        (nothing, 3, "the result of 'nothing' is not right: value: Input should be None"),
        (numbers, [1.0, math.nan], "'numbers' gave what cannot be kept"),
        (numbers, [math.inf], "'numbers' gave what cannot be kept"),
        (split, ["a\x00b"], "'split' gave a text with a NUL character: remove it"),
        (numbers, list("abcdefgh"), r"\(and 3 more\)$"),
    ],
    ids=["none", "missing", "mutated", "not none", "nan", "infinity", "nul", "many"],
)
def test_a_result_that_is_not_what_was_announced_is_bad_output(
    made: Step, value: Any, message: str
) -> None:
    with pytest.raises(BadOutput, match=message) as caught:
        borders.result(made, value)

    assert caught.value.kind == "schema"


def test_half_a_character_cannot_be_kept() -> None:
    with pytest.raises(BadOutput):
        borders.result(split, ["\ud800"])


def test_a_backslash_that_only_looks_like_a_nul_is_kept() -> None:
    assert borders.result(split, ["\\u0000"]) == ["\\u0000"]


@pytest.mark.parametrize("value", [Order(id="a"), {"id": "a"}], ids=["a model", "its data"])
def test_a_run_is_started_with_a_model_or_its_data(value: Any) -> None:
    ship = workflow("ship", input=Order, flow=label)

    assert borders.accepted_input(ship, value) == {"id": "a", "lines": [], "urgent": False}


def test_an_input_from_json_may_belong_to_a_strict_model() -> None:
    strictly = workflow("strictly", input=Strict, flow=nothing)

    kept = borders.accepted_input(strictly, json.loads(Strict().model_dump_json()))

    assert Strict.model_validate_json(json.dumps(kept)) == Strict()


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({}, "the input of 'ship' is not right: id: Field required"),
        ("text", "the input of 'ship' is not right: value: Input should be an object"),
        ({"id": "a\x00"}, "gave a text with a NUL character"),
        ({("a", "b"): 1}, "the input of 'ship' cannot be read as JSON"),
    ],
    ids=["missing", "no object", "nul", "no json"],
)
def test_a_wrong_input_is_refused_before_the_run(value: Any, message: str) -> None:
    ship = workflow("ship", input=Order, flow=label)

    with pytest.raises(PermanentInput, match=message):
        borders.accepted_input(ship, value)


def test_an_event_is_checked_against_what_it_announces() -> None:
    wait = wait_for("order.paid", match="input.id", gives=Paid, timeout_h=1)
    ship = workflow("ship", input=Order, flow=wait)
    node = ship.plan.by_name["order_paid"]

    kept = borders.received_event(ship, node, {"pence": 5, "at": "2026-11-22T12:00:00Z"})

    assert kept == {"pence": 5, "at": "2026-11-22T12:00:00Z"}
    with pytest.raises(PermanentInput, match=r"the event 'order\.paid' is not right: pence"):
        borders.received_event(ship, node, {"at": "2026-11-22T12:00:00Z"})


def test_a_decision_is_kept_as_plain_json() -> None:
    kept = borders.decision(Decision(approved=True, by="ann", at=WHEN))

    assert kept == {"approved": True, "by": "ann", "note": "", "at": "2026-11-22T12:00:00Z"}


VALUES = {"input": {"id": "a", "n": 0}, "listing": {"rows": [1, {"x": 2}]}, "gone": None}


@pytest.mark.parametrize(
    ("path", "found"),
    [("input", VALUES["input"]), ("input.id", "a"), ("listing.rows", [1, {"x": 2}]), ("no", None)],
)
def test_a_source_is_followed_into_the_data(path: str, found: Any) -> None:
    assert borders.select(path, VALUES) == found


@pytest.mark.parametrize("path", ["input.nothing", "input.id.deeper", "gone.rows", "no.rows"])
def test_a_source_that_leads_nowhere_is_named(path: str) -> None:
    with pytest.raises(PermanentInput, match=f"'{path}' has no "):
        borders.select(path, VALUES)


def test_items_are_a_list() -> None:
    assert borders.items(PlanNode("m", "map", items="listing.rows"), VALUES) == [1, {"x": 2}]
    with pytest.raises(PermanentInput, match=r"'m' needs a list at 'input\.id', and got str"):
        borders.items(PlanNode("m", "map", items="input.id"), VALUES)


@pytest.mark.parametrize(("match", "key"), [("input.id", "a"), ("input.n", "0")])
def test_an_event_is_matched_by_text(match: str, key: str) -> None:
    assert borders.event_key(PlanNode("w", "wait_for", match=match), VALUES) == key


@pytest.mark.parametrize("match", ["listing", "listing.rows", "gone"])
def test_what_tells_nothing_apart_cannot_match_an_event(match: str) -> None:
    node = PlanNode("w", "wait_for", match=match, event="paid")

    with pytest.raises(PermanentInput, match="must be a text or a number to match 'paid'"):
        borders.event_key(node, VALUES)


@pytest.mark.parametrize(
    ("when", "holds"),
    [
        ((), True),
        ((("size", "big"),), True),
        ((("size", "small"),), False),
        ((("size", "big"), ("skipped", "x")), False),
    ],
)
def test_a_node_runs_only_in_the_branch_that_was_chosen(
    when: tuple[tuple[str, str], ...], holds: bool
) -> None:
    assert borders.holds(PlanNode("n", "step", when=when), {"size": "big"}) is holds


def test_the_output_is_one_result_or_several_by_name() -> None:
    values = {"a": 1, "b": 2}

    assert borders.output(Plan("w", 1, (), ("a",)), values) == 1
    assert borders.output(Plan("w", 1, (), ("a", "skipped")), values) == {"a": 1, "skipped": None}


def test_the_borders_of_a_step_cost_microseconds() -> None:
    node = node_for(number, line="item", order="input", context="context")
    values = {"item": "x", "input": {"id": "a"}, "context": StepContext.sample()}

    def once() -> None:
        borders.arguments(node, number, values)
        borders.result(number, "x")

    best_us = min(timeit.repeat(once, number=200, repeat=5)) / 200 * 1e6

    # About 5 on an idle machine; rebuilding the checks each time would cost hundreds.
    assert best_us < 150
