"""Answers that cannot be used: repaired as attempts, sent another way, checked, and shown while they grow."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from pytest_django.fixtures import Settings

from aiops.execution import claim as claims
from aiops.execution import recovery, resume
from aiops.models import Attempt, Escalation, Event, Lane, ModelCall, Run, Step
from aiops.providers import session
from tests.execution.engine import (
    COMMITS,
    Engine,
    error_of,
    fresh,
    items,
    question,
    result,
    states,
    the_step,
    time_passes,
    told,
)
from tests.fault_server.control import FaultServer
from tests.flows import mending
from tests.flows.script import Script

pytestmark = COMMITS

PRICES = {"faulty": {"input": 1.0, "output": 1.0}, "big": {"input": 10.0, "output": 10.0}}
GOOD = 'says:{"mood": "good", "why": "tea"}'
BAD = 'says:{"mood": "odd", "why": "tea"}'


@pytest.fixture(autouse=True)
def priced(settings: Settings) -> None:
    settings.AIOPS_PRICES = PRICES
    settings.AIOPS_BUDGETS = {}


@pytest.fixture
def strong(faults: FaultServer, settings: Settings) -> FaultServer:
    """A second model at the fault server, with routes to it from the first."""
    settings.AIOPS_MODELS = {"strong": {"base_url": faults.url, "model": "big"}}
    settings.AIOPS_ROUTES = {
        "fast": [{"to": "strong", "when": ["unusable", "refused", "context_length", "overloaded"]}]
    }
    return faults


def worked(engine: Engine, workflow: str, **given: Any) -> Run:
    """Start a run and let all its retries come."""
    run = engine.run(workflow, input={"label": "tea", **given.pop("input", {})}, **given)
    for _ in range(6):
        time_passes(run)
        engine.work()
    return fresh(run)


def prompts(faults: FaultServer, model: str = "") -> list[str]:
    return [e["prompt"] for e in faults.journal(model) if "warm up" not in e["prompt"]]


def ways(run: Run) -> list[tuple[Any, ...]]:
    found = ModelCall.objects.filter(run=run).order_by("id")
    return list(found.values_list("attempt", "alias", "route", "because", "model", "outcome"))


# Repair


def test_a_schema_violation_leads_to_an_attempt_that_is_told_what_was_wrong(
    engine: Engine, faults: FaultServer
) -> None:
    faults.script(
        {"prompt": "judge tea", "faults": [BAD]}, {"prompt": "cannot be used", "then": GOOD}
    )

    run = worked(engine, "judging")

    assert (run.state, result(run)) == ("succeeded", "good")
    first, second = prompts(faults)
    assert first == "judge tea"
    assert "mood: Input should be 'good' or 'bad'" in second
    tried = Attempt.objects.filter(run=run, step__name="judge").order_by("number")
    assert [(one.outcome, (one.error or {}).get("kind")) for one in tried] == [
        ("failed", "schema"),
        ("succeeded", None),
    ]
    # The call before it was paid for, and is not asked again; the repair is told apart.
    assert faults.counts()["arrived"] == 3
    calls = ModelCall.objects.filter(run=run).order_by("id")
    assert list(calls.values_list("outcome", "purpose")) == [
        *(("answered", "first"), ("answered", "first")),
        *(("reused", "first"), ("answered", "repair")),
    ]


def test_the_model_sees_its_own_answer_in_the_conversation(
    engine: Engine, faults: FaultServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[Any] = []
    send = session.Session.complete

    def note(self: Any, address: Any, asked: Any, stream_to: Any = None) -> Any:
        seen.append([(turn["role"], turn["content"]) for turn in asked.conversation])
        return send(self, address, asked, stream_to)

    monkeypatch.setattr(session.Session, "complete", note)
    faults.script(
        {"prompt": "judge tea", "faults": [BAD]}, {"prompt": "cannot be used", "then": GOOD}
    )

    worked(engine, "judging")

    assert [role for role, _ in seen[-1]] == ["user", "assistant", "user"]
    assert seen[-1][1][1] == BAD.removeprefix("says:")


def test_of_a_free_model_no_answer_is_kept_and_the_problem_is_told_all_the_same(
    engine: Engine, faults: FaultServer, settings: Settings
) -> None:
    settings.AIOPS_PRICES = {"faulty": {"input": 0, "output": 0}}
    faults.script(
        {"prompt": "cannot be used", "then": GOOD}, {"prompt": "judge tea", "faults": [BAD]}
    )

    run = worked(engine, "judging")

    assert result(run) == "good"
    assert prompts(faults)[1].startswith("judge tea\n\nYour last answer to this cannot be used")


def test_repairs_end_with_a_person_and_each_says_what_was_wrong_before(
    engine: Engine, faults: FaultServer
) -> None:
    faults.script({"prompt": "warm", "then": "ok"}, {"then": BAD})

    run = worked(engine, "judging")

    assert run.state == "attention"
    assert question(run).kind == "bad_output"
    assert len(prompts(faults)) == 3
    assert faults.counts()["arrived"] == 4


def test_what_a_person_has_tried_again_begins_without_the_old_complaints(
    engine: Engine, faults: FaultServer
) -> None:
    faults.script({"prompt": "warm", "then": "ok"}, {"then": BAD})
    run = worked(engine, "judging")
    faults.reset()
    faults.script({"prompt": "judge tea", "then": GOOD})

    resume.retry(run.id, actor="ann", reason="the model is mended")
    engine.work()

    assert result(run) == "good"
    assert prompts(faults) == ["judge tea"]


def test_a_repair_whose_worker_is_lost_is_not_paid_for_again(
    engine: Engine, faults: FaultServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    faults.script(
        {"prompt": "judge tea", "faults": [BAD]}, {"prompt": "cannot be used", "then": GOOD}
    )
    run = engine.start("judging", input={"label": "tea"})

    with monkeypatch.context() as patched:
        patched.setattr(claims, "finish", _dies)
        with pytest.raises(_Killed):
            engine.work()
    engine.drop()
    Step.objects.filter(run=run, state="running").update(lease_until=timezone.now())
    assert recovery.recover(recovery.expired(), "killed") == 1
    time_passes(run)
    engine.work()

    assert result(run) == "good"
    assert faults.counts()["computed"] == 3


class _Killed(BaseException):
    """Stands for SIGKILL."""


def _dies(*_: Any, **__: Any) -> Any:
    raise _Killed


def test_an_answer_that_was_cut_is_asked_for_once_with_more_tokens(
    engine: Engine, faults: FaultServer
) -> None:
    faults.script({"prompt": "judge tea", "then": "length"})

    run = worked(engine, "judging")

    assert question(run).kind == "bad_output"
    assert prompts(faults) == ["judge tea", "judge tea"]
    assert "max_tokens=100" in error_of(run, "judge")["message"]


def test_a_step_that_wants_no_repair_asks_at_once(engine: Engine, faults: FaultServer) -> None:
    faults.always(BAD)

    run = worked(engine, "hasty")

    assert question(run).kind == "bad_output"
    assert faults.counts()["arrived"] == 1


# Routes


def test_the_last_repair_goes_to_the_stronger_model_and_then_a_person_is_asked(
    engine: Engine, strong: FaultServer
) -> None:
    strong.script({"prompt": "warm", "then": "ok"}, {"then": BAD})

    run = worked(engine, "judging")

    assert question(run).kind == "bad_output"
    assert (len(prompts(strong, "faulty")), len(prompts(strong, "big"))) == (2, 1)
    assert ways(run)[-1] == (3, "fast", "strong", "unusable", "big-2026", "answered")


def test_the_stronger_model_is_told_what_was_wrong_and_validated_again(
    engine: Engine, strong: FaultServer
) -> None:
    strong.script({"prompt": "warm", "then": "ok"}, {"model": "big", "then": GOOD}, {"then": BAD})

    run = worked(engine, "judging")

    assert result(run) == "good"
    (asked,) = prompts(strong, "big")
    assert "cannot be used" in asked


@pytest.mark.parametrize(
    ("fault", "why", "outcomes"),
    [
        ("refusal", "refused", ["permanent_input", "answered"]),
        ("content-policy", "refused", ["permanent_input", "answered"]),
        ("context-length", "context_length", ["permanent_input", "answered"]),
        ("529", "overloaded", ["transient", "answered"]),
    ],
)
def test_a_failure_with_a_route_is_answered_by_another_model_in_the_same_attempt(
    engine: Engine, strong: FaultServer, fault: str, why: str, outcomes: list[str]
) -> None:
    strong.script(
        {"model": "faulty", "prompt": "judge", "then": fault}, {"model": "big", "then": GOOD}
    )

    run = worked(engine, "judging")

    assert result(run) == "good"
    last = ways(run)[-2:]
    assert [way[-1] for way in last] == outcomes
    assert last[-1] == (1, "fast", "strong", why, "big-2026", "answered")
    assert Attempt.objects.filter(run=run, step__name="judge").count() == 1
    assert strong.counts()["arrived"] == 3


def test_two_models_that_refuse_are_enough(
    engine: Engine, strong: FaultServer, settings: Settings
) -> None:
    settings.AIOPS_MODELS["third"] = {"base_url": strong.url, "model": "third"}
    settings.AIOPS_ROUTES["fast"].append({"to": "third", "when": ["refused"]})
    strong.script({"prompt": "judge", "then": "refusal"})

    run = worked(engine, "judging")

    assert run.state == "attention"
    assert "refused to answer" in question(run).question
    assert error_of(run, "judge")["code"] == "content_filter"
    assert [e["model"] for e in strong.journal()] == ["faulty", "faulty", "big"]


def test_without_a_route_an_overloaded_model_is_waited_for(
    engine: Engine, faults: FaultServer
) -> None:
    faults.script({"prompt": "judge", "then": "529"})

    run = engine.run("judging", input={"label": "tea"})

    assert the_step(run, "judge").reason == "lane"


def test_when_the_other_is_overloaded_too_the_step_waits_for_its_own(
    engine: Engine, strong: FaultServer
) -> None:
    strong.script({"prompt": "judge", "then": "529"})

    run = engine.run("judging", input={"label": "tea"})

    step = the_step(run, "judge")
    assert step.reason == "lane"
    assert "/faulty" in step.lane
    assert step.tries == 0


def test_an_open_breaker_leads_the_other_way_without_a_request(
    engine: Engine, strong: FaultServer
) -> None:
    worked(engine, "judging")
    Lane.objects.filter(name__contains="/faulty").update(
        state="held", cause="failing", held_until=timezone.now() + timedelta(seconds=30)
    )
    strong.reset()

    run = worked(engine, "hasty")

    assert fresh(run).state == "succeeded"
    assert [e["model"] for e in strong.journal()] == ["big"]
    assert ways(run) == [(1, "fast", "strong", "overloaded", "big-2026", "answered")]


@pytest.mark.parametrize(("patience_s", "waits"), [(3_600, True), (10, False)])
def test_a_held_lane_is_left_only_when_the_step_cannot_wait(
    engine: Engine, strong: FaultServer, settings: Settings, patience_s: int, waits: bool
) -> None:
    settings.AIOPS_ROUTES = {"fast": [{"to": "strong", "when": ["held"], "patience_s": patience_s}]}
    strong.script({"model": "faulty", "then": "429:120"}, {"then": GOOD})

    run = engine.run("hasty", input={"label": "tea"})

    assert (the_step(run, "hasty_judge").reason == "lane") is waits
    assert strong.journal("big") == [] if waits else result(run)["mood"] == "good"


def test_a_run_with_a_deadline_does_not_wait_past_it(
    engine: Engine, strong: FaultServer, settings: Settings
) -> None:
    settings.AIOPS_ROUTES = {"fast": [{"to": "strong", "when": ["held"]}]}
    strong.script({"model": "faulty", "then": "429:120"}, {"then": GOOD})
    soon = timezone.now() + timedelta(seconds=60)

    pressed = engine.run("hasty", input={"label": "tea"}, deadline_at=soon)
    patient = engine.run("hasty", input={"label": "tea"})

    assert result(pressed)["mood"] == "good"
    assert the_step(patient, "hasty_judge").reason == "lane"


# Checks


def test_a_result_that_passes_goes_on_and_its_checks_are_told(
    engine: Engine, faults: FaultServer
) -> None:
    run = worked(engine, "writing")

    assert run.state == "succeeded"
    [event] = [e for e in told(run, "step.succeeded") if e.data["name"] == "write"]
    assert event.data["checks"] == [
        {"check": "forbidden", "score": 1.0},
        {"check": "numbers_match", "score": 1.0},
    ]


def test_a_check_that_fails_has_the_result_made_again_once(
    engine: Engine, faults: FaultServer, script: Script
) -> None:
    faults.script(
        {"prompt": "write about tea", "faults": ["says:You are stupid."]},
        {"prompt": "cannot be used", "then": "says:You are kind."},
    )

    run = worked(engine, "writing")

    assert result(run) == "You are kind."
    _, second = prompts(faults)
    assert "- stupid" in second
    assert script.times("post") == 1


def test_a_second_failure_asks_a_person_and_nothing_is_sent(
    engine: Engine, faults: FaultServer, script: Script
) -> None:
    faults.always("says:It costs 99 and is your own fault.")

    run = worked(engine, "writing")

    assert states(run) == {"write": "attention", "post": "pending"}
    assert script.times("post") == 0
    assert faults.counts()["arrived"] == 2
    asked = question(run)
    assert asked.kind == "bad_output"
    assert asked.shows is not None
    shown = {one["check"]: one for one in asked.shows["checks"]}
    assert shown["forbidden"]["evidence"] == ["your own fault"]
    assert shown["numbers_match"]["evidence"] == ["99"]
    assert shown["numbers_match"]["score"] == 0.0


def test_evidence_is_in_no_message_and_in_no_event(engine: Engine, faults: FaultServer) -> None:
    faults.always("says:It is your own fault.")

    run = worked(engine, "writing")

    assert "own fault" not in error_of(run, "write")["message"]
    assert "own fault" not in str(
        list(Event.objects.filter(run=run).values_list("data", flat=True))
    )
    assert "own fault" not in question(run).question


def test_a_failed_check_goes_to_the_stronger_model(engine: Engine, strong: FaultServer) -> None:
    strong.script({"model": "big", "then": "says:You are kind."}, {"then": "says:You are stupid."})

    run = worked(engine, "writing")

    assert result(run) == "You are kind."
    assert [way[2] for way in ways(run)] == ["", "strong"]


def test_nobody_is_asked_to_approve_what_does_not_pass(engine: Engine, faults: FaultServer) -> None:
    faults.always("says:You are stupid.")

    run = worked(engine, "approved_writing")

    assert [asked.kind for asked in Escalation.objects.filter(run=run)] == ["bad_output"]


def test_items_are_checked_one_by_one(engine: Engine, faults: FaultServer) -> None:
    faults.script(
        {"prompt": "about 2", "then": "says:stupid"}, {"prompt": "stupid", "then": "says:stupid"}
    )

    run = worked(engine, "writing_all", input={"items": [1, 2, 3]})

    assert items(run, "write_each") == ["succeeded", "failed", "succeeded"]
    assert run.state == "partial"


def test_a_check_that_was_taken_out_of_the_file_stops_its_runs(
    engine: Engine, faults: FaultServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = engine.start("writing", input={"label": "tea"})
    object.__setattr__(mending.write, "checks", mending.write.checks[:1])
    try:
        engine.work()
    finally:
        object.__setattr__(mending.write, "checks", (mending.polite, mending.exact))

    assert question(run).kind == "code_gone"
