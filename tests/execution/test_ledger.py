"""The ledger: every call has its row, what was paid is not paid again, what is uncertain is booked."""

from __future__ import annotations

import threading
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone
from pytest_django.fixtures import Settings

from aiops.execution import recovery, resume
from aiops.execution.replay import replay
from aiops.flow.errors import BadOutput, Transient
from aiops.models import Attempt, ModelCall, PaidAnswer, Run, Step, call_moves
from aiops.upkeep import ledger
from tests.execution.engine import COMMITS, Engine, fresh, states, the_step, time_passes
from tests.fault_server.control import FaultServer
from tests.flows.script import Script

pytestmark = COMMITS

#: One microdollar a token, so that tokens can be counted in money.
PRICES = {"faulty": {"input": 1.0, "output": 1.0}}


@pytest.fixture(autouse=True)
def priced(settings: Settings) -> None:
    settings.AIOPS_PRICES = PRICES
    settings.AIOPS_BUDGETS = {}


def calls(run: Run) -> list[ModelCall]:
    return list(ModelCall.objects.filter(run=run).order_by("id"))


def told(run: Run, *names: str) -> list[Any]:
    return list(ModelCall.objects.filter(run=run).order_by("id").values_list(*names))


def go_on(engine: Engine, run: Run) -> Run:
    """Let the time of a retry come, and work."""
    time_passes(run)
    engine.work()
    return fresh(run)


def test_a_call_is_recorded_with_what_it_used_and_what_it_cost(
    engine: Engine, faults: FaultServer
) -> None:
    run = engine.run("thinking", input={"label": "tea"}, tenant="acme")

    first = calls(run)[0]
    assert (first.step_name, first.attempt, first.workflow, first.tenant) == (
        *("think", 1, "thinking", "acme"),
    )
    assert (first.alias, first.asked_model, first.model, first.kind) == (
        *("fast", "faulty", "faulty-2026", "chat"),
    )
    assert (first.outcome, first.finish_reason, first.purpose) == ("answered", "stop", "first")
    assert (first.tokens_in, first.tokens_out, first.cost_microusd) == (3, 3, 6)
    assert (first.cost_source, first.reserved_microusd, first.is_uncertain) == (
        "table",
        None,
        False,
    )
    assert first.request_id == f"chatcmpl-{faults.journal()[0]['number']}"
    assert first.provider_s is not None
    assert first.queue_s is not None
    assert first.lane


def test_an_attempt_costs_what_its_calls_cost(engine: Engine, faults: FaultServer) -> None:
    run = engine.run("thinking", input={"label": "tea"})

    costs = dict(Attempt.objects.filter(run=run).values_list("step__name", "cost_microusd"))
    assert costs == {"think": 18, "conclude": None}


def test_an_unknown_price_is_not_known_and_never_nothing(
    engine: Engine, faults: FaultServer, settings: Settings
) -> None:
    settings.AIOPS_PRICES = {}

    run = engine.run("thinking")

    assert told(run, "cost_microusd", "cost_source") == [(None, "unknown")] * 3
    assert Attempt.objects.get(step__name="think").cost_microusd is None


def test_a_model_that_is_free_by_the_table_costs_nothing_and_says_so(
    engine: Engine, faults: FaultServer, settings: Settings
) -> None:
    settings.AIOPS_PRICES = {"faulty": {"input": 0, "output": 0}}

    run = engine.run("thinking")

    assert (
        told(run, "cost_microusd", "cost_source", "reserved_microusd") == [(0, "table", None)] * 3
    )


# What was paid for is not paid again


def test_a_step_that_fails_later_does_not_pay_again_for_what_it_got(
    engine: Engine, faults: FaultServer, script: Script
) -> None:
    script.tell("think", Transient("the printer is on fire"))
    run = engine.run("thinking", input={"label": "tea"})

    run = go_on(engine, run)

    assert run.state == "succeeded"
    assert faults.counts()["computed"] == 3
    assert told(run, "attempt", "outcome", "cost_microusd") == [
        *[(1, "answered", 6)] * 3,
        *[(2, "reused", 0)] * 3,
    ]


