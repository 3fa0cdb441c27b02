"""Budgets: reserved before it is spent, one question when it is used up, and going on when it is raised."""

from __future__ import annotations

import threading
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from pytest_django.fixtures import Settings

from aiops.execution import budgets, cancel
from aiops.execution.answer import answer
from aiops.execution.facts import load
from aiops.execution.resume import NotPossible
from aiops.execution.user_parts import seen_by_user
from aiops.flow import series, workflow
from aiops.flow.caller import Caller, calling
from aiops.flow.errors import BudgetSpent
from aiops.flow.plan import Plan
from aiops.flow.refusals import BadNode
from aiops.models import Attempt, Budget, Escalation, Event, ModelCall, Run, Step
from aiops.providers import budgets as limits
from aiops.providers.port import complete
from aiops.upkeep import ledger
from aiops.upkeep.prove import limbo
from tests.execution.engine import (
    COMMITS,
    Engine,
    error_of,
    fresh,
    question,
    the_step,
    time_passes,
    told,
)
from tests.fault_server.control import FaultServer
from tests.flows.script import Job, Script

pytestmark = COMMITS

#: One microdollar a token. A call of `think` may cost some 120, and does cost 6.
PRICES = {"faulty": {"input": 1.0, "output": 1.0}}


@pytest.fixture(autouse=True)
def priced(settings: Settings) -> None:
    settings.AIOPS_PRICES = PRICES
    settings.AIOPS_BUDGETS = {}
    limits.reread()


def spend(run_budget: str, microusd: int) -> None:
    """Let so much of a budget be spent already."""
    Budget.objects.filter(scope=run_budget).update(spent_microusd=microusd)


def of_run(run: Run) -> Budget:
    return Budget.objects.get(scope="run", name=str(run.id))


def poor(engine: Engine, *, limit: int = 100) -> Run:
    """A run that cannot pay for a single call."""
    run = engine.start("thrifty", input={"label": "tea"})
    Budget.objects.create(scope="run", name=str(run.id), limit_microusd=limit)
    engine.work()
    return fresh(run)


def test_a_run_within_its_budget_spends_from_it(engine: Engine, faults: FaultServer) -> None:
    run = engine.run("thrifty", input={"label": "tea"})

    budget = of_run(run)
    assert run.state == "succeeded"
    assert (budget.limit_microusd, budget.spent_microusd, budget.reserved_microusd) == (1000, 18, 0)


def test_a_budget_that_is_used_up_parks_the_step_and_asks_once(
    engine: Engine, faults: FaultServer
) -> None:
    run = poor(engine)

    step = the_step(run, "think")
    assert (step.state, step.reason, step.tries) == ("waiting", "budget", 0)
    assert (run.state, run.reason) == ("waiting", "think waits for its budget")
    asked = question(run)
    assert (asked.kind, asked.answers) == ("budget", ["raise_budget", "cancel"])
    assert "$0.00 of $0.0001 is spent" in asked.question
    assert faults.counts()["arrived"] == 0
    assert limbo(slack_s=-1) == []


def test_the_user_is_told_that_somebody_looks_at_it(engine: Engine, faults: FaultServer) -> None:
    seen = seen_by_user(load(poor(engine).id))

    assert seen.headline == "Being checked by our team"


def test_a_budget_is_declared_with_the_workflow_and_kept_with_its_plan() -> None:
    from tests.flows.paid import thinking, thrifty

    assert Plan.from_json(thrifty.plan.to_json()).budget_usd == 0.001
    assert "budget_usd" not in thinking.plan.to_json()


@pytest.mark.parametrize("wrong", [-1, "10", True, float("nan"), 2_000_000])
def test_a_budget_that_is_none_is_refused_when_it_is_declared(wrong: Any) -> None:
    from tests.flows.paid import conclude, think

    with pytest.raises(BadNode, match="budget_usd"):
        workflow("broke", input=Job, budget_usd=wrong, flow=series(think, conclude))


def test_raising_it_lets_the_step_go_on_and_tells_who_and_why(
    engine: Engine, faults: FaultServer
) -> None:
    run = poor(engine)

    woken = budgets.raise_limit(of_run(run).id, 5_000, actor="ann", reason="it is worth it")
    engine.work()

    assert woken == 1
    assert fresh(run).state == "succeeded"
    (event,) = told(run, "budget.raised")
    assert (event.actor, event.data["reason"]) == ("ann", "it is worth it")
    assert (event.data["was_microusd"], event.data["to_microusd"]) == (100, 5_000)
    budget = of_run(run)
    assert (budget.raised_by, budget.why) == ("ann", "it is worth it")
    asked = Escalation.objects.get(run=run)
    assert (asked.state, asked.closed_why) == ("closed", "ann raised the budget")
    assert Attempt.objects.filter(run=run, step__name="think").count() == 2


