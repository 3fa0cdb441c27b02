"""Workers that are lost while they run a step."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from aiops.execution import claim as claims
from aiops.execution import recovery
from aiops.execution.answer import answer
from aiops.execution.cancel import cancel
from aiops.execution.claim import Claim, Finish, LeaseLost, Owner
from aiops.models import Attempt, Run, Step
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
from tests.flows.script import Script

pytestmark = COMMITS

GONE = Owner("io@gone/7", "task-gone")


def lost(run: Run, name: str) -> Claim:
    """A worker takes a queued step and is never heard of again."""
    step = the_step(run, name)
    claim = claims.claim(run_id=run.id, step_id=step.id, epoch=step.epoch, owner=GONE)
    assert claim is not None
    Step.objects.filter(id=step.id).update(lease_until=timezone.now() - timedelta(seconds=1))
    return claim


def recover() -> int:
    return recovery.recover(recovery.expired(), "its lease ended without a word")


def test_a_lease_that_is_not_over_is_left_alone(engine: Engine) -> None:
    run = engine.start("line")
    lost(run, "one")
    Step.objects.filter(run=run).update(lease_until=timezone.now() + timedelta(seconds=5))

    assert recover() == 0


def test_a_pure_step_runs_again(engine: Engine, script: Script) -> None:
    run = engine.start("line")
    engine.drop()
    lost(run, "one")

    found = recover()
    time_passes(run)
    engine.work()

    assert found == 1
    assert (fresh(run).state, result(run)) == ("succeeded", 3)


def test_the_loss_is_an_attempt_and_an_event(engine: Engine) -> None:
    run = engine.start("line")
    lost(run, "one")

    recover()

    attempt = Attempt.objects.get(run=run)
    assert (attempt.outcome, attempt.worker) == ("lost", "io@gone/7")
    assert [event.data["losses"] for event in told(run, "step.worker_lost")] == [1]


def test_a_lost_worker_burns_no_attempt(engine: Engine) -> None:
    run = engine.start("line")
    lost(run, "one")

    recover()

    assert (the_step(run, "one").tries, the_step(run, "one").losses) == (0, 1)


def test_a_worker_that_was_only_slow_is_refused(engine: Engine) -> None:
    run = engine.start("line")
    claim = lost(run, "one")
    recover()

    with pytest.raises(LeaseLost):
        claims.finish(Finish(claim, 7), GONE)

    assert states(run)["one"] == "queued"


def test_two_keepers_record_a_loss_once(engine: Engine) -> None:
    run = engine.start("line")
    lost(run, "one")
    seen = list(recovery.expired())

    found = [recovery.recover(seen, "gone"), recovery.recover(seen, "gone")]

    assert found == [1, 0]
    assert Attempt.objects.filter(run=run).count() == 1


def test_a_step_that_loses_three_workers_is_left_to_a_person(engine: Engine) -> None:
    run = engine.start("line")
    for _ in range(3):
        engine.drop()
        lost(run, "one")
        recover()
        time_passes(run)

    assert (fresh(run).state, question(run).kind) == ("attention", "lost")


def test_a_quarantined_step_that_a_person_retries_starts_from_nothing(engine: Engine) -> None:
    run = engine.start("line")
    for _ in range(3):
        engine.drop()
        lost(run, "one")
        recover()
        time_passes(run)

    answer(question(run).id, "retry", actor="ann")
    engine.work()

    assert fresh(run).state == "succeeded"
    assert the_step(run, "one").losses == 0


def test_an_effect_whose_worker_was_lost_is_in_doubt(engine: Engine, script: Script) -> None:
    run = engine.start("paid_blindly")
    lost(run, "pay")

    recover()

    assert question(run).kind == "in_doubt"
    assert script.times("pay") == 0


def test_an_effect_whose_worker_was_lost_is_looked_up(engine: Engine, script: Script) -> None:
    run = engine.start("charged")
    engine.drop()
    script.tell("look_for_the_charge", "charged at noon")
    lost(run, "charge")

    recover()
    time_passes(run)
    engine.work()

    assert result(run) == "you were charged at noon"
    assert script.times("charge") == 0


def test_an_item_whose_worker_was_lost_runs_again(engine: Engine) -> None:
    run = engine.start("squares", input={"items": [1, 2, 3]})
    engine.deliver(engine.letters.pop())
    engine.drop()
    claims.claim_items(map_id=the_step(run, "square").id, count=2, owner=GONE)
    Step.objects.filter(run=run, state="running").update(lease_until=timezone.now())

    recover()
    time_passes(run)
    engine.work()

    # The third one was never taken: its members' messages are lost, and the keeper sends again.
    assert items(run, "square")[:2] == ["succeeded", "succeeded"]


def test_a_cancelled_runs_lost_step_is_cancelled(engine: Engine) -> None:
    run = engine.start("line")
    lost(run, "one")
    cancel(run.id, reason="enough", actor="ann")

    recover()

    assert (states(run)["one"], fresh(run).state) == ("cancelled", "cancelled")


def test_the_steps_of_one_message_are_found(engine: Engine) -> None:
    run = engine.start("line")
    lost(run, "one")

    assert [s.name for s in recovery.of_message(run.id, "task-gone")] == ["one"]
    assert list(recovery.of_message(run.id, "task-other")) == []


def test_the_steps_of_one_node_are_found(engine: Engine) -> None:
    run = engine.start("line")
    lost(run, "one")

    assert [s.name for s in recovery.of_node("io@gone")] == ["one"]
    assert list(recovery.of_node("io@go")) == []