def test_a_lost_answer_is_asked_for_again_and_only_that(
    engine: Engine, faults: FaultServer
) -> None:
    faults.script({"prompt": "tea 2", "faults": ["drop-after"]})
    run = engine.run("thinking", input={"label": "tea"})

    run = go_on(engine, run)

    assert run.state == "succeeded"
    assert faults.counts()["computed"] == 4
    assert told(run, "outcome", "purpose", "is_uncertain") == [
        *[("answered", "first", False)] * 2,
        ("ambiguous", "first", True),
        *[("reused", "first", False)] * 2,
        ("answered", "lost", False),
    ]
    lost = calls(run)[2]
    assert lost.cost_microusd is not None
    assert lost.cost_microusd >= 100
    assert lost.cost_source == "estimated"


def test_equal_questions_of_one_attempt_each_keep_their_own_answer(
    engine: Engine, faults: FaultServer, script: Script
) -> None:
    script.tell("sample", Transient("again"))
    run = engine.run("sampling")

    run = go_on(engine, run)

    assert run.state == "succeeded"
    first, second = calls(run)[:2]
    again = [call.memo_of for call in calls(run)[4:6]]
    assert again == [first.id, second.id]


def test_a_fresh_call_is_asked_anew_each_time(
    engine: Engine, faults: FaultServer, script: Script
) -> None:
    script.tell("sample", Transient("again"))

    go_on(engine, engine.run("sampling"))

    asked = [entry["prompt"] for entry in faults.journal()]
    assert asked.count("how late is it") == 2
    assert asked.count("one of many") == 2
    assert asked.count("a text another") == 1


def test_an_answer_that_the_step_tripped_over_is_asked_for_anew(
    engine: Engine, faults: FaultServer, script: Script
) -> None:
    script.tell("think", BadOutput("it rhymes", kind="check"))
    run = engine.run("thinking", input={"label": "tea"})

    go_on(engine, run)

    asked = [entry["prompt"] for entry in faults.journal()]
    assert asked.count("think of tea 0") == 1
    assert asked.count("think of tea 2") == 1
    assert [prompt for prompt in asked if "it rhymes" in prompt] == asked[-1:]
    assert calls(run)[-1].purpose == "repair"


def test_answers_are_never_shared_between_runs(engine: Engine, faults: FaultServer) -> None:
    engine.run("thinking", input={"label": "tea"})
    engine.run("thinking", input={"label": "tea"})

    assert faults.counts()["computed"] == 6


def test_what_a_person_runs_anew_is_asked_anew(engine: Engine, faults: FaultServer) -> None:
    faults.script({"prompt": "tea 2", "then": "400"})
    run = engine.run("thinking", input={"label": "tea"})
    faults.script()
    resume.retry(run.id, actor="ann", reason="the model is mended")
    engine.work()
    assert fresh(run).state == "succeeded"
    assert faults.counts()["computed"] == 3

    Run.objects.filter(id=run.id).update(state="failed", finished_at=timezone.now())
    resume.retry_from(run.id, "think", actor="ann", reason="once more")
    engine.work()

    assert faults.counts()["computed"] == 6


def test_a_replay_from_a_later_step_asks_nothing_again(
    engine: Engine, faults: FaultServer, script: Script
) -> None:
    script.tell("conclude", ValueError("no"), ValueError("no"))
    run = go_on(engine, engine.run("thinking"))
    assert run.state == "attention"

    resume.retry(run.id, actor="ann")
    engine.work()
    again = replay(run.id, actor="ann", from_step="conclude")
    engine.work()

    assert states(again)["conclude"] == "succeeded"
    assert faults.counts()["computed"] == 3


def test_answers_are_dropped_when_their_step_is_done(
    engine: Engine, faults: FaultServer, script: Script
) -> None:
    script.tell("think", Transient("again"))
    run = engine.run("thinking")
    assert PaidAnswer.objects.count() == 3

    go_on(engine, run)
    ledger.look_after()

    assert PaidAnswer.objects.count() == 0
    assert ModelCall.objects.filter(run=run).count() == 6


# Workers that are gone