def test_answering_the_question_raises_it_by_as_much_again(
    engine: Engine, faults: FaultServer
) -> None:
    run = poor(engine)

    answer(question(run).id, "raise_budget", actor="ann", note="go on")
    engine.work()

    assert of_run(run).limit_microusd == 10_000
    assert fresh(run).state == "succeeded"


def test_answering_it_with_cancel_ends_the_run(engine: Engine, faults: FaultServer) -> None:
    run = poor(engine)

    answer(question(run).id, "cancel", actor="ann", note="too dear")

    assert fresh(run).state == "cancelled"
    assert of_run(run).spent_microusd == 0


@pytest.mark.parametrize(
    ("to", "reason", "why"),
    [
        (100, "because", "raised, never lowered"),
        (50, "because", "raised, never lowered"),
        (500, " ", "say why"),
        (2_000_000_000_000, "because", "at most 1,000,000 dollars"),
    ],
)
def test_a_raise_that_is_none_is_refused_and_changes_nothing(
    engine: Engine, faults: FaultServer, to: int, reason: str, why: str
) -> None:
    run = poor(engine)

    with pytest.raises(NotPossible, match=why):
        budgets.raise_limit(of_run(run).id, to, actor="ann", reason=reason)

    assert of_run(run).limit_microusd == 100
    assert told(run, "budget.raised") == []
    assert question(run).state == "open"


# Budgets of a day


def tenants_limit(settings: Settings, microusd: int) -> None:
    settings.AIOPS_BUDGETS = {"tenants": {"acme": microusd / 1_000_000}}


def test_all_runs_of_a_tenant_share_its_day_and_one_question(
    engine: Engine, faults: FaultServer, settings: Settings
) -> None:
    tenants_limit(settings, 122)

    runs = [engine.run("thinking", tenant="acme") for _ in range(3)]
    other = engine.run("thinking", tenant="umbrella")

    assert [run.state for run in runs] == ["waiting"] * 3
    assert other.state == "succeeded"
    assert Escalation.objects.filter(state="open").count() == 1
    budget = Budget.objects.get(scope="tenant")
    assert (budget.name, budget.day) == ("acme", timezone.now().date())
    assert budgets.waiting(budget).runs == 3

    budgets.raise_limit(budget.id, 10_000, actor="ann", reason="a good customer")
    engine.work()

    assert {fresh(run).state for run in runs} == {"succeeded"}
    assert Escalation.objects.filter(state="open").count() == 0


def test_a_day_that_is_over_lets_them_go_on_by_themselves(
    engine: Engine, faults: FaultServer, settings: Settings
) -> None:
    tenants_limit(settings, 122)
    run = engine.run("thinking", tenant="acme")
    wake_at = the_step(run, "think").wake_at
    assert wake_at == limits.tomorrow(timezone.now().date())

    Budget.objects.update(day=timezone.now().date() - timedelta(days=1))
    tenants_limit(settings, 10_000)
    time_passes(run)
    engine.work()
    ledger.look_after()

    assert fresh(run).state == "succeeded"
    assert Escalation.objects.filter(state="open").count() == 0
    assert Budget.objects.filter(scope="tenant").count() == 2


def test_the_question_outlives_the_run_that_asked_it(
    engine: Engine, faults: FaultServer, settings: Settings
) -> None:
    tenants_limit(settings, 122)
    first, second = (engine.run("thinking", tenant="acme") for _ in range(2))
    assert question(first).kind == "budget"

    cancel.cancel(first.id, actor="ann", reason="test")
    ledger.look_after()
    ledger.look_after()

    assert Escalation.objects.filter(state="open").count() == 1
    assert question(second).kind == "budget"


def test_a_limit_set_by_a_person_takes_the_place_of_the_settings(
    engine: Engine, faults: FaultServer, settings: Settings
) -> None:
    settings.AIOPS_BUDGETS = {"workflows": {"thinking": 0.00001}}

    budgets.declare("workflow", "thinking", 5_000, actor="ann", reason="it is needed")
    limits.reread()
    run = engine.run("thinking")

    assert run.state == "succeeded"
    assert Budget.objects.get(scope="workflow", day__isnull=False).limit_microusd == 5_000
    event = Event.objects.get(kind="budget.declared")
    assert (event.run_id, event.actor) == (None, "ann")


@pytest.mark.parametrize(
    ("scope", "name", "why"),
    [("run", "x", "declared with its workflow"), ("all", "x", "no name"), ("tenant", "", "name a")],
)
def test_a_declaration_that_says_nothing_is_refused(scope: str, name: str, why: str) -> None:
    with pytest.raises(NotPossible, match=why):
        budgets.declare(scope, name, 5, actor="ann", reason="test")


