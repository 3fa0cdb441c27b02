"""Cancelling: at once where nothing runs, by asking where something does, by force in the end."""

from __future__ import annotations

from datetime import timedelta
from uuid import uuid4

import pytest
from django.utils import timezone

from aiops.execution import cancel as cancelling
from aiops.execution import claim as claims
from aiops.execution.cancel import cancel
from aiops.execution.claim import Claim, Finish, LeaseLost, Owner
from aiops.execution.lease import leases
from aiops.execution.resume import NotPossible, pause
from aiops.flow import Cancelled, PermanentInput
from aiops.models import Attempt, Escalation, Run
from tests.execution.engine import COMMITS, Engine, fresh, items, meanwhile, states, the_step, told
from tests.flows.script import Script

pytestmark = COMMITS

OTHER = Owner("other/1", "task-2")


def running(engine: Engine, workflow: str = "line", name: str = "one") -> tuple[Run, Claim]:
    """A run whose first step is in the hands of another worker."""
    run = engine.start(workflow)
    step = the_step(run, name)
    claim = claims.claim(run_id=run.id, step_id=step.id, epoch=0, owner=OTHER)
    assert claim is not None
    return run, claim


def test_a_run_that_waits_is_cancelled_at_once(engine: Engine) -> None:
    run = engine.run("letter")

    cancel(run.id, reason="enough", actor="ann")

    assert (fresh(run).state, fresh(run).reason) == ("cancelled", "enough")
    assert states(run) == {"compose": "succeeded", "agree": "cancelled", "deliver": "cancelled"}


def test_a_cancelled_run_asks_nothing_any_more(engine: Engine) -> None:
    run = engine.run("letter")

    cancel(run.id, reason="enough", actor="ann")

    assert not Escalation.objects.filter(state="open").exists()


def test_a_cancellation_is_told_with_who_and_why(engine: Engine) -> None:
    run = engine.run("letter")

    cancel(run.id, reason="enough", actor="ann")

    (event,) = told(run, "run.cancelling")
    assert (event.actor, event.data["reason"]) == ("ann", "enough")


def test_a_message_of_a_cancelled_run_does_nothing(engine: Engine, script: Script) -> None:
    run = engine.start("line")

    cancel(run.id, reason="enough", actor="ann")
    engine.work()

    assert script.calls == []
    assert fresh(run).state == "cancelled"


def test_a_running_step_is_asked_and_its_result_is_kept(engine: Engine) -> None:
    run, claim = running(engine)

    cancel(run.id, reason="enough", actor="ann")
    before = (fresh(run).state, states(run)["one"])
    claims.finish(Finish(claim, 7), OTHER)

    assert before == ("cancelling", "running")
    assert the_step(run, "one").result == 7


def test_a_run_rests_when_its_last_running_step_has_ended(engine: Engine, script: Script) -> None:
    run = engine.start("line")
    script.tell("one", meanwhile(cancel, run.id, reason="enough", actor="ann"))

    engine.work()

    assert fresh(run).state == "cancelled"
    assert states(run) == {"one": "succeeded", "two": "cancelled", "three": "cancelled"}


def test_a_step_that_listens_ends_as_cancelled(engine: Engine, script: Script) -> None:
    run = engine.start("line")

    def stop() -> int:
        cancel(run.id, reason="enough", actor="ann")
        raise Cancelled("asked to stop")

    script.tell("one", stop)
    engine.work()

    assert (fresh(run).state, states(run)["one"]) == ("cancelled", "cancelled")
    assert Attempt.objects.get(run=run).outcome == "cancelled"


def test_a_failure_of_a_step_that_was_asked_to_stop_is_its_cancellation(
    engine: Engine, script: Script
) -> None:
    run = engine.start("line")

    def stop() -> int:
        cancel(run.id, reason="enough", actor="ann")
        raise KeyError("in the middle of it")

    script.tell("one", stop)
    engine.work()

    assert (fresh(run).state, states(run)["one"]) == ("cancelled", "cancelled")