def test_a_worker_killed_after_the_answer_and_before_the_record_books_uncertain_spend(
    engine: Engine, faults: FaultServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = engine.start("thinking", input={"label": "tea"})

    killed_before_settling(engine, monkeypatch)

    assert faults.counts()["completed"] == 1
    (open_,) = calls(run)
    assert (open_.outcome, open_.cost_microusd) == ("open", None)
    assert open_.reserved_microusd is not None

    Step.objects.filter(run=run, state="running").update(
        lease_until=timezone.now() - timedelta(seconds=1)
    )
    assert recovery.recover(recovery.expired(), "killed") == 1
    go_on(engine, run)

    lost, *others = calls(run)
    assert (lost.outcome, lost.is_uncertain, lost.cost_source) == ("lost", True, "estimated")
    assert lost.cost_microusd == open_.reserved_microusd
    assert [call.purpose for call in others] == ["lost"] * 3
    assert fresh(run).state == "succeeded"
    tried = Attempt.objects.filter(run=run, step__name="think").order_by("number")
    assert [(one.outcome, one.cost_microusd) for one in tried] == [
        ("lost", lost.cost_microusd),
        ("succeeded", 18),
    ]


class Killed(BaseException):
    """Stands for SIGKILL: nothing of the worker runs after it."""


def killed_before_settling(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run a message until its first answer is there, and never come back."""

    def die(*_: Any) -> bool:
        raise Killed

    with monkeypatch.context() as patched:
        patched.setattr(call_moves, "settle", die)
        with pytest.raises(Killed):
            engine.work()
    engine.drop()


def test_a_worker_that_was_only_thought_lost_corrects_what_was_booked(
    engine: Engine, faults: FaultServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = engine.start("thinking", input={"label": "tea"})
    settle = call_moves.settle

    def late(call: ModelCall) -> bool:
        call_moves.book_lost(call.step_id, call.attempt)
        return settle(call)

    monkeypatch.setattr(call_moves, "settle", late)
    engine.work()

    assert told(run, "outcome", "cost_microusd", "is_uncertain") == [("answered", 6, False)] * 3


def test_a_call_that_nobody_settled_is_booked_when_its_time_is_over(
    engine: Engine, faults: FaultServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = engine.start("thinking")
    killed_before_settling(engine, monkeypatch)
    ledger.look_after()
    assert calls(run)[0].outcome == "open"

    ModelCall.objects.update(over_at=timezone.now() - timedelta(seconds=1))
    ledger.look_after()

    assert calls(run)[0].outcome == "lost"


@pytest.mark.parametrize(
    ("fault", "outcome", "cost", "uncertain"),
    [
        ("503", "transient", 0, False),
        ("429:1", "rate_limited", 0, False),
        ("500", "transient", 120, True),
        ("content-filter", "permanent_input", 4, False),
        ("html", "bad_output", 120, True),
    ],
)
def test_a_failed_call_costs_what_it_can_have_cost(
    engine: Engine,
    faults: FaultServer,
    fault: str,
    outcome: str,
    cost: int,
    uncertain: bool,
) -> None:
    faults.script({"faults": [fault]})

    run = engine.run("thinking", input={"label": "tea"})

    first = calls(run)[0]
    assert (first.outcome, first.cost_microusd, first.is_uncertain) == (outcome, cost, uncertain)


def test_an_item_of_a_map_has_its_own_calls_and_cost(engine: Engine, faults: FaultServer) -> None:
    run = engine.run("surveying", input={"items": [1, 2, 3]})

    assert sorted(told(run, "item", "cost_microusd")) == [(0, 2), (1, 2), (2, 2)]
    costs = Attempt.objects.filter(run=run, step__name="ask_item").values_list(
        "cost_microusd", flat=True
    )
    assert list(costs) == [2, 2, 2]


def test_forty_calls_of_eight_threads_lose_no_answer(engine: Engine, faults: FaultServer) -> None:
    run = engine.start("surveying", input={"items": list(range(40))})
    faults.always("slow:0.02")

    def work() -> None:
        try:
            engine.work()
        finally:
            connection.close()

    while engine.letters:
        threads = [threading.Thread(target=work) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    assert fresh(run).state == "succeeded"
    assert faults.counts() == {"arrived": 40, "computed": 40, "completed": 40, "client_gone": 0}
    assert ModelCall.objects.filter(run=run, outcome="answered").count() == 40
    said = Step.objects.filter(run=run, name="ask_item", item__isnull=False).order_by("item")
    assert [step.result for step in said] == [f"item {number}" for number in range(40)]


def test_outside_of_the_engine_nothing_is_recorded(
    faults: FaultServer, transactional_db: None
) -> None:
    from aiops.providers.port import complete

    complete("hello")

    assert ModelCall.objects.count() == 0


def test_a_lane_that_lets_nothing_through_leaves_no_row(
    engine: Engine, faults: FaultServer
) -> None:
    from aiops.execution import lanes

    run = engine.run("thinking")
    lane = calls(run)[0].lane
    lanes.stop(lane, actor="ann", reason="test")

    second = engine.run("thinking")

    assert the_step(second, "think").reason == "lane"
    assert calls(second) == []
