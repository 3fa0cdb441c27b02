"""A workflow runs in memory, so that its author can test it in milliseconds."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from aiops.flow import (
    Decision,
    PermanentInput,
    approval,
    choose,
    for_each,
    parallel,
    run_workflow,
    series,
    sleep,
    step,
    wait_for,
    workflow,
)
from aiops.flow.inline import InlineResult, run_inline
from aiops.flow.nodes import Node
from tests.flow.shipping import (
    Label,
    Order,
    Paid,
    call,
    check,
    close,
    label,
    number,
    pack,
    page,
    receipt,
    record,
    relabel,
    report,
    slow_urgency,
    urgency,
    weigh,
)

undone: list[str] = []


def unreserve(result: str) -> None:
    undone.append(result)


@step(undo=unreserve)
def reserve(order: Order) -> str:
    return f"reserved {order.id}"


@step(undo=unreserve)
def reserve_more(reserve: str) -> str:
    return f"{reserve} and more"


@step
def explode(order: Order) -> None:
    raise ConnectionRefusedError("nobody there")


@step
def lies(order: Order) -> Label:
    return "no label"  # type: ignore[return-value]  # what this test is about


@step
async def waits(order: Order) -> str:
    return order.id


def run(flow: Node, input: Any = None, **options: Any) -> InlineResult:
    declared = workflow(
        "ship", input=Order, flow=flow, on_failure=options.pop("on_failure", "keep")
    )
    return run_inline(declared, input or {"id": "a", "lines": ["x", "y"]}, **options)


def test_steps_run_in_order_and_their_results_are_plain_json() -> None:
    ended = run(series(parallel(check, label), weigh))

    assert ended.results == {"check": True, "label": {"text": "to a"}, "weigh": 2}
    assert ended.output == 2
    assert ended.succeeded


def test_several_last_steps_give_a_dict() -> None:
    assert run(parallel(check, weigh)).output == {"check": True, "weigh": 2}


def test_an_async_step_runs_too() -> None:
    assert run(waits).output == "a"


def test_a_map_keeps_the_order_of_its_items_and_tells_each_its_number() -> None:
    assert run(for_each("input.lines", number)).output == ["a/0/x", "a/1/y"]


def test_a_map_of_nothing_gives_nothing() -> None:
    assert run(for_each("input.lines", pack), {"id": "a"}).output == []


def test_a_tolerant_map_leaves_a_gap() -> None:
    order = {"id": "a", "lines": ["x", "broken", "y"]}

    assert run(for_each("input.lines", pack, tolerate=0.4), order).output == ["X", None, "Y"]


def test_a_map_that_tolerates_less_fails_with_the_first_error() -> None:
    ended = run(for_each("input.lines", pack), {"id": "a", "lines": ["x", "broken"]})

    assert ended.error is not None
    assert (ended.stopped_at, ended.error.message) == ("pack", "it is broken")


@pytest.mark.parametrize(
    ("urgent", "skipped", "output"), [(True, ("call",), "paged"), (False, ("page",), "called")]
)
def test_only_the_chosen_branch_runs(urgent: bool, skipped: tuple[str], output: str) -> None:
    flow = series(choose(urgency, {"now": page, "later": call}), report)

    ended = run(flow, {"id": "a", "urgent": urgent})

    assert (ended.skipped, ended.output) == (skipped, output)


def test_an_async_function_may_choose() -> None:
    assert run(choose(slow_urgency, {"now": page, "later": None})).results["page"] == "paged"


def test_a_choice_inside_a_branch_that_was_not_chosen_is_skipped_with_all_in_it() -> None:
    inner = choose(slow_urgency, {"now": call, "later": None})

    ended = run(choose(urgency, {"now": series(page, inner), "later": None}))

    assert ended.skipped == ("page", "slow_urgency", "call")


def test_people_approve_unless_told_otherwise() -> None:
    assert run(series(approval("Ship?"), record)).output == "inline: True"


def test_a_rejection_stops_the_run_without_an_error() -> None:
    ended = run(series(approval("Ship?"), record), approve=False)

    assert (ended.stopped_at, ended.error, ended.output) == ("approval", None, None)
    assert not ended.succeeded


def test_a_rejection_may_be_left_to_later_steps() -> None:
    decision = Decision(approved=False, by="ann", at=datetime.now(UTC))
    flow = series(approval("Ship?", on_reject="continue"), record)

    assert run(flow, approve={"approval": decision}).output == "ann: False"


def test_an_event_brings_its_data() -> None:
    flow = series(wait_for("order.paid", match="input.id", gives=Paid, timeout_h=1), receipt)
    paid = {"pence": 5, "at": "2026-11-22T12:00:00Z"}

    assert run(flow, events={"order.paid": paid}).output == 5


@pytest.mark.parametrize(
    ("flow", "options", "advice"),
    [
        (wait_for("paid", match="input.id", timeout_h=1), {}, "events={'paid': ...}"),
        (approval("Ship?"), {"approve": {}}, "approve={'approval': ...}"),
    ],
    ids=["event", "approval"],
)
def test_a_wait_that_nobody_answers_says_what_to_give(
    flow: Node, options: dict[str, Any], advice: str
) -> None:
    ended = run(flow, **options)

    assert ended.error is not None
    assert advice in ended.error.message


def test_a_sleep_takes_no_time() -> None:
    assert run(series(sleep(days=3), close)).output == "closed a"


def test_a_child_runs_inline_too() -> None:
    ship = workflow("ship", input=Order, flow=label)
    outer = workflow("outer", input=Order, flow=series(run_workflow(ship), relabel))

    assert run_inline(outer, {"id": "a"}).output == {"text": "to a!"}


@pytest.mark.parametrize(
    ("flow", "options", "why"),
    [
        (explode, {}, "stopped at 'explode': ConnectionRefusedError: nobody there"),
        (approval("Ship?"), {"approve": False}, "stopped at 'approval': it was rejected"),
    ],
    ids=["failed", "rejected"],
)
def test_a_child_that_stops_stops_its_parent(flow: Node, options: Any, why: str) -> None:
    workflow("inner", input=Order, flow=flow)
    outer = workflow("outer", input=Order, flow=run_workflow("inner"))

    ended = run_inline(outer, {"id": "a"}, **options)

    assert ended.error is not None
    assert (ended.stopped_at, ended.error.message) == ("inner", f"workflow 'inner' {why}")


def test_a_failure_ends_the_run_and_keeps_what_was_finished() -> None:
    ended = run(series(label, explode, close))

    assert ended.error is not None
    assert (ended.stopped_at, ended.error.word) == ("explode", "transient")
    assert ended.results == {"label": {"text": "to a"}}


def test_a_result_of_another_type_is_bad_output() -> None:
    ended = run(lies)

    assert ended.error is not None
    assert (ended.error.word, ended.error.kind) == ("bad_output", "schema")


def test_a_wrong_input_never_starts() -> None:
    with pytest.raises(PermanentInput, match="id: Field required"):
        run(label, {"lines": []})


@pytest.mark.parametrize(
    ("on_failure", "expected"),
    [("undo", ["reserved a and more", "reserved a"]), ("keep", [])],
)
def test_finished_steps_are_taken_back_when_the_workflow_says_so(
    on_failure: str, expected: list[str]
) -> None:
    undone.clear()

    ended = run(series(reserve, reserve_more, explode), on_failure=on_failure)

    assert undone == expected
    assert len(ended.undone) == len(expected)
