"""Branches that a step chooses."""

from __future__ import annotations

from tests.execution.engine import COMMITS, Engine, fresh, states
from tests.flows.script import Script

pytestmark = COMMITS


def test_only_the_chosen_branch_runs(engine: Engine, script: Script) -> None:
    script.tell("side", "right")

    run = engine.run("fork")

    assert run.state == "succeeded"
    assert script.calls == ["side", "go_right", "tell"]


def test_a_branch_that_was_not_chosen_is_skipped_with_all_inside_it(
    engine: Engine, script: Script
) -> None:
    script.tell("side", "right")

    run = engine.run("fork")

    skipped = {name for name, state in states(run).items() if state == "skipped"}
    assert skipped == {"go_left", "deeper", "go_deep"}


def test_an_empty_branch_leads_straight_on(engine: Engine, script: Script) -> None:
    script.tell("side", "none")

    engine.run("fork")

    assert script.calls == ["side", "tell"]


def test_a_choice_inside_a_branch_is_honoured(engine: Engine, script: Script) -> None:
    script.tell("side", "left")
    script.tell("deeper", "yes")

    engine.run("fork")

    assert script.calls == ["side", "go_left", "deeper", "go_deep", "tell"]


def test_a_run_that_skipped_a_branch_has_succeeded_in_full(engine: Engine) -> None:
    assert engine.run("fork").state == "succeeded"


def test_an_answer_that_names_no_branch_is_not_followed(engine: Engine, script: Script) -> None:
    script.tell("side", *["nowhere"] * 3)

    run = engine.run("fork")

    assert states(run)["tell"] == "pending"
    assert fresh(run).state == "attention"