# What is on its way


def caller(run: Any, **fields: Any) -> Caller:
    values = {
        "run_id": run,
        "step_id": uuid4(),
        "workflow": "w",
        "step": "s",
        "item": None,
        "attempt": 1,
        "tenant": "acme",
        "priority": "interactive",
        **fields,
    }
    return Caller(**values)


def test_five_concurrent_calls_cannot_pass_a_limit_that_one_would_reach(
    no_session_left: None, faults: FaultServer
) -> None:
    # Each may cost 120 or so; the budget has room for one of them at a time.
    faults.always("slow:0.5")
    run, results, ready = uuid4(), [], threading.Barrier(5)

    def ask() -> None:
        try:
            with calling(caller(run, budget_usd=0.00015)):
                ready.wait(10)
                results.append(complete("hello", max_tokens=100).text)
        except BudgetSpent as refused:
            results.append(refused.code)
        finally:
            connection.close()

    threads = [threading.Thread(target=ask) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(results) == ["hello", *["in_flight"] * 4]
    assert faults.counts()["arrived"] == 1
    budget = Budget.objects.get()
    assert (budget.spent_microusd, budget.reserved_microusd) == (2, 0)


def test_many_callers_together_never_spend_more_than_the_limit(
    no_session_left: None, faults: FaultServer
) -> None:
    run, sent = uuid4(), []

    def ask_again_and_again() -> None:
        try:
            for _ in range(10):
                try:
                    with calling(caller(run, budget_usd=0.0003)):
                        sent.append(complete("hello " * 10, max_tokens=60).tokens_out)
                except BudgetSpent:
                    continue
        finally:
            connection.close()

    threads = [threading.Thread(target=ask_again_and_again) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    budget = Budget.objects.get()
    assert budget.reserved_microusd == 0
    assert 0 < budget.spent_microusd <= 300
    assert budget.spent_microusd == sum(call.cost_microusd or 0 for call in ModelCall.objects.all())


def test_what_is_only_held_back_asks_nobody(engine: Engine, faults: FaultServer) -> None:
    run = engine.start("thrifty")
    Budget.objects.create(scope="run", name=str(run.id), limit_microusd=150, reserved_microusd=100)
    engine.work()

    step = the_step(run, "think")
    assert (step.reason, error_of(run, "think")["code"]) == ("budget", "in_flight")
    assert step.wake_at is not None
    assert step.wake_at < timezone.now() + timedelta(seconds=10)
    assert Escalation.objects.count() == 0

    Budget.objects.update(reserved_microusd=0)
    time_passes(run)
    engine.work()

    assert fresh(run).state == "succeeded"


def test_a_call_without_a_known_price_cannot_be_kept_in_a_budget(
    engine: Engine, faults: FaultServer, settings: Settings
) -> None:
    settings.AIOPS_PRICES = {}

    run = engine.run("thrifty")

    assert run.state == "attention"
    assert "AIOPS_PRICES" in question(run).question
    assert faults.counts()["arrived"] == 0


def test_a_run_without_a_budget_touches_none(engine: Engine, faults: FaultServer) -> None:
    engine.run("thinking")
    run = engine.start("thinking")

    with CaptureQueriesContext(
        connection,
    ) as queries:
        engine.work()

    assert fresh(run).state == "succeeded"
    assert [q["sql"] for q in queries if "aiops_budget" in q["sql"] and "day" not in q["sql"]] == []
    assert Budget.objects.count() == 0


def test_an_uncertain_spend_counts_against_the_budget(
    engine: Engine, faults: FaultServer, script: Script
) -> None:
    faults.script({"faults": ["drop-after"]})
    run = engine.run("thrifty", input={"label": "tea"})
    time_passes(run)
    engine.work()

    assert of_run(run).spent_microusd == 120 + 18
    assert of_run(run).reserved_microusd == 0


def test_items_of_a_map_wait_for_the_budget_and_go_on(
    engine: Engine, faults: FaultServer, settings: Settings
) -> None:
    tenants_limit(settings, 50)
    run = engine.run("surveying", input={"items": [1, 2, 3]}, tenant="acme")
    waiting = Step.objects.filter(run=run, item__isnull=False, reason="budget")
    assert waiting.count() == 3
    assert Escalation.objects.filter(state="open").count() == 1
    assert limbo(slack_s=-1) == []

    budgets.raise_limit(Budget.objects.get().id, 50_000, actor="ann", reason="go")
    engine.work()

    assert fresh(run).state == "succeeded"
