"""Replay: a new run like an earlier one, which keeps what that has finished."""

from __future__ import annotations

import pytest

from aiops.execution.replay import replay
from aiops.execution.resume import NotPossible, retry_from
from aiops.flow import PermanentInput
from aiops.models import Step
from tests.execution.engine import COMMITS, Engine, fresh, items, result, states, the_step, told
from tests.flows.script import Script

pytestmark = COMMITS


def test_a_replay_is_a_new_run_on_the_same_input(engine: Engine, script: Script) -> None:
    first = engine.run("line", input={"number": 5}, tenant="acme")

    second = replay(first.id, actor="ann")
    engine.work()

    assert (fresh(second).state, result(second), second.tenant) == ("succeeded", 7, "acme")
    assert second.id != first.id
    assert script.times("one") == 2


def test_a_replay_may_have_another_input(engine: Engine) -> None:
    first = engine.run("line", input={"number": 5})

    second = replay(first.id, actor="ann", input={"number": 8})
    engine.work()

    assert result(second) == 10


def test_a_replay_from_a_step_does_not_run_the_steps_before_it(
    engine: Engine, script: Script
) -> None:
    first = engine.run("line", input={"number": 5})
    script.clear()

    second = replay(first.id, actor="ann", from_step="three")
    engine.work()

    assert script.calls == ["three"]
    assert (fresh(second).state, result(second)) == ("succeeded", 7)


def test_a_kept_step_says_where_it_comes_from(engine: Engine) -> None:
    first = engine.run("line")

    second = replay(first.id, actor="ann", from_step="three")

    assert the_step(second, "one").copied_from == the_step(first, "one").id


def test_a_replay_of_one_branch_keeps_the_other(engine: Engine, script: Script) -> None:
    first = engine.run("diamond")
    script.clear()

    second = replay(first.id, actor="ann", from_step="left")
    engine.work()

    assert script.calls == ["left", "left_on", "total"]
    assert fresh(second).state == "succeeded"


def test_a_kept_effect_does_not_happen_again(engine: Engine, script: Script) -> None:
    first = engine.run("paid_blindly")
    script.clear()

    replay(first.id, actor="ann", from_step="thank")
    engine.work()

    assert script.calls == ["thank"]


def test_a_kept_map_keeps_its_items(engine: Engine, script: Script) -> None:
    first = engine.run("squares", input={"items": [1, 2, 3]})
    script.clear()

    second = replay(first.id, actor="ann", from_step="added")
    engine.work()

    assert script.calls == ["added"]
    assert (items(second, "square"), result(second)) == (["succeeded"] * 3, 14)


def test_a_kept_choice_keeps_its_branch(engine: Engine, script: Script) -> None:
    script.tell("side", "right")
    first = engine.run("fork")
    script.clear()

    second = replay(first.id, actor="ann", from_step="tell")
    engine.work()

    assert script.calls == ["tell"]
    assert states(second)["go_left"] == "skipped"


def test_a_failed_run_can_be_replayed_from_where_it_failed(engine: Engine, script: Script) -> None:
    script.tell("two", PermanentInput("no"))
    first = engine.run("line")
    script.clear()

    replay(first.id, actor="ann", from_step="two")
    engine.work()

    assert script.calls == ["two", "three"]


def test_a_replay_from_behind_a_failure_is_refused(engine: Engine, script: Script) -> None:
    script.tell("two", PermanentInput("no"))
    first = engine.run("line")

    with pytest.raises(NotPossible, match="has not finished two"):
        replay(first.id, actor="ann", from_step="three")


def test_a_replay_from_an_unknown_step_names_the_known_ones(engine: Engine) -> None:
    first = engine.run("line")

    with pytest.raises(NotPossible, match="one, two, three"):
        replay(first.id, actor="ann", from_step="four")


def test_a_replay_tells_who_of_what_and_why(engine: Engine) -> None:
    first = engine.run("line")

    second = replay(first.id, actor="ann", from_step="two", reason="new prompt")

    (event,) = told(second, "run.replays")
    assert event.actor == "ann"
    assert event.data == {"of": str(first.id), "start": "two", "reason": "new prompt"}
    assert second.replay_of_id == first.id


def test_a_replay_leaves_the_earlier_run_as_it_is(engine: Engine) -> None:
    first = engine.run("line")
    before = list(Step.objects.filter(run=first).order_by("id").values())

    replay(first.id, actor="ann", from_step="two")
    engine.work()

    assert list(Step.objects.filter(run=first).order_by("id").values()) == before


def test_a_kept_step_that_runs_again_is_no_copy_any_more(engine: Engine, script: Script) -> None:
    first = engine.run("line")
    script.tell("three", PermanentInput("no"))
    second = replay(first.id, actor="ann", from_step="three")
    engine.work()

    retry_from(second.id, "two", actor="ann")
    engine.work()

    assert the_step(second, "two").copied_from is None
    assert the_step(second, "one").copied_from is not None
