"""A provider's batch against the fault server: submitted once, found again, collected, booked, stopped."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest
from pytest_django.fixtures import Settings

from aiops.execution.cancel import cancel
from aiops.flow.errors import PermanentInput
from aiops.models import Attempt, Budget, CallContent, ModelCall, Run
from aiops.providers import batch, prices
from aiops.providers.models import Address
from aiops.providers.prices import Used
from tests.execution.engine import COMMITS, Engine, fresh, result, the_step, time_passes
from tests.execution.test_jobs import go_on, lose_the_worker
from tests.fault_server.control import FaultServer
from tests.flows.script import Script

pytestmark = COMMITS

MAILS = [f"mail number {number}" for number in range(5)]
WANTED = {"mails": MAILS}


@pytest.fixture(autouse=True)
def _settings(settings: Settings) -> None:
    settings.AIOPS_CAPTURE = {}
    settings.AIOPS_BUDGETS = {"all": 1.0}
    # Half a microdollar a token, in a batch.
    settings.AIOPS_PRICES = {"faulty": {"input": 1.0, "output": 1.0, "batch": 0.5}}


def the_call() -> ModelCall:
    return ModelCall.objects.get(kind="batch")


def asked(faults: FaultServer, path: str) -> int:
    return sum(entry["path"] == path for entry in faults.journal())


def money() -> tuple[int, int]:
    budget = Budget.objects.get(scope="all", day__isnull=False)
    return budget.reserved_microusd, budget.spent_microusd


def test_a_batch_is_submitted_waited_for_and_collected(engine: Engine, faults: FaultServer) -> None:
    run = engine.run("nightly", input=WANTED)
    step = the_step(run, "classify_all")
    assert (step.state, step.reason, step.handle) == ("waiting", "job", "batch-1")

    go_on(engine, run)
    assert the_step(run, "classify_all").progress == {"share": 0.0, "text": "0 of 5"}
    run = go_on(engine, run)

    assert result(run) == MAILS
    assert asked(faults, "/v1/batches") == 1


def test_it_is_booked_at_the_price_of_a_batch(engine: Engine, faults: FaultServer) -> None:
    run = engine.run("nightly", input=WANTED)
    reserved = the_call().reserved_microusd
    assert reserved is not None
    assert money() == (reserved, 0)

    run = go_on(engine, run, 2)

    # Four tokens each way and question.
    call = the_call()
    assert (call.tokens_in, call.tokens_out, call.cost_microusd) == (15, 15, 15)
    assert (call.outcome, call.request_id, call.finish_reason) == (
        *("answered", "batch-1"),
        "5 of 5 answered",
    )
    assert money() == (0, 15)
    costs = (
        Attempt.objects.filter(run=run).order_by("number").values_list("cost_microusd", flat=True)
    )
    assert list(costs) == [None, 15]


def test_questions_fail_one_by_one(engine: Engine, faults: FaultServer) -> None:
    faults.script(
        {"prompt": "number 1", "then": "400"},
        {"prompt": "number 3", "then": "length"},
    )

    run = go_on(engine, engine.run("nightly", input=WANTED), 2)

    assert result(run) == [MAILS[0], None, MAILS[2], None, MAILS[4]]
    assert the_call().finish_reason == "4 of 5 answered"


def test_a_crash_between_submitting_and_recording_pays_once(
    engine: Engine, faults: FaultServer, script: Script
) -> None:
    class Killed(BaseException):
        pass

    script.tell("classify_all", Killed())
    run = engine.start("nightly", input=WANTED)
    with pytest.raises(Killed):
        engine.work()
    lose_the_worker(engine, run)
    assert (the_call().outcome, the_call().is_uncertain) == ("lost", True)

    run = go_on(engine, fresh(run), 3)

    assert result(run) == MAILS
    assert asked(faults, "/v1/batches") == 1
    assert (the_call().outcome, the_call().is_uncertain, the_call().cost_microusd) == (
        *("answered", False),
        15,
    )
    assert money() == (0, 15)


def test_an_answer_that_was_lost_on_its_way_is_looked_for(
    engine: Engine, faults: FaultServer
) -> None:
    faults.script({"prompt": "batch ", "faults": ["drop-after"]})
    run = engine.run("nightly", input=WANTED)
    # It was looked for at once.
    step = the_step(run, "classify_all")
    assert (step.state, step.reason, step.handle) == ("waiting", "job", "batch-1")

    run = go_on(engine, run, 2)

    assert result(run) == MAILS
    assert asked(faults, "/v1/batches") == 1
    assert money() == (0, 15)


def test_a_batch_that_never_arrived_is_submitted_and_costs_nothing_twice(
    engine: Engine, faults: FaultServer
) -> None:
    faults.script({"prompt": "batch ", "faults": ["502"]})
    run = engine.run("nightly", input=WANTED)

    run = go_on(engine, run, 3)

    assert result(run) == MAILS
    outcomes = ModelCall.objects.order_by("id").values_list("outcome", "cost_microusd")
    assert list(outcomes) == [("transient", 0), ("answered", 15)]
    assert money() == (0, 15)


def test_a_batch_that_is_refused_leaves_no_money_held_back(
    engine: Engine, faults: FaultServer
) -> None:
    faults.script({"prompt": "batch ", "faults": ["401"]})

    run = engine.run("nightly", input=WANTED)

    assert fresh(run).state == "attention"
    assert ModelCall.objects.count() == 0
    assert money() == (0, 0)


def test_a_run_that_is_stopped_stops_its_batch(engine: Engine, faults: FaultServer) -> None:
    run = engine.run("nightly", input=WANTED)

    cancel(run.id, reason="no", actor="ann")
    engine.work()

    assert fresh(run).state == "cancelled"
    with pytest.raises(PermanentInput, match="was stopped"):
        batch.look("batch-1")


def test_a_batch_that_came_to_nothing_fails_its_step_and_frees_its_money(
    engine: Engine, faults: FaultServer
) -> None:
    run = engine.run("nightly", input=WANTED)
    batch.cancel("batch-1")

    run = go_on(engine, run)

    assert (run.state, the_step(run, "classify_all").handle) == ("failed", None)
    assert money() == (0, 0)


def test_a_budget_without_room_submits_nothing(
    engine: Engine, faults: FaultServer, settings: Settings
) -> None:
    settings.AIOPS_BUDGETS = {"all": 0.000001}

    run = engine.run("nightly", input=WANTED)

    step = the_step(run, "classify_all")
    assert (step.state, step.reason) == ("waiting", "budget")
    assert faults.journal() == []


def test_its_texts_are_kept_by_policy(engine: Engine, faults: FaultServer) -> None:
    run = engine.run("nightly", input={"mails": ["from ada@example.com", "another"]})
    go_on(engine, run, 2)

    kept: Any = CallContent.objects.get(call=the_call().pk).value
    assert [turn["content"] for turn in kept["conversation"]] == ["from <email>", "another"]
    assert kept["answer"] == "from <email>\n\nanother"


def test_outside_of_the_engine_a_batch_has_no_record(faults: FaultServer) -> None:
    handle = batch.submit(["one", "two"], reference=str(uuid4()), max_tokens=5)
    while not batch.look(handle).is_over:
        pass

    assert [one.text for one in batch.collect(handle, 3)] == ["one", "two", ""]
    assert batch.collect(handle, 3)[2].error
    assert (ModelCall.objects.count(), Run.objects.count()) == (0, 0)


def test_a_listed_price_is_halved_and_an_own_one_only_where_that_is_said(
    settings: Settings,
) -> None:
    used = Used(1_000_000, 0)
    address = Address("https://api.openai.com/v1", "gpt-4o-mini")
    settings.AIOPS_PRICES = {}
    listed = prices.cost_microusd("x", address, used)
    assert listed
    assert prices.batch_microusd("x", address, used) == listed / 2

    settings.AIOPS_PRICES = {"x": {"input": 1.0}}
    assert prices.batch_microusd("x", address, used) == 1_000_000


def test_time_passes_for_nobody(engine: Engine, faults: FaultServer) -> None:
    """A batch that takes long is looked at again and again, and is one attempt."""
    faults.looks(6)
    run = engine.run("nightly", input=WANTED)

    for _ in range(7):
        time_passes(run)
        engine.work()

    assert result(run) == MAILS
    assert Attempt.objects.filter(run=run).count() == 2
