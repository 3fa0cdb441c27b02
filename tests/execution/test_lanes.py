"""Lanes: what one refusal does to all steps of a provider, and how they go on."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.utils import timezone

from aiops.execution import lanes
from aiops.execution.answer import answer
from aiops.execution.answers import five_answers
from aiops.execution.cancel import cancel
from aiops.execution.line import line, wake
from aiops.execution.plans import plan
from aiops.execution.resume import NotPossible, pause
from aiops.flow.errors import PermanentInput
from aiops.models import Attempt, Escalation, Event, Run, Step, lane_moves
from aiops.providers.port import complete
from aiops.upkeep.prove import limbo
from tests.execution.engine import COMMITS, Engine, fresh, items, question, result, states, the_step
from tests.execution.lane_days import keep, lane, later, name_of, parked, provider
from tests.flows.script import Script
from tests.providers.stub import Stub, chat, error

pytestmark = COMMITS

BUSY = error(529, "overloaded_error")
NO_QUOTA = error(429, "insufficient_quota", "You exceeded your current quota")
SLOW_DOWN = error(429, "rate_limit_exceeded", "Slow down", retry_after="120")


@pytest.fixture
def stub(monkeypatch: pytest.MonkeyPatch) -> Iterator[Stub]:
    with provider(monkeypatch) as server:
        yield server


def started(engine: Engine, number: int, **options: str) -> list[Run]:
    return [engine.start("asked", input={"number": n}, **options) for n in range(number)]


def told_of(name: str) -> list[str]:
    found = Event.objects.filter(run=None, kind__startswith="lane.", data__lane=name)
    return list(found.order_by("id").values_list("kind", flat=True))


# Rate limits


def test_a_rate_limit_holds_the_whole_lane_and_the_others_park_without_a_call(
    engine: Engine, stub: Stub
) -> None:
    stub.answer(SLOW_DOWN)
    runs = started(engine, 20)

    engine.work()

    assert len(stub.requests) == 1
    assert parked() == 20
    assert set(Step.objects.values_list("tries", flat=True)) == {0}
    held = lane(stub)
    assert (held.state, held.cause) == ("held", "rate")
    assert held.held_until is not None
    assert abs((held.held_until - timezone.now()).total_seconds() - 120) < 10
    assert {fresh(run).state for run in runs} == {"waiting"}
    assert Escalation.objects.count() == 0
    assert limbo() == []


def test_after_the_reset_the_line_goes_on_with_a_ramp(engine: Engine, stub: Stub) -> None:
    stub.answer(SLOW_DOWN)
    runs = started(engine, 20)
    engine.work()
    stub.answer(chat("done"))

    keep(engine)
    assert parked() == 20
    later(stub, 121)
    keep(engine, looks=2)
    assert parked() == 17
    later(stub, 20)
    keep(engine, looks=3)

    assert parked() == 0
    assert [result(run) for run in runs] == ["done"] * 20
    assert lane(stub).state == "open"
    assert told_of(name_of(stub)) == ["lane.held", "lane.ramping", "lane.open"]


def test_a_rate_limit_beyond_its_patience_asks_about_the_step(engine: Engine, stub: Stub) -> None:
    stub.answer(error(429, "rate_limit_exceeded", "Come back", retry_after="90000"))

    run = engine.run("asked")

    assert question(run).kind == "waited_too_long"


def test_patience_ends_while_the_lane_is_held_again_and_again(engine: Engine, stub: Stub) -> None:
    stub.answer(SLOW_DOWN)
    run = engine.run("asked")
    later(stub, 86_400)
    Step.objects.filter(run=run).update(wake_at=timezone.now())

    keep(engine)

    assert question(run).kind == "waited_too_long"


# Quota, keys and addresses


def test_no_quota_stops_the_lane_with_one_question_and_nothing_fails(
    engine: Engine, stub: Stub
) -> None:
    stub.answer(NO_QUOTA)
    started(engine, 30)

    engine.work()
    keep(engine, looks=3)

    assert len(stub.requests) == 1
    assert parked() == 30
    asked = Escalation.objects.get()
    assert (asked.kind, asked.answers) == ("lane", ["resume_lane", "cancel"])
    assert "no quota" in asked.question
    assert lane(stub).cause == "quota"
    assert set(Attempt.objects.values_list("outcome", flat=True)) == {"parked"}
    assert limbo() == []


def test_the_answer_to_the_question_lets_all_of_them_go_on(engine: Engine, stub: Stub) -> None:
    stub.answer(NO_QUOTA)
    runs = started(engine, 4)
    engine.work()
    stub.answer(chat("paid"))
    asked = Escalation.objects.get()
    shown = plan(asked.run_id, "resume_lane", escalation=asked.id)

    answer(asked.id, "resume_lane", actor="ann", note="topped up")
    later(stub, 10)
    keep(engine, looks=2)

    assert shown.notes[0].startswith("4 steps of 4 runs will go on")
    assert [result(run) for run in runs] == ["paid"] * 4
    resumed = Event.objects.get(kind="lane.ramping")
    assert (resumed.actor, resumed.data["reason"]) == ("ann", "topped up")


def test_resuming_the_lane_closes_its_question(engine: Engine, stub: Stub) -> None:
    stub.answer(NO_QUOTA)
    engine.run("asked")

    number = lanes.resume(name_of(stub), actor="ann", reason="topped up")

    assert number == 1
    assert Escalation.objects.get().state == "closed"
    with pytest.raises(NotPossible, match="not held"):
        lanes.resume(name_of(stub), actor="ann", reason="again")


def test_a_lane_that_is_resumed_in_vain_stops_again_with_a_new_question(
    engine: Engine, stub: Stub
) -> None:
    stub.answer(NO_QUOTA)
    started(engine, 3)
    engine.work()
    lanes.resume(name_of(stub), actor="ann", reason="try")

    keep(engine, looks=2)

    assert len(stub.requests) == 2
    assert parked() == 3
    assert Escalation.objects.filter(state="open").count() == 1


def test_when_the_run_that_carried_the_question_is_cancelled_another_carries_it(
    engine: Engine, stub: Stub
) -> None:
    stub.answer(NO_QUOTA)
    started(engine, 2)
    engine.work()
    first = Escalation.objects.get()
    answer(first.id, "cancel", actor="ann")

    keep(engine)

    second = Escalation.objects.get(state="open")
    assert second.run_id != first.run_id


@pytest.mark.parametrize(
    ("reply", "cause"),
    [(error(401, "invalid_api_key"), "auth"), (error(404, "model_not_found"), "config")],
    ids=["key", "model"],
)
def test_a_refused_key_and_an_unknown_model_stop_the_lane_too(
    engine: Engine, stub: Stub, reply: object, cause: str
) -> None:
    stub.answer(reply)  # type: ignore[arg-type]  # a Reply
    started(engine, 5)

    engine.work()

    assert (len(stub.requests), lane(stub).cause) == (1, cause)


def test_a_key_that_is_not_set_stops_the_lane_before_anything_is_sent(
    engine: Engine, stub: Stub, settings: object
) -> None:
    entry = {"base_url": stub.url, "model": "m", "api_key_env": "NO_SUCH_KEY", "lane": "ours"}
    settings.AIOPS_MODELS = {"fast": entry}  # type: ignore[attr-defined]  # pytest-django's
    run = engine.run("asked")

    assert stub.requests == []
    assert (question(run).kind, the_step(run, "reply").lane) == ("lane", "ours")


def test_two_strangers_in_a_row_mean_a_wrong_address(engine: Engine, stub: Stub) -> None:
    stub.answer(chat("", choices=[]))
    run = engine.run("asked")
    assert states(run) == {"reply": "retrying"}
    Step.objects.filter(run=run).update(wake_at=timezone.now())

    keep(engine)

    assert (lane(stub).state, lane(stub).cause) == ("stopped", "config")
    assert parked(run) == 1


# The breaker


def test_a_provider_that_is_overloaded_for_ten_minutes_parks_500_runs_with_one_question(
    engine: Engine, stub: Stub
) -> None:
    stub.answer(BUSY)
    runs = started(engine, 500)

    engine.work(most=1_000)
    assert len(stub.requests) == 5
    for _ in range(20):
        later(stub, 31)
        keep(engine, looks=3)

    assert parked() == 500
    assert Escalation.objects.filter(state="open").count() == Escalation.objects.count() == 1
    assert set(Step.objects.values_list("tries", "losses")) == {(0, 0)}
    assert set(Attempt.objects.values_list("outcome", flat=True)) == {"parked"}
    during = len(stub.requests)
    assert during <= 5 + 20 * 3
    read = five_answers(runs[0].id)["user"]["sentence"]
    assert read == "A service we depend on is slow. We are trying again by ourselves."

    stub.answer(chat("done"))
    later(stub, 61)
    keep(engine, looks=2)
    assert lane(stub).state in ("probing", "ramping")
    waves: list[int] = []
    while parked() and len(waves) < 60:
        before = len(stub.requests)
        later(stub, 1)
        keep(engine)
        waves.append(len(stub.requests) - before)

    assert {fresh(run).state for run in runs} == {"succeeded"}
    assert len(stub.requests) - during == 500
    assert max(waves[:4]) <= 6
    assert waves[8] > waves[2]
    keep(engine, looks=2)
    assert lane(stub).state == "open"
    assert Escalation.objects.get().state == "closed"


def test_a_provider_that_is_away_uses_up_no_attempt_of_a_lonely_run(
    engine: Engine, stub: Stub
) -> None:
    stub.answer(BUSY)
    run = engine.run("asked")
    keep(engine, looks=8)

    assert (lane(stub).state, len(stub.requests)) == ("held", 5)
    assert (the_step(run, "reply").tries, parked(run)) == (0, 1)


def test_probes_that_fail_hold_the_lane_again(engine: Engine, stub: Stub) -> None:
    stub.answer(BUSY)
    started(engine, 10)
    engine.work()

    later(stub, 31)
    keep(engine, looks=2)

    assert lane(stub).state == "held"
    assert len(stub.requests) == 6
    assert parked() == 10


def test_one_bad_input_does_not_open_the_breaker(engine: Engine, stub: Stub) -> None:
    stub.answer(error(400, "bad_request"))
    started(engine, 8)

    engine.work()

    assert len(stub.requests) == 8
    assert lane(stub).state == "open"


def test_items_of_a_map_wait_in_line_and_all_are_done(engine: Engine, stub: Stub) -> None:
    stub.answer(BUSY)
    run = engine.run("sorted_items", input={"items": [1, 2, 3, 4, 5, 6, 7]})
    assert parked(run) == 7
    stub.answer(chat("sorted"))

    later(stub, 61)
    keep(engine, looks=2)
    later(stub, 30)
    keep(engine, looks=4)

    assert items(run, "sort") == ["succeeded"] * 7
    assert fresh(run).state == "succeeded"


# Who is first


def test_work_that_somebody_waits_for_goes_before_batch_and_tenants_take_turns(
    engine: Engine, stub: Stub
) -> None:
    stub.answer(SLOW_DOWN)
    many = started(engine, 4, priority="batch", tenant="large")
    few = started(engine, 1, priority="batch", tenant="small")
    urgent = started(engine, 1, tenant="large")
    engine.work()

    order: list[Run] = []
    served: list[str] = []
    for _ in range(6):
        served = wake(name_of(stub), 1, served=served)
        woken = Run.objects.filter(steps__wake_at__lte=timezone.now())
        order += woken.exclude(id__in=[run.id for run in order])

    assert order == [urgent[0], few[0], many[0], *many[1:]]


def test_a_run_that_comes_later_does_not_overtake_the_line(engine: Engine, stub: Stub) -> None:
    stub.answer(SLOW_DOWN)
    old = engine.run("asked", priority="batch")
    later(stub, 121)
    stub.answer(chat("done"))
    lanes.resume(name_of(stub), actor="ann")
    Step.objects.filter(run=old).update(since=timezone.now())
    lane_moves.line_up(name_of(stub), "batch")

    young = engine.run("asked", priority="batch")
    urgent = engine.run("asked")

    assert (parked(young), fresh(urgent).state) == (1, "succeeded")


def test_a_paused_run_keeps_its_place_and_is_not_woken(engine: Engine, stub: Stub) -> None:
    stub.answer(SLOW_DOWN)
    run = engine.run("asked")
    pause(run.id, actor="ann")

    wake(name_of(stub), 10)
    assert not Step.objects.filter(wake_at__lte=timezone.now()).exists()
    assert line(name_of(stub)).steps == 0


# Limits


def test_a_step_beyond_the_limit_gives_its_slot_back_and_gets_its_turn_later(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    with provider(monkeypatch, requests_per_min=2) as stub:
        runs = started(engine, 3)
        engine.work()

        assert (len(stub.requests), parked()) == (2, 1)
        keep(engine, looks=2)
        assert len(stub.requests) == 2
        lanes.limit(name_of(stub), {"requests_per_min": 10}, actor="ann", reason="more was bought")
        keep(engine, looks=2)

    assert {fresh(run).state for run in runs} == {"succeeded"}
    assert set(Step.objects.values_list("tries", flat=True)) == {0}


def test_a_tenth_of_a_limit_is_kept_for_work_that_somebody_waits_for(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    with provider(monkeypatch, requests_per_min=10) as stub:
        batch = started(engine, 10, priority="batch")
        engine.work()
        assert (len(stub.requests), parked()) == (9, 1)

        urgent = engine.run("asked")

    assert fresh(urgent).state == "succeeded"
    assert {fresh(run).state for run in batch} == {"succeeded", "waiting"}


def test_a_cancelled_run_asks_nothing_about_its_lane(
    engine: Engine, stub: Stub, script: Script
) -> None:
    run = engine.start("asked")

    def cancelled_meanwhile() -> str:
        cancel(run.id, reason="no need", actor="ann")
        stub.answer(NO_QUOTA)
        return complete("Say it").text

    script.tell("reply", cancelled_meanwhile)
    engine.work()

    assert fresh(run).state == "cancelled"
    assert Escalation.objects.count() == 0


# What a person does


def test_a_person_holds_a_lane_and_it_goes_on_by_itself(engine: Engine, stub: Stub) -> None:
    engine.run("asked")
    until = timezone.now() + timedelta(minutes=10)

    lanes.hold(name_of(stub), until=until, actor="ann", reason="night is cheaper")
    run = engine.run("asked")

    assert (len(stub.requests), parked(run)) == (1, 1)
    told = Event.objects.get(kind="lane.held")
    assert (told.actor, told.data["reason"]) == ("ann", "night is cheaper")
    later(stub, 601)
    keep(engine, looks=3)
    assert fresh(run).state == "succeeded"


def test_a_person_stops_a_lane_and_nobody_is_asked_about_it(engine: Engine, stub: Stub) -> None:
    engine.run("asked")

    lanes.stop(name_of(stub), actor="ann", reason="wrong invoices")
    run = engine.run("asked")
    keep(engine)

    assert (parked(run), Escalation.objects.count()) == (1, 0)
    soon = timezone.now() + timedelta(minutes=1)
    with pytest.raises(NotPossible, match="resume it first"):
        lanes.hold(name_of(stub), until=soon, actor="ann", reason="x")


def test_the_verdict_of_a_parked_step_names_its_lane(engine: Engine, stub: Stub) -> None:
    stub.answer(NO_QUOTA)
    run = engine.run("asked")

    judged = five_answers(run.id)["retry"]["steps"][0]["verdict"]

    assert judged["key"] == "wait"
    assert name_of(stub) in judged["sentence"]
    assert "stopped" in judged["sentence"]


def test_a_step_that_fails_after_its_turn_keeps_the_count_of_its_wait(
    engine: Engine, stub: Stub, script: Script
) -> None:
    stub.answer(SLOW_DOWN)
    run = engine.run("asked")
    later(stub, 121)
    stub.answer(error(500, "oops"))
    keep(engine, looks=2)

    history = the_step(run, "reply").history
    assert states(run) == {"reply": "retrying"}
    assert history["waited_s"] > 120
    assert "parked_at" not in history


def test_undoing_waits_in_line_too_and_is_done(engine: Engine, stub: Stub, script: Script) -> None:
    def asks() -> None:
        complete("Take it back")

    stub.answer(SLOW_DOWN)
    script.tell("ship", PermanentInput("no"))
    script.tell("refund", asks, asks)
    run = engine.run("order")
    assert parked(run) == 1
    stub.answer(chat("taken back"))

    later(stub, 121)
    keep(engine, looks=3)

    assert fresh(run).state == "failed"
    assert parked(run) == 0