def test_a_running_step_hears_that_it_should_stop(engine: Engine, script: Script) -> None:
    run = engine.start("line")
    heard: list[bool] = []

    def listen() -> int:
        (held,) = leases._held
        cancel(run.id, reason="enough", actor="ann")
        leases._hear_of_cancellation([held])
        heard.append(held.cancelled)
        return 7

    script.tell("one", listen)
    engine.work()

    assert heard == [True]


def test_cancelling_now_takes_running_steps_away(engine: Engine) -> None:
    run, claim = running(engine)

    cancel(run.id, reason="enough", actor="ann", now=True)

    assert fresh(run).state == "cancelled"
    with pytest.raises(LeaseLost):
        claims.finish(Finish(claim, 7), OTHER)


def test_cancelling_now_after_asking_takes_running_steps_away(engine: Engine) -> None:
    run, _ = running(engine)
    cancel(run.id, reason="enough", actor="ann")

    cancel(run.id, reason="enough", actor="ann", now=True)

    assert fresh(run).state == "cancelled"


def test_what_is_taken_away_is_an_attempt_with_its_doubt(engine: Engine) -> None:
    run, _ = running(engine, "paid_blindly", "pay")

    cancel(run.id, reason="enough", actor="ann", now=True)

    attempt = Attempt.objects.get(run=run)
    assert (attempt.outcome, attempt.sent) == ("cancelled", "maybe")


def test_a_step_that_does_not_stop_is_taken_away_after_a_while(engine: Engine) -> None:
    run, _ = running(engine)
    cancel(run.id, reason="enough", actor="ann")
    before = cancelling.overdue()
    Run.objects.filter(id=run.id).update(cancel_requested_at=timezone.now() - timedelta(minutes=5))

    for run_id in cancelling.overdue():
        cancelling.take_away_overdue(run_id)

    assert before == []
    assert fresh(run).state == "cancelled"


def test_cancelling_twice_changes_nothing(engine: Engine) -> None:
    run = engine.run("letter")
    cancel(run.id, reason="enough", actor="ann")

    cancel(run.id, reason="again", actor="bob")

    assert fresh(run).reason == "enough"
    assert len(told(run, "run.cancelling")) == 1


def test_a_run_that_has_succeeded_stays_so(engine: Engine) -> None:
    run = engine.run("line")

    with pytest.raises(NotPossible, match="succeeded"):
        cancel(run.id, reason="enough", actor="ann")


def test_a_failed_run_can_be_cancelled(engine: Engine, script: Script) -> None:
    script.tell("two", PermanentInput("no"))
    run = engine.run("line")

    cancel(run.id, reason="enough", actor="ann")

    assert (fresh(run).state, fresh(run).reason) == ("cancelled", "enough")


def test_a_paused_run_can_be_cancelled(engine: Engine) -> None:
    run = engine.start("line")
    pause(run.id, actor="ann")

    cancel(run.id, reason="enough", actor="ann")

    assert fresh(run).state == "cancelled"


def test_the_items_of_a_cancelled_map_are_cancelled(engine: Engine, script: Script) -> None:
    run = engine.start("roots", input={"items": [1, 2, 3]})
    script.tell("root[1]", meanwhile(cancel, run.id, reason="enough", actor="ann"))

    engine.work()

    assert items(run, "root") == ["succeeded", "cancelled", "cancelled"]
    assert fresh(run).state == "cancelled"


def test_a_failing_item_of_a_cancelled_run_does_not_keep_it_open(
    engine: Engine, script: Script
) -> None:
    run = engine.start("squares", input={"items": [1, 2]})

    def fail() -> int:
        cancel(run.id, reason="enough", actor="ann")
        raise KeyError("in the middle of it")

    script.tell("square[1]", fail)
    engine.work()

    assert fresh(run).state == "cancelled"


def test_cancelling_an_unknown_run_is_refused(engine: Engine) -> None:
    with pytest.raises(NotPossible, match="there is no run"):
        cancel(uuid4(), reason="enough", actor="ann")
