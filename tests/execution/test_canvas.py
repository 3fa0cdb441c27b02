"""What comes next, and which messages carry it: pure tables."""

from __future__ import annotations

from dataclasses import replace

import pytest

from aiops.execution.canvas import (
    MAX_LINKS,
    MAX_SEGMENT,
    Branch,
    Members,
    Ready,
    Vehicle,
    compile,
    ready,
)
from aiops.flow.plan import Plan
from tests.execution.plans import line, node, plan, views

FORK = plan(
    node("by", kind="choose", branches=("a", "b")),
    node("in_a", "by", when=(("by", "a"),)),
    node("deeper", "in_a", kind="choose", when=(("by", "a"),), branches=("x", "y")),
    node("in_x", "deeper", when=(("by", "a"), ("deeper", "x"))),
    node("in_b", "by", when=(("by", "b"),)),
    node("end", "in_x", "deeper", "in_b"),
)
DIAMOND = plan(
    node("top"), node("left", "top"), node("right", "top", pool="llm"), node("end", "left", "right")
)


def begun(made: Plan, chosen: dict[str, str] | None = None, **states: str) -> Ready:
    known = {entry.name: states.get(entry.name, "pending") for entry in made.nodes}
    return ready(made, known, chosen or {})


def sent(
    made: Plan, *names: str, members: tuple[Members, ...] = (), **states: str
) -> list[Vehicle]:
    return compile(made, views(made, **states), names, members)


def chain(branch: Branch) -> list[tuple[str, ...]]:
    """The names of a chain, segment by segment."""
    assert not isinstance(branch, Members)
    return [segment.names for segment in branch]


def members(name: str, count: int) -> Members:
    return Members("io", name, views(DIAMOND)["top"].id, count, 60)


# What is ready


def test_the_first_step_is_ready_at_once() -> None:
    assert begun(line("a", "b")).begin == ("a",)


@pytest.mark.parametrize("done", ["succeeded", "skipped"])
def test_a_step_is_ready_when_what_it_needs_is_done(done: str) -> None:
    assert begun(line("a", "b"), a=done).begin == ("b",)


@pytest.mark.parametrize(
    "state",
    ["pending", "queued", "running", "retrying", "waiting", "attention", "failed", "cancelled"],
)
def test_a_step_is_not_ready_while_what_it_needs_is_anything_else(state: str) -> None:
    assert "b" not in begun(line("a", "b"), a=state).begin


def test_branches_are_ready_together() -> None:
    assert begun(DIAMOND, top="succeeded").begin == ("left", "right")


def test_a_join_waits_for_its_last_branch() -> None:
    assert begun(DIAMOND, top="succeeded", left="succeeded", right="running").begin == ()


def test_what_has_begun_does_not_begin_again() -> None:
    assert begun(DIAMOND, top="succeeded", left="queued", right="failed") == Ready((), ())


def test_only_the_chosen_branch_begins() -> None:
    found = begun(FORK, {"by": "b"}, by="succeeded")

    assert found.begin == ("in_b",)


def test_the_branch_that_was_not_chosen_is_skipped_with_all_inside_it() -> None:
    found = begun(FORK, {"by": "b"}, by="succeeded")

    assert found.skip == ("in_a", "deeper", "in_x")


def test_what_follows_a_choice_begins_when_the_chosen_branch_is_done() -> None:
    skipped = {"in_a": "skipped", "deeper": "skipped", "in_x": "skipped"}

    assert begun(FORK, {"by": "b"}, by="succeeded", in_b="succeeded", **skipped).begin == ("end",)


def test_a_choice_inside_a_branch_is_honoured() -> None:
    found = begun(
        FORK,
        {"by": "a", "deeper": "y"},
        by="succeeded",
        in_a="succeeded",
        deeper="succeeded",
        in_b="skipped",
    )

    assert found == Ready(begin=("end",), skip=("in_x",))


def test_a_choice_that_a_person_skipped_skips_its_branches_and_goes_on() -> None:
    found = begun(FORK, {}, by="skipped")

    assert found == Ready(begin=("end",), skip=("in_a", "deeper", "in_x", "in_b"))


# Which messages carry it


def test_a_series_in_one_pool_is_one_message() -> None:
    (vehicle,) = sent(line("a", "b", "c"), "a")

    assert chain(vehicle.branches[0]) == [("a", "b", "c")]


def test_a_change_of_pool_begins_a_new_segment() -> None:
    (vehicle,) = sent(line("a", "b", "c", "d", pools="io io llm io"), "a")

    assert chain(vehicle.branches[0]) == [("a", "b"), ("c",), ("d",)]


def test_a_segment_knows_its_pool_and_its_steps() -> None:
    made = line("a", "b", pools="llm llm")

    ((segment,),) = sent(made, "a")[0].branches  # type: ignore[misc]  # one chain of one segment

    assert segment.pool == "llm"
    assert segment.steps == tuple(view.id for view in views(made).values())


def test_the_limit_of_a_message_is_the_sum_of_its_steps_and_a_margin() -> None:
    made = plan(node("a", timeout_s=10), node("b", "a", timeout_s=20))

    ((segment,),) = sent(made, "a")[0].branches  # type: ignore[misc]  # one chain of one segment

    assert segment.limit_s == 60


