"""Jobs outside: submitted once, looked at until they are done, by nobody who waits in between."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from aiops.execution import recovery, resume
from aiops.execution.answer import answer
from aiops.execution.cancel import cancel
from aiops.flow import (
    Absent,
    Ambiguous,
    BadOutput,
    Later,
    PermanentInput,
    Transient,
    Unsure,
)
from aiops.flow.inline import run_inline
from aiops.models import Attempt, Run, Step
from aiops.upkeep import prove
from tests.execution.engine import (
    COMMITS,
    Engine,
    fresh,
    items,
    question,
    result,
    states,
    the_step,
    time_passes,
    told,
)
from tests.flows.jobs import submitted
from tests.flows.script import Script

pytestmark = COMMITS


def go_on(engine: Engine, run: Run, times: int = 1) -> Run:
    """Let the time come to look at the job, and work."""
    for _ in range(times):
        time_passes(run)
        engine.work()
    return fresh(run)


def tries(run: Run) -> list[Any]:
    return list(
        Attempt.objects.filter(run=run, step__name="submit")
        .order_by("number")
        .values_list("outcome", "sent")
    )


def test_a_job_is_submitted_and_its_step_waits_without_worker_or_message(engine: Engine) -> None:
    run = engine.run("submitted")

    step = the_step(run, "submit")
    assert (step.state, step.reason, step.handle) == ("waiting", "job", "job-1")
    assert step.lease_until is None
    assert step.dispatch_due is None
    assert step.wake_at is not None
    assert timedelta(seconds=50) < step.wake_at - timezone.now() <= timedelta(seconds=60)
    assert engine.letters == []
    assert fresh(run).state == "waiting"
    assert prove.limbo(recent_s=None) == []
    (event,) = told(run, "step.submitted")
    assert event.data["handle"] == "job-1"


def test_its_result_is_fetched_when_it_is_there(engine: Engine, script: Script) -> None:
    script.tell("look_at_the_job", Later("job-1", after_s=5), Later("job-1"))
    run = engine.run("submitted")

    run = go_on(engine, run, 3)

    assert result(run) == "used the result of job-1"
    assert script.times("submit") == 1
    assert script.times("look_at_the_job") == 3


def test_it_is_not_looked_at_before_its_time(engine: Engine, script: Script) -> None:
    from aiops.execution.advance import advance

    run = engine.run("submitted")

    advance(run.id)
    engine.work()

    assert script.times("look_at_the_job") == 0


def test_a_look_that_finds_it_unfinished_is_no_attempt(engine: Engine, script: Script) -> None:
    script.tell("look_at_the_job", *[Later("job-1")] * 5)
    run = engine.run("submitted")

    go_on(engine, run, 6)

    assert tries(run) == [("parked", "yes"), ("succeeded", "yes")]
    assert len(told(run, "step.submitted")) == 1


def test_who_waits_reads_how_far_it_is(engine: Engine, script: Script) -> None:
    script.tell("look_at_the_job", Later("job-1", share=0.25, text="25 of 100"))
    run = engine.run("submitted")

    go_on(engine, run)

    assert the_step(run, "submit").progress == {"share": 0.25, "text": "25 of 100"}


# Crashes and doubts


def lose_the_worker(engine: Engine, run: Run) -> None:
    """The worker dies after it has done its work, and before it could say so."""
    Step.objects.filter(run=run, state="running").update(
        lease_until=timezone.now() - timedelta(seconds=1)
    )
    recovery.recover(recovery.expired(), "it was killed")


def killed_in(engine: Engine, script: Script, name: str) -> Run:
    """A run whose worker is killed in the middle of a step."""

    class Killed(BaseException):
        pass

    script.tell(name, Killed())
    run = engine.start("submitted")
    if name == "look_at_the_job":
        engine.work()
        time_passes(run)
    with pytest.raises(Killed):
        engine.work()
    lose_the_worker(engine, run)
    return fresh(run)


def test_a_crash_between_submitting_and_recording_finds_the_job_again(
    engine: Engine, script: Script
) -> None:
    script.tell("find_the_job", Later("job-7", after_s=10))
    run = killed_in(engine, script, "submit")
    assert the_step(run, "submit").in_doubt

    go_on(engine, run)
    step = the_step(run, "submit")
    assert (step.state, step.reason, step.handle, step.in_doubt) == (
        *("waiting", "job", "job-7"),
        False,
    )

    run = go_on(engine, run)
    assert result(run) == "used the result of job-7"
    assert script.times("submit") == 1


def test_a_job_that_was_never_submitted_is_submitted(engine: Engine, script: Script) -> None:
    script.tell("find_the_job", Absent())
    run = killed_in(engine, script, "submit")

    run = go_on(engine, run, 2)

    assert result(run) == "used the result of job-1"
    assert script.times("submit") == 2


def test_a_job_that_nobody_can_find_asks_a_person(engine: Engine, script: Script) -> None:
    script.tell("find_the_job", Unsure())
    run = killed_in(engine, script, "submit")

    go_on(engine, run)

    assert question(run).kind == "in_doubt"
    assert script.times("submit") == 1


def test_a_crash_while_looking_only_looks_again(engine: Engine, script: Script) -> None:
    run = killed_in(engine, script, "look_at_the_job")

    run = go_on(engine, run)

    assert result(run) == "used the result of job-1"
    assert (script.times("submit"), script.times("find_the_job")) == (1, 0)


# Failures


@pytest.mark.parametrize("error", [Transient("away"), Ambiguous("no answer"), BadOutput("odd")])
def test_a_look_that_fails_is_repeated_and_submits_nothing(
    engine: Engine, script: Script, error: Exception
) -> None:
    script.tell("look_at_the_job", error)
    run = engine.run("submitted")

    run = go_on(engine, run, 2)

    assert result(run) == "used the result of job-1"
    assert script.times("submit") == 1


def test_failed_looks_are_counted_anew_after_one_that_worked(
    engine: Engine, script: Script
) -> None:
    away = [Transient("away")] * 8
    script.tell("look_at_the_job", *away, Later("job-1"), *away)
    run = engine.run("submitted")

    run = go_on(engine, run, 18)

    assert run.state == "succeeded"


def test_looks_that_always_fail_ask_a_person_whose_retry_looks_again(
    engine: Engine, script: Script
) -> None:
    script.tell("look_at_the_job", *[Transient("away")] * 12)
    run = go_on(engine, engine.run("submitted"), 12)
    assert question(run).kind == "retries_used_up"

    answer(question(run).id, "retry", actor="ann")
    engine.work()

    assert result(run) == "used the result of job-1"
    assert script.times("submit") == 1


def test_a_job_that_came_to_nothing_fails_and_a_retry_submits_another(
    engine: Engine, script: Script
) -> None:
    script.tell("look_at_the_job", PermanentInput("the job has expired"))
    script.tell("submit", Later("job-1"), Later("job-2"))
    run = go_on(engine, engine.run("submitted"))
    assert (run.state, the_step(run, "submit").handle) == ("failed", None)

    resume.retry(run.id, actor="ann")
    engine.work()
    run = go_on(engine, run)

    assert result(run) == "used the result of job-2"


def test_what_is_run_again_after_it_succeeded_submits_another(
    engine: Engine, script: Script
) -> None:
    script.tell("submit", Later("job-1"), Later("job-2"))
    script.tell("use_it", PermanentInput("no"))
    run = go_on(engine, engine.run("submitted"))

    resume.retry_from(run.id, "submit", actor="ann", override=True)
    engine.work()
    run = go_on(engine, run)

    assert result(run) == "used the result of job-2"


# Stopping


def test_a_run_that_is_stopped_gives_its_job_up(engine: Engine, script: Script) -> None:
    run = engine.run("submitted")

    cancel(run.id, reason="no longer wanted", actor="ann")
    engine.work()

    assert fresh(run).state == "cancelled"
    assert states(run) == {"submit": "cancelled", "use_it": "cancelled", "undo:submit": "succeeded"}
    assert script.keys == ["stop job-1"]


def test_a_run_that_is_stopped_while_it_submits_gives_its_job_up(
    engine: Engine, script: Script
) -> None:
    run = engine.start("submitted")

    def stopped() -> Later[str]:
        cancel(run.id, reason="no", actor="ann")
        return Later("job-9")

    script.tell("submit", stopped)
    engine.work()

    assert script.keys == ["stop job-9"]
    assert fresh(run).state == "cancelled"


def test_a_job_that_cannot_be_given_up_is_tried_again(engine: Engine, script: Script) -> None:
    script.tell("stop_the_job", Transient("away"))
    run = engine.run("submitted")
    cancel(run.id, reason="no", actor="ann")
    engine.work()
    assert fresh(run).state == "cancelling"

    go_on(engine, run)

    assert script.keys == ["stop job-1"] * 2
    assert fresh(run).state == "cancelled"


def test_a_job_that_is_done_is_not_given_up(engine: Engine, script: Script) -> None:
    def stopped() -> str:
        cancel(run.id, reason="no", actor="ann")
        return "used"

    run = engine.run("submitted")
    script.tell("use_it", stopped)

    go_on(engine, run)

    assert script.times("stop_the_job") == 0


# Items


def test_items_may_have_a_job_each(engine: Engine, script: Script) -> None:
    script.tell("look_at_one 2", Later(2))
    run = engine.run("many_jobs", input={"items": [1, 2, 3]})
    assert items(run, "submit_one") == ["retrying"] * 3

    go_on(engine, run)
    assert items(run, "submit_one") == ["succeeded", "retrying", "succeeded"]

    run = go_on(engine, run)
    assert result(run) == 60
    assert [script.times(f"submit_one {n}") for n in (1, 2, 3)] == [1, 1, 1]


def test_the_jobs_of_items_are_given_up_with_their_run(engine: Engine, script: Script) -> None:
    run = engine.run("many_jobs", input={"items": [1, 2]})

    cancel(run.id, reason="no", actor="ann")
    engine.work()

    assert [script.times(f"stop_one {n} {n}") for n in (1, 2)] == [1, 1]
    assert fresh(run).state == "cancelled"


def test_in_memory_a_job_is_looked_at_until_it_is_done(script: Script) -> None:
    script.tell("look_at_the_job", Later("job-1"), Later("job-1"))

    ended = run_inline(submitted, {})

    assert ended.output == "used the result of job-1"
