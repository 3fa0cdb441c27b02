"""What happens after a failure, from the error to the row, the run and the question."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from aiops.execution.advance import advance
from aiops.execution.answer import answer
from aiops.execution.resume import retry
from aiops.flow import (
    Ambiguous,
    BadOutput,
    BudgetSpent,
    LaneStopped,
    NeedsHuman,
    PermanentInput,
    RateLimited,
    Transient,
)
from aiops.models import Attempt, Escalation, Run
from tests.execution.engine import (
    COMMITS,
    Engine,
    error_of,
    fresh,
    question,
    result,
    states,
    the_step,
    time_passes,
    told,
)
from tests.flows.script import Script

pytestmark = COMMITS


def outcomes(run: Run) -> list[str]:
    return list(Attempt.objects.filter(run=run).order_by("id").values_list("outcome", flat=True))


def test_a_passing_failure_waits_and_is_tried_again(engine: Engine, script: Script) -> None:
    script.tell("fetch", Transient("busy"))
    run = engine.run("retried")
    before = (run.state, states(run)["fetch"], engine.letters)

    time_passes(run)
    engine.work()

    assert before == ("retrying", "retrying", [])
    assert (fresh(run).state, result(run)) == ("succeeded", "used fetched")
    assert outcomes(run) == ["failed", "succeeded", "succeeded"]


def test_a_retry_does_not_come_before_its_time(engine: Engine, script: Script) -> None:
    script.tell("fetch", Transient("busy"))
    run = engine.run("retried")

    advance(run.id)

    assert engine.letters == []


def test_the_wait_is_the_policys(engine: Engine, script: Script) -> None:
    script.tell("fetch", Transient("busy"))

    run = engine.run("retried")

    wake_at = the_step(run, "fetch").wake_at
    assert wake_at is not None
    assert wake_at - timezone.now() == pytest.approx(
        timedelta(seconds=10), abs=timedelta(seconds=3)
    )


def test_attempts_that_are_used_up_pause_the_run_with_a_question(
    engine: Engine, script: Script
) -> None:
    script.tell("fetch", *[Transient("busy")] * 3)
    run = engine.run("retried")
    for _ in range(2):
        time_passes(run)
        engine.work()

    assert fresh(run).state == "attention"
    assert question(run).kind == "retries_used_up"
    assert script.times("fetch") == 3


def test_a_failure_keeps_what_went_wrong_on_the_row(engine: Engine, script: Script) -> None:
    script.tell("fetch", Transient("busy", code="503"))

    run = engine.run("retried")

    error = error_of(run, "fetch")
    assert (error["word"], error["code"], error["message"]) == ("transient", "503", "busy")


def test_a_success_after_a_failure_clears_the_error(engine: Engine, script: Script) -> None:
    script.tell("fetch", Transient("busy"))
    run = engine.run("retried")

    time_passes(run)
    engine.work()

    assert the_step(run, "fetch").error is None


def test_parking_burns_no_attempt(engine: Engine, script: Script) -> None:
    script.tell("fetch", *[RateLimited("slow down", after_s=60)] * 5)
    run = engine.run("retried")
    for _ in range(5):
        time_passes(run)
        engine.work()

    assert result(run) == "used fetched"
    assert the_step(run, "fetch").tries == 0
    assert outcomes(run) == ["parked"] * 5 + ["succeeded"] * 2


def test_a_parked_step_waits_for_its_lane(engine: Engine, script: Script) -> None:
    script.tell("fetch", RateLimited("slow down", after_s=60))

    run = engine.run("retried")

    assert (run.state, run.reason) == ("waiting", "fetch waits for its provider")


def test_a_bug_is_tried_once_more_and_then_a_person_is_asked(
    engine: Engine, script: Script
) -> None:
    script.tell("fetch", KeyError("x"), KeyError("x"))
    run = engine.run("retried")
    before = run.state

    time_passes(run)
    engine.work()

    assert before == "retrying"
    assert question(run).kind == "bug"
    assert script.times("fetch") == 2


def test_an_input_that_can_never_work_fails_at_once_and_asks_nobody(
    engine: Engine, script: Script
) -> None:
    script.tell("fetch", PermanentInput("no such page"))

    run = engine.run("retried")

    assert (run.state, run.reason) == ("failed", "fetch failed")
    assert not Escalation.objects.exists()


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (LaneStopped("the key is wrong"), "lane"),
        (BudgetSpent("10 of 10 spent"), "budget"),
        (NeedsHuman("which page?"), "question"),
    ],
)
def test_what_only_a_person_can_mend_asks_at_once(
    engine: Engine, script: Script, error: Exception, kind: str
) -> None:
    script.tell("fetch", error)

    run = engine.run("retried")

    assert (run.state, question(run).kind) == ("attention", kind)
    assert the_step(run, "fetch").tries == 0


def test_an_answer_that_was_lost_is_tried_again_once(engine: Engine, script: Script) -> None:
    script.tell("fetch", Ambiguous("no answer"), Ambiguous("no answer"))
    run = engine.run("retried")

    time_passes(run)
    engine.work()

    assert question(run).kind == "retries_used_up"
    assert script.times("fetch") == 2


def test_an_unusable_answer_is_repaired_at_once(engine: Engine, script: Script) -> None:
    script.tell("fetch", BadOutput("no JSON"))
    run = engine.run("retried")

    assert result(run) == "used fetched"


def test_a_result_of_the_wrong_type_is_bad_output(engine: Engine, script: Script) -> None:
    script.tell("fetch", 5, 5, 5)
    run = engine.run("retried")

    time_passes(run)
    engine.work()

    assert question(run).kind == "bad_output"


def test_a_result_that_cannot_be_kept_is_bad_output(engine: Engine, script: Script) -> None:
    script.tell("fetch", *["a\x00b"] * 3)

    run = engine.run("retried")

    assert question(run).kind == "bad_output"
    assert "NUL" in error_of(run, "fetch")["message"]


def test_a_steps_code_that_is_gone_is_a_question_and_no_lost_message(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = engine.start("retried")
    monkeypatch.delattr("tests.flows.effects.fetch")

    engine.work()

    assert question(run).kind == "code_gone"


def test_code_that_came_back_resumes_the_same_run(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = engine.start("retried")
    with monkeypatch.context() as patch:
        patch.delattr("tests.flows.effects.fetch")
        engine.work()

    answer(question(run).id, "retry", actor="ann")
    engine.work()

    assert fresh(run).state == "succeeded"


def test_a_failure_in_one_branch_lets_the_other_end(engine: Engine, script: Script) -> None:
    script.tell("left", PermanentInput("no"))

    run = engine.run("diamond")

    assert states(run)["right"] == "succeeded"
    assert (run.state, states(run)["total"]) == ("failed", "pending")


def test_a_retried_branch_joins_what_the_others_finished(engine: Engine, script: Script) -> None:
    script.tell("left", PermanentInput("no"))
    run = engine.run("diamond")

    retry(run.id, actor="ann")
    engine.work()

    assert fresh(run).state == "succeeded"
    assert [script.times(name) for name in ("one", "left", "right")] == [1, 2, 1]


def test_a_failure_is_told_in_an_event_with_its_class(engine: Engine, script: Script) -> None:
    script.tell("fetch", Transient("busy"))

    run = engine.run("retried")

    (event,) = told(run, "step.failed")
    assert (event.data["name"], event.data["word"]) == ("fetch", "transient")


def test_a_keyboard_interrupt_is_no_outcome(engine: Engine, script: Script) -> None:
    script.tell("fetch", KeyboardInterrupt())
    engine.start("retried")

    with pytest.raises(KeyboardInterrupt):
        engine.work()