def test_a_message_carries_the_epoch_of_its_first_step() -> None:
    made = line("a", "b")
    known = views(made)
    known["a"] = replace(known["a"], epoch=3)

    ((segment,),) = compile(made, known, ["a"])[0].branches  # type: ignore[misc]  # as above

    assert segment.epoch == 3


def test_a_segment_is_cut_at_its_greatest_length() -> None:
    made = line(*(f"s{i}" for i in range(MAX_SEGMENT + 3)))

    (vehicle,) = sent(made, "s0")

    assert [len(names) for names in chain(vehicle.branches[0])] == [MAX_SEGMENT, 3]


def test_a_chain_is_cut_at_its_greatest_number_of_links() -> None:
    names = [f"s{i}" for i in range(MAX_LINKS + 4)]
    pools = " ".join("io" if i % 2 else "llm" for i in range(len(names)))

    (vehicle,) = sent(line(*names, pools=pools), "s0")

    assert chain(vehicle.branches[0]) == [(name,) for name in names[:MAX_LINKS]]


def test_branches_that_meet_share_a_chord() -> None:
    (vehicle,) = sent(DIAMOND, "left", "right", top="succeeded")

    assert [chain(branch) for branch in vehicle.branches] == [[("left",)], [("right",)]]


def test_a_chain_does_not_run_into_a_join() -> None:
    (vehicle,) = sent(DIAMOND, "left", top="succeeded", right="succeeded")

    assert chain(vehicle.branches[0]) == [("left",)]


def test_a_chain_does_not_run_into_a_parallel() -> None:
    (vehicle,) = sent(DIAMOND, "top")

    assert chain(vehicle.branches[0]) == [("top",)]


def test_branches_that_do_not_meet_travel_alone() -> None:
    made = plan(
        node("a"),
        node("b"),
        node("after_a", "a"),
        node("after_b", "b"),
        node("c"),
        node("end", "after_a", "c"),
        node("other_end", "after_b"),
    )

    found = sent(made, "a", "b", "c")

    assert [[chain(branch) for branch in vehicle.branches] for vehicle in found] == [
        [[("a", "after_a")], [("c",)]],
        [[("b", "after_b", "other_end")]],
    ]


def test_the_last_steps_of_a_run_share_a_chord() -> None:
    made = plan(node("a"), node("b"))

    (vehicle,) = sent(made, "a", "b")

    assert len(vehicle.branches) == 2


def test_a_parallel_inside_a_parallel_meets_at_its_own_join() -> None:
    made = plan(
        node("a"), node("b"), node("c"), node("inner", "a", "b"), node("outer", "inner", "c")
    )

    found = sent(made, "a", "b", "c")

    assert [[chain(branch) for branch in vehicle.branches] for vehicle in found] == [
        [[("a",)], [("b",)]],
        [[("c",)]],
    ]


def test_a_choice_never_leads_into_its_branch_by_itself() -> None:
    (vehicle,) = sent(FORK, "by")

    assert chain(vehicle.branches[0]) == [("by",)]


def test_a_chain_goes_on_inside_a_branch() -> None:
    (vehicle,) = sent(FORK, "in_a", by="succeeded")

    assert chain(vehicle.branches[0]) == [("in_a", "deeper")]


def test_a_branch_never_leads_out_of_its_choice_by_itself() -> None:
    made = plan(
        node("by", kind="choose", branches=("a",)),
        node("in_a", "by", when=(("by", "a"),)),
        node("end", "in_a"),
    )

    (vehicle,) = sent(made, "in_a", by="succeeded")

    assert chain(vehicle.branches[0]) == [("in_a",)]


@pytest.mark.parametrize("kind", ["map", "approval", "wait_for", "sleep", "child"])
def test_a_chain_stops_before_what_is_no_plain_step(kind: str) -> None:
    made = plan(node("a"), node("b", "a", kind=kind), node("c", "b"))

    (vehicle,) = sent(made, "a")

    assert chain(vehicle.branches[0]) == [("a",)]


@pytest.mark.parametrize("state", ["succeeded", "failed", "attention", "skipped"])
def test_a_chain_stops_before_a_step_that_is_not_pending(state: str) -> None:
    (vehicle,) = sent(line("a", "b"), "a", b=state)

    assert chain(vehicle.branches[0]) == [("a",)]


def test_the_members_of_a_map_are_one_vehicle() -> None:
    made = plan(node("top", kind="map"), node("end", "top"))

    (vehicle,) = sent(made, members=(members("top", 3),))

    assert vehicle.branches == (members("top", 3),)


def test_a_map_without_room_sends_nothing() -> None:
    made = plan(node("top", kind="map"))

    assert sent(made, members=(members("top", 0), members("top", -2))) == []


def test_a_map_shares_the_chord_of_the_branch_it_meets() -> None:
    made = plan(node("top", kind="map"), node("side"), node("end", "top", "side"))

    (vehicle,) = sent(made, "side", members=(members("top", 2),))

    assert len(vehicle.branches) == 2


def test_nothing_to_begin_sends_nothing() -> None:
    assert sent(DIAMOND) == []
