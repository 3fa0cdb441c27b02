"""A tree of nodes becomes a list in which each knows what it must wait for."""

from __future__ import annotations

from aiops.flow import (
    approval,
    choose,
    for_each,
    parallel,
    run_workflow,
    series,
    sleep,
    wait_for,
    workflow,
)
from aiops.flow.nodes import Node
from aiops.flow.plan import Plan
from tests.flow.shipping import (
    Order,
    anything,
    call,
    check,
    close,
    label,
    pack,
    page,
    split,
    urgency,
    weigh,
)


def plan_of(flow: Node) -> Plan:
    return workflow("ship", input=Order, flow=flow).plan


def needs_of(flow: Node) -> dict[str, tuple[str, ...]]:
    return {node.name: node.needs for node in plan_of(flow).nodes}


def test_a_series_needs_one_after_the_other() -> None:
    needs = needs_of(series(check, label, weigh))

    assert needs == {"check": (), "label": ("check",), "weigh": ("label",)}


def test_what_follows_a_parallel_needs_all_of_it() -> None:
    needs = needs_of(series(check, parallel(label, weigh), close))

    assert needs == {
        "check": (),
        "label": ("check",),
        "weigh": ("check",),
        "close": ("label", "weigh"),
    }


def test_a_series_inside_a_parallel_ends_with_its_last_step() -> None:
    needs = needs_of(series(parallel(series(check, label), weigh), close))

    assert needs == {
        "check": (),
        "label": ("check",),
        "weigh": (),
        "close": ("label", "weigh"),
    }


def test_groups_of_groups_are_unrolled_to_the_ground() -> None:
    needs = needs_of(series(series(parallel(parallel(check, label), weigh)), series(close)))

    assert needs["close"] == ("check", "label", "weigh")


def test_branches_need_the_choice_and_know_their_key() -> None:
    plan = plan_of(series(choose(urgency, {"now": series(page, call), "later": label}), close))

    assert plan.by_name["urgency"].branches == ("now", "later")
    assert plan.by_name["page"].needs == ("urgency",)
    assert plan.by_name["page"].when == (("urgency", "now"),)
    assert plan.by_name["call"].needs == ("page",)
    assert plan.by_name["call"].when == (("urgency", "now"),)
    assert plan.by_name["label"].when == (("urgency", "later"),)
    assert plan.by_name["close"].needs == ("call", "label")
    assert plan.by_name["close"].when == ()


def test_an_empty_branch_ends_at_the_choice() -> None:
    plan = plan_of(series(choose(urgency, {"now": page, "later": None}), close))

    assert plan.by_name["close"].needs == ("page", "urgency")


def test_choices_inside_choices_add_up_their_conditions() -> None:
    inner = choose(anything, {"a": call, "b": None})

    plan = plan_of(series(choose(urgency, {"now": series(page, inner), "later": None}), close))

    assert plan.by_name["anything"].when == (("urgency", "now"),)
    assert plan.by_name["call"].when == (("urgency", "now"), ("anything", "a"))
    assert plan.by_name["close"].needs == ("call", "anything", "urgency")


def test_a_parallel_inside_a_branch_gives_each_its_condition() -> None:
    plan = plan_of(choose(urgency, {"now": parallel(page, call), "later": None}))

    assert plan.by_name["page"].when == plan.by_name["call"].when == (("urgency", "now"),)
    assert plan.output == ("page", "call", "urgency")


def test_the_output_is_what_comes_last() -> None:
    assert plan_of(series(check, parallel(label, weigh))).output == ("label", "weigh")


def test_nodes_without_a_name_are_numbered() -> None:
    plan = plan_of(
        series(
            approval("A?"),
            approval("B?"),
            sleep(hours=1),
            sleep(days=1, minutes=1, seconds=1),
            wait_for("order.paid", match="input.id", timeout_h=1),
            run_workflow("bill"),
            run_workflow("bill"),
        )
    )

    assert [node.name for node in plan.nodes] == [
        "approval",
        "approval_2",
        "sleep",
        "sleep_2",
        "order_paid",
        "bill",
        "bill_2",
    ]


def test_a_number_never_meets_a_name_that_was_given() -> None:
    plan = plan_of(series(approval("A?"), approval("B?", name="approval_2"), approval("C?")))

    assert [node.name for node in plan.nodes] == ["approval", "approval_2", "approval_3"]


def test_a_map_is_named_after_its_step() -> None:
    plan = plan_of(series(split, for_each(split, pack, max_parallel=4, tolerate=0.5)))

    node = plan.by_name["pack"]

    assert (node.kind, node.items, node.max_parallel, node.tolerate) == ("map", "split", 4, 0.5)
    assert node.takes == {"item": "item"}
    assert node.code == "tests.flow.shipping:pack"


def test_waits_keep_what_they_wait_for() -> None:
    plan = plan_of(
        series(
            label,
            approval("Ship?", shows=(label, "input.id"), due_h=2, if_nobody="reject"),
            wait_for("order.paid", match="input.id", timeout_h=48),
            sleep(days=1, minutes=1, seconds=1),
            run_workflow("bill", input=label),
        )
    )

    ask, paid, pause, bill = (plan.by_name[n] for n in ("approval", "order_paid", "sleep", "bill"))

    assert (ask.question, ask.shows, ask.due_h) == ("Ship?", ("label", "input.id"), 2.0)
    assert (ask.if_nobody, ask.on_reject) == ("reject", "stop")
    assert (paid.event, paid.match, paid.timeout_h) == ("order.paid", "input.id", 48.0)
    assert pause.sleep_s == 86_461.0
    assert (bill.workflow, bill.input) == ("bill", "label")


def test_a_flow_may_be_one_step() -> None:
    assert needs_of(check) == {"check": ()}


def test_two_workflows_may_use_the_same_step() -> None:
    first = workflow("first", input=Order, flow=check)
    second = workflow("second", input=Order, flow=series(check, close))

    assert first.plan.by_name["check"] == second.plan.by_name["check"]
