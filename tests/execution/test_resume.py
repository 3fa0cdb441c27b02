"""A person's verbs: retry, retry from, skip, supply, pause, resume. What succeeded is never run again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest

from aiops.execution import claim as claims
from aiops.execution.cancel import cancel
from aiops.execution.claim import Owner
from aiops.execution.resume import (
    NotPossible,
    pause,
    resume,
    retry,
    retry_from,
    skip,
    supply,
)
from aiops.flow import Ambiguous, PermanentInput
from aiops.models import Run, Step
from tests.execution.engine import (
    COMMITS,
    Engine,
    at_random,
    fresh,
    meanwhile,
    question,
    result,
    reversed_order,
    states,
    the_step,
    time_passes,
    told,
)
from tests.flows.script import Script

pytestmark = COMMITS

NO = PermanentInput("no")


def failed_at(engine: Engine, script: Script, name: str, workflow: str = "line") -> Run:
    script.tell(name, NO)
    return engine.run(workflow)


# Retry


def test_a_retry_keeps_what_succeeded(engine: Engine, script: Script) -> None:
    run = failed_at(engine, script, "two")

    found = retry(run.id, actor="ann", reason="fixed")
    engine.work()

    assert found == ["two"]
    assert script.calls == ["one", "two", "two", "three"]
    assert fresh(run).state == "succeeded"


def test_a_retry_brings_a_failed_run_back(engine: Engine, script: Script) -> None:
    run = failed_at(engine, script, "two")

    retry(run.id, actor="ann")

    assert (fresh(run).state, fresh(run).finished_at) == ("queued", None)


def test_a_retry_makes_older_messages_stale(engine: Engine, script: Script) -> None:
    script.tell("one", NO)
    run = engine.start("line")
    (late,) = engine.letters
    engine.work()

    retry(run.id, actor="ann")
    engine.deliver(late)

    assert engine.deliveries[-1].value == "stale"


def test_a_retry_of_named_steps_leaves_the_others(engine: Engine, script: Script) -> None:
    script.tell("left", NO)
    script.tell("right", NO)
    run = engine.run("diamond")

    retry(run.id, actor="ann", names=["left"])
    engine.work()

    assert (states(run)["left_on"], states(run)["right"]) == ("succeeded", "failed")


def test_a_retry_of_a_step_that_has_not_failed_is_refused(engine: Engine, script: Script) -> None:
    run = failed_at(engine, script, "two")

    with pytest.raises(NotPossible, match="one: not failed"):
        retry(run.id, actor="ann", names=["one"])


def test_a_retry_of_an_unknown_step_names_the_known_ones(engine: Engine, script: Script) -> None:
    run = failed_at(engine, script, "two")

    with pytest.raises(NotPossible, match="one, two, three"):
        retry(run.id, actor="ann", names=["four"])


def test_a_retry_of_a_run_that_only_waits_is_refused(engine: Engine) -> None:
    run = engine.run("letter")

    with pytest.raises(NotPossible, match="no step of it has failed"):
        retry(run.id, actor="ann")


# Retry from


def test_a_retry_from_a_step_runs_it_and_all_after_it(engine: Engine, script: Script) -> None:
    run = failed_at(engine, script, "three")

    found = retry_from(run.id, "two", actor="ann")
    engine.work()

    assert found == ["two", "three"]
    assert script.calls == ["one", "two", "three", "two", "three"]
    assert fresh(run).state == "succeeded"


def test_a_retry_from_a_branch_keeps_the_other(engine: Engine, script: Script) -> None:
    run = failed_at(engine, script, "total", "diamond")

    retry_from(run.id, "left", actor="ann")
    engine.work()

    assert (script.times("left"), script.times("left_on"), script.times("right")) == (2, 2, 1)


def test_a_retry_from_a_choice_may_take_another_branch(engine: Engine, script: Script) -> None:
    script.tell("side", "right", "left")
    run = failed_at(engine, script, "tell", "fork")

    retry_from(run.id, "side", actor="ann")
    engine.work()

    assert result(run) == [1, None, None]
    assert states(run)["go_right"] == "skipped"


def test_a_retry_from_before_an_effect_that_went_out_is_refused(
    engine: Engine, script: Script
) -> None:
    run = failed_at(engine, script, "thank", "paid_blindly")

    with pytest.raises(NotPossible, match="pay went out already"):
        retry_from(run.id, "pay", actor="ann")

    assert states(run)["pay"] == "succeeded"


def test_an_effect_that_went_out_is_repeated_where_a_person_insists(
    engine: Engine, script: Script
) -> None:
    run = failed_at(engine, script, "thank", "paid_blindly")

    retry_from(run.id, "pay", actor="ann", override=True)
    engine.work()

    assert script.times("pay") == 2


def test_an_effect_in_doubt_counts_as_gone_out(engine: Engine, script: Script) -> None:
    script.tell("pay", Ambiguous("no answer"))
    run = engine.run("paid_blindly")

    with pytest.raises(NotPossible, match="pay went out"):
        retry_from(run.id, "pay", actor="ann")


def test_an_effect_that_did_not_go_out_is_no_obstacle(engine: Engine, script: Script) -> None:
    run = failed_at(engine, script, "pay", "paid_blindly")

    retry_from(run.id, "pay", actor="ann")
    engine.work()

    assert fresh(run).state == "succeeded"


def test_a_retry_from_a_step_that_runs_is_refused(engine: Engine) -> None:
    run = engine.start("line")
    step = the_step(run, "one")
    claims.claim(run_id=run.id, step_id=step.id, epoch=0, owner=Owner("other/1", "t"))

    with pytest.raises(NotPossible, match="one is running"):
        retry_from(run.id, "one", actor="ann")


def test_a_retry_from_before_a_question_asks_it_again(engine: Engine) -> None:
    run = engine.run("letter")
    first = question(run)

    retry_from(run.id, "compose", actor="ann")
    engine.work()

    first.refresh_from_db()
    assert first.state == "closed"
    assert question(run).id != first.id


# Skip


def test_a_skipped_step_leaves_a_partial_run(engine: Engine) -> None:
    run = engine.run("nap")

    skip(run.id, "sleep", actor="ann", reason="no time")
    engine.work()

    assert (fresh(run).state, fresh(run).reason) == ("partial", "without sleep")


def test_a_step_that_succeeded_cannot_be_skipped(engine: Engine, script: Script) -> None:
    run = failed_at(engine, script, "two")

    with pytest.raises(NotPossible, match="one is succeeded"):
        skip(run.id, "one", actor="ann", reason="no need")


def test_a_message_of_a_skipped_step_does_nothing(engine: Engine, script: Script) -> None:
    run = engine.start("paid_blindly")

    skip(run.id, "pay", actor="ann", reason="it is free")
    engine.deliver(engine.letters.pop(0))

    assert script.times("pay") == 0


# Supply


def test_a_supplied_result_is_what_the_next_step_takes(engine: Engine, script: Script) -> None:
    run = failed_at(engine, script, "two")

    supply(run.id, "two", 40, actor="ann", reason="by hand")
    engine.work()

    assert result(run) == 41


def test_a_supplied_result_must_have_the_steps_type(engine: Engine, script: Script) -> None:
    run = failed_at(engine, script, "two")

    with pytest.raises(NotPossible, match="not a result of two"):
        supply(run.id, "two", "many", actor="ann")

    assert states(run)["two"] == "failed"


def test_a_supplied_choice_must_name_a_branch(engine: Engine, script: Script) -> None:
    script.tell("side", NO)
    run = engine.run("fork")

    with pytest.raises(NotPossible, match="not a result of side"):
        supply(run.id, "side", "nowhere", actor="ann")


def test_a_supplied_decision_must_be_one(engine: Engine) -> None:
    run = engine.run("letter")

    with pytest.raises(NotPossible, match="not a result of agree"):
        supply(run.id, "agree", "yes", actor="ann")


def test_a_result_cannot_be_supplied_twice(engine: Engine, script: Script) -> None:
    run = failed_at(engine, script, "two")
    supply(run.id, "two", 40, actor="ann")

    with pytest.raises(NotPossible, match="two is succeeded"):
        supply(run.id, "two", 41, actor="ann")


def test_a_result_supplied_to_a_question_closes_it(engine: Engine, script: Script) -> None:
    script.tell("fetch", KeyError("x"), KeyError("x"))
    run = engine.run("retried")
    time_passes(run)
    engine.work()
    asked = question(run)

    supply(run.id, "fetch", "by hand", actor="ann")

    asked.refresh_from_db()
    assert asked.state == "closed"


# Pause and resume


def test_a_paused_run_starts_no_step(engine: Engine, script: Script) -> None:
    run = engine.start("line")

    pause(run.id, actor="ann")
    engine.work()

    assert script.calls == []
    assert engine.letters == []


def test_a_run_paused_in_the_middle_ends_the_step_that_runs(engine: Engine, script: Script) -> None:
    run = engine.start("line")
    script.tell("one", meanwhile(pause, run.id, actor="ann"))

    engine.work()

    assert states(run) == {"one": "succeeded", "two": "pending", "three": "pending"}


@pytest.mark.parametrize("workflow", ["relay", "diamond", "fork"])
@pytest.mark.parametrize("order", [reversed_order, at_random(1)])
@pytest.mark.parametrize("keeps_messages", [True, False])
def test_a_resumed_run_goes_on_and_repeats_nothing(
    engine: Engine,
    script: Script,
    workflow: str,
    order: Callable[[list[Any]], int],
    keeps_messages: bool,
) -> None:
    run = engine.start(workflow)
    engine.deliver(engine.letters.pop(0))
    pause(run.id, actor="ann")
    if not keeps_messages:
        engine.work()

    resume(run.id, actor="ann")
    engine.work(order)

    assert fresh(run).state == "succeeded"
    assert len(script.calls) == len(set(script.calls))


def test_pausing_twice_is_one_pause(engine: Engine) -> None:
    run = engine.start("line")
    pause(run.id, actor="ann")
    pause(run.id, actor="bob")

    assert [event.actor for event in told(run, "run.paused")] == ["ann"]


def test_a_run_that_is_not_paused_cannot_be_resumed(engine: Engine) -> None:
    run = engine.start("line")

    with pytest.raises(NotPossible, match="not paused"):
        resume(run.id, actor="ann")


def test_a_run_that_has_ended_cannot_be_paused(engine: Engine) -> None:
    run = engine.run("line")

    with pytest.raises(NotPossible, match="succeeded"):
        pause(run.id, actor="ann")


# All of them


VERBS: list[tuple[str, Callable[[Run], object]]] = [
    ("run.retried", lambda run: retry(run.id, actor="ann", reason="why")),
    ("run.retried_from", lambda run: retry_from(run.id, "one", actor="ann", reason="why")),
    ("step.skipped", lambda run: skip(run.id, "two", actor="ann", reason="why")),
    ("step.supplied", lambda run: supply(run.id, "two", 1, actor="ann", reason="why")),
]


@pytest.mark.parametrize(("kind", "verb"), VERBS, ids=[kind for kind, _ in VERBS])
def test_every_verb_tells_who_did_it_and_why(
    engine: Engine, script: Script, kind: str, verb: Callable[[Run], object]
) -> None:
    run = failed_at(engine, script, "two")

    verb(run)

    (event,) = told(run, kind)
    assert event.actor == "ann"
    assert "why" in event.data.values()


@pytest.mark.parametrize(("kind", "verb"), VERBS, ids=[kind for kind, _ in VERBS])
def test_every_verb_refuses_a_run_that_was_cancelled(
    engine: Engine, kind: str, verb: Callable[[Run], object]
) -> None:
    run = engine.start("line")
    cancel(run.id, reason="enough", actor="bob")

    with pytest.raises(NotPossible, match="was cancelled"):
        verb(run)


@pytest.mark.parametrize(("kind", "verb"), VERBS, ids=[kind for kind, _ in VERBS])
def test_every_verb_refuses_a_run_that_has_succeeded(
    engine: Engine, kind: str, verb: Callable[[Run], object]
) -> None:
    run = engine.run("line")

    with pytest.raises(NotPossible, match="has succeeded"):
        verb(run)


@pytest.mark.parametrize(("kind", "verb"), VERBS, ids=[kind for kind, _ in VERBS])
def test_every_verb_refuses_an_unknown_run(
    engine: Engine, kind: str, verb: Callable[[Run], object]
) -> None:
    with pytest.raises(NotPossible, match="there is no run"):
        verb(Run(id=uuid4()))


def test_a_refused_verb_changes_nothing(engine: Engine, script: Script) -> None:
    run = failed_at(engine, script, "thank", "paid_blindly")
    before = list(Step.objects.filter(run=run).order_by("id").values())

    with pytest.raises(NotPossible):
        retry_from(run.id, "pay", actor="ann")

    assert list(Step.objects.filter(run=run).order_by("id").values()) == before
    assert told(run, "run.retried_from") == []


def test_a_paused_run_says_so_once_nothing_of_it_is_worked_on(
    engine: Engine, script: Script
) -> None:
    run = engine.start("line", input={"number": 1})
    states_seen: list[str] = []

    def stop_here() -> int:
        pause(run.id, actor="ann", reason="lunch")
        states_seen.append(fresh(run).state)
        return 1

    script.tell("one", stop_here)
    engine.work()

    paused = fresh(run)
    assert states_seen == ["running"]
    assert (paused.state, paused.reason) == ("waiting", "paused by ann: lunch")

    resume(run.id, actor="ann")
    engine.work()
    assert fresh(run).state == "succeeded"
