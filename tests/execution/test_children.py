"""Child runs: one run as a step of another."""

from __future__ import annotations

import pytest

from aiops.execution.answer import answer
from aiops.execution.cancel import cancel
from aiops.execution.resume import retry, retry_from
from aiops.flow import PermanentInput
from aiops.flow.registry import registry
from aiops.models import Run
from tests.execution.engine import (
    COMMITS,
    Engine,
    error_of,
    fresh,
    question,
    result,
    states,
)
from tests.flows.script import Script

pytestmark = COMMITS


def children(run: Run) -> list[Run]:
    return list(Run.objects.filter(parent_step__run=run).order_by("created_at"))


def test_the_output_of_a_child_is_the_result_of_its_step(engine: Engine) -> None:
    run = engine.run("family", input={"number": 1})

    assert (run.state, result(run)) == ("succeeded", "child made 4")


def test_a_child_is_a_run_of_its_own_with_its_parents_tenant(engine: Engine) -> None:
    run = engine.run("family", tenant="acme", priority="batch")

    (child,) = children(run)
    assert (child.workflow, child.tenant, child.priority) == ("line", "acme", "batch")
    assert child.started_by == f"run {run.id}"


def test_a_parent_waits_for_its_child_without_a_message(engine: Engine) -> None:
    run = engine.start("family")
    engine.deliver(engine.letters.pop(0))
    engine.drop()

    assert (fresh(run).state, fresh(run).reason) == ("waiting", "line waits for its child run")


def test_a_child_that_fails_becomes_a_question_of_its_parent(
    engine: Engine, script: Script
) -> None:
    script.tell("two", PermanentInput("no"))

    run = engine.run("family")

    assert (run.state, question(run).kind) == ("attention", "child_failed")
    assert children(run)[0].state == "failed"


def test_a_retried_child_step_starts_a_new_child(engine: Engine, script: Script) -> None:
    script.tell("two", PermanentInput("no"))
    run = engine.run("family")

    answer(question(run).id, "retry", actor="ann")
    engine.work()

    assert fresh(run).state == "succeeded"
    assert [child.state for child in children(run)] == ["failed", "succeeded"]


def test_a_child_that_a_person_repaired_ends_the_question(engine: Engine, script: Script) -> None:
    script.tell("two", PermanentInput("no"))
    run = engine.run("family")

    retry(children(run)[0].id, actor="ann")
    engine.work()

    assert (fresh(run).state, result(run)) == ("succeeded", "child made 4")


def test_a_cancelled_parent_cancels_its_child(engine: Engine) -> None:
    run = engine.start("family")
    engine.deliver(engine.letters.pop(0))

    cancel(run.id, reason="enough", actor="ann")

    (child,) = children(run)
    assert (fresh(run).state, child.state) == ("cancelled", "cancelled")
    assert child.reason == "its parent stopped: enough"


def test_a_cancelled_child_becomes_a_question_of_its_parent(engine: Engine) -> None:
    run = engine.start("family")
    engine.deliver(engine.letters.pop(0))

    cancel(children(run)[0].id, reason="enough", actor="ann")

    assert (fresh(run).state, question(run).kind) == ("attention", "child_failed")


def test_a_rerun_before_the_child_stops_it(engine: Engine, script: Script) -> None:
    run = engine.start("family", input={"number": 1})
    engine.deliver(engine.letters.pop(0))
    engine.drop()
    script.tell("prepare", lambda: {"number": 50})

    retry_from(run.id, "prepare", actor="ann")
    engine.work()

    assert [child.state for child in children(run)] == ["cancelled", "succeeded"]
    assert result(run) == "child made 52"


def test_a_child_that_cannot_take_its_input_fails_its_step(engine: Engine) -> None:
    run = engine.run("misfit", input={"label": "many"})

    assert run.state == "failed"
    assert "pence" in error_of(run, "strict")["message"]


def test_a_child_whose_workflow_is_gone_becomes_a_question(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = engine.start("family")
    monkeypatch.delitem(registry._workflows, "line")

    engine.work()

    assert (fresh(run).state, question(run).kind) == ("attention", "code_gone")


def test_a_child_step_may_be_given_its_result(engine: Engine, script: Script) -> None:
    script.tell("two", PermanentInput("no"))
    run = engine.run("family")

    answer(question(run).id, "supply", actor="ann", result=9)
    engine.work()

    assert (states(run)["line"], result(run)) == ("succeeded", "child made 9")
