"""Where a run stands, as its steps show it: a table."""

from __future__ import annotations

from uuid import UUID

import pytest

from aiops.execution.board import Standing, standing
from aiops.execution.canvas import StepView
from aiops.models import Reason, RunState, StepState


def stands(*states: str, **reasons: str) -> Standing:
    """The standing of steps named a, b, c, ... in these states."""
    views = {
        name: StepView(UUID(int=i), state, reasons.get(name, ""))
        for i, (name, state) in enumerate(zip("abcdef", states, strict=False))
    }
    return standing(views, {})


@pytest.mark.parametrize(
    ("states", "expected"),
    [
        (["succeeded", "succeeded"], RunState.SUCCEEDED),
        (["succeeded", "skipped"], RunState.SUCCEEDED),
        (["succeeded", "attention", "running"], RunState.ATTENTION),
        (["queued", "running"], RunState.RUNNING),
        (["queued", "retrying"], RunState.QUEUED),
        (["retrying", "waiting"], RunState.RETRYING),
        (["waiting", "failed"], RunState.WAITING),
        (["failed", "cancelled", "pending"], RunState.FAILED),
        (["cancelled", "pending"], RunState.CANCELLED),
        (["succeeded", "pending"], RunState.QUEUED),
    ],
)
def test_a_run_is_where_its_most_urgent_step_is(states: list[str], expected: str) -> None:
    assert stands(*states).state == expected


@pytest.mark.parametrize("state", StepState.values)
def test_every_state_of_a_step_gives_a_state_of_its_run(state: str) -> None:
    assert stands(state).state in RunState.values


@pytest.mark.parametrize(
    ("reason", "sentence"),
    [
        (Reason.APPROVAL, "a waits for an approval"),
        (Reason.EVENT, "a waits for an event"),
        (Reason.TIMER, "a waits for its time"),
        (Reason.CHILD, "a waits for its child run"),
        (Reason.LANE, "a waits for its provider"),
    ],
)
def test_a_waiting_run_says_what_it_waits_for(reason: str, sentence: str) -> None:
    assert stands("waiting", a=reason) == Standing(RunState.WAITING, sentence)


def test_a_reason_names_the_steps() -> None:
    assert stands("failed", "succeeded", "failed").reason == "a, c failed"


def test_a_reason_names_three_steps_at_most() -> None:
    assert stands(*["attention"] * 5).reason == "a, b, c and more: a person must decide"


@pytest.mark.parametrize(
    ("items", "expected"),
    [
        ({"queued": 2, "succeeded": 3}, RunState.QUEUED),
        ({"running": 1, "queued": 2}, RunState.RUNNING),
        ({"retrying": 1, "failed": 2}, RunState.RETRYING),
        ({"attention": 1, "running": 2}, RunState.ATTENTION),
    ],
)
def test_an_open_map_is_where_its_items_are(items: dict[str, int], expected: str) -> None:
    views = {"m": StepView(UUID(int=1), "waiting", Reason.ITEMS)}

    assert standing(views, {"m": items}).state == expected


def test_a_finished_map_is_where_its_own_row_is() -> None:
    views = {"m": StepView(UUID(int=1), "succeeded")}

    assert standing(views, {"m": {"failed": 3}}).state == RunState.SUCCEEDED
