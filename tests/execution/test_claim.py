"""Claims: exclusive, fenced, and finished together with what follows."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from aiops.execution import claim as claims
from aiops.execution.cancel import cancel
from aiops.execution.claim import Claim, Ending, Finish, ItemFinish, LeaseLost, Owner
from aiops.execution.payloads import dumps
from aiops.execution.resume import pause
from aiops.models import Attempt, Event, Run, Step
from tests.execution.engine import COMMITS, Engine, fresh, items, states, the_step
from tests.execution.threads import at_once

pytestmark = COMMITS

ME = Owner("me/1", "task-1")
OTHER = Owner("other/1", "task-2")


def claimed(run: Run, name: str = "one", owner: Owner = ME, epoch: int = 0) -> Claim | None:
    step = the_step(run, name)
    return claims.claim(run_id=run.id, step_id=step.id, epoch=epoch, owner=owner)


def held(run: Run, name: str = "one", owner: Owner = ME) -> Claim:
    claim = claimed(run, name, owner)
    assert claim is not None
    return claim


def expire(run: Run, name: str = "one") -> None:
    """Put a step back as recovery does, while its worker still believes that it holds it."""
    Step.objects.filter(run=run, name=name).update(
        state="queued", lease_until=None, dispatch_due=timezone.now()
    )


def test_a_claim_takes_a_queued_step_under_a_lease(engine: Engine) -> None:
    run = engine.start("line")

    claim = held(run)

    step = the_step(run, "one")
    assert (step.state, step.worker, step.task_id) == ("running", "me/1", "task-1")
    assert step.lease_until is not None
    assert step.lease_until > timezone.now() + timedelta(seconds=20)
    assert (claim.name, claim.run_id, claim.item) == ("one", run.id, None)


def test_a_claim_reads_back_the_fence_that_it_wrote(engine: Engine) -> None:
    run = engine.start("line")
    first = held(run)
    expire(run)

    second = held(run, owner=OTHER)

    assert (first.fence, second.fence) == (1, 2)
    assert the_step(run, "one").fence == 2


def test_a_claim_says_that_its_run_runs(engine: Engine) -> None:
    run = engine.start("line")

    held(run)

    assert fresh(run).state == "running"
    assert fresh(run).started_at is not None


def test_a_second_claim_gets_nothing(engine: Engine) -> None:
    run = engine.start("line")
    held(run)

    assert claimed(run, owner=OTHER) is None


def test_claims_at_the_same_time_give_the_step_to_one(engine: Engine) -> None:
    run = engine.start("line")

    found = at_once([lambda: claimed(run)] * 8)

    assert [c.fence for c in found if c] == [1]


def test_a_claim_of_an_older_epoch_gets_nothing(engine: Engine) -> None:
    run = engine.start("line")
    Step.objects.filter(run=run, name="one").update(epoch=1)

    assert claimed(run, epoch=0) is None


def test_a_claim_of_another_runs_step_gets_nothing(engine: Engine) -> None:
    run, other = engine.start("line"), engine.start("line")
    step = the_step(other, "one")

    assert claims.claim(run_id=run.id, step_id=step.id, epoch=0, owner=ME) is None


@pytest.mark.parametrize(
    "state", ["pending", "running", "retrying", "waiting", "attention", "failed", "succeeded"]
)
def test_only_a_queued_step_can_be_claimed(engine: Engine, state: str) -> None:
    run = engine.start("line")
    now = timezone.now()
    Step.objects.filter(run=run, name="one").update(
        state=state, reason="timer", lease_until=now, worker="other/1", wake_at=now
    )

    assert claimed(run) is None


def test_a_paused_run_is_not_claimed(engine: Engine) -> None:
    run = engine.start("line")
    pause(run.id, actor="ann")

    assert claimed(run) is None


def test_a_cancelled_run_is_not_claimed(engine: Engine) -> None:
    run = engine.start("line")
    Run.objects.filter(id=run.id).update(cancel_requested_at=timezone.now())

    assert claimed(run) is None


def test_a_run_that_has_ended_is_not_claimed(engine: Engine) -> None:
    run = engine.start("line")
    Run.objects.filter(id=run.id).update(state="failed", finished_at=timezone.now())

    assert claimed(run) is None


# Finishing


def test_finishing_records_the_result_an_attempt_and_an_event(engine: Engine) -> None:
    run = engine.start("line")

    claims.finish(Finish(held(run), 7), ME)

    attempt = Attempt.objects.get(run=run)
    assert the_step(run, "one").result == 7
    assert (attempt.outcome, attempt.number, attempt.worker) == ("succeeded", 1, "me/1")
    assert attempt.started_at <= attempt.finished_at
    assert Event.objects.get(run=run, kind="step.succeeded").data == {"name": "one", "attempt": 1}


def test_finishing_and_claiming_the_next_step_is_one_statement(engine: Engine) -> None:
    run = engine.start("line")
    claim = held(run)
    following = the_step(run, "two").id

    with connection.execute_wrapper(_refuse), CaptureQueriesContext(connection) as queries:
        following_claim = claims.finish(Finish(claim, 7), ME, then_claim=following)

    assert following_claim is not None
    assert following_claim.name == "two"
    assert states(run) == {"one": "succeeded", "two": "running", "three": "pending"}
    # The claim's own cursor is not Django's: what Django sees is that nothing else was asked.
    assert len(queries) == 0


def _refuse(*_: Any) -> None:
    raise AssertionError("a statement more than the one")


def test_finishing_may_queue_the_next_step_for_another_pool(engine: Engine) -> None:
    run = engine.start("relay")

    claims.finish(Finish(held(run), 7), ME, then_queue=the_step(run, "ask").id)

    step = the_step(run, "ask")
    assert (step.state, step.dispatches) == ("queued", 1)
    assert step.dispatch_due is not None
    assert step.dispatch_due > timezone.now()


def test_a_late_workers_result_is_refused(engine: Engine) -> None:
    run = engine.start("line")
    late = held(run)
    expire(run)
    held(run, owner=OTHER)

    with pytest.raises(LeaseLost):
        claims.finish(Finish(late, 7), ME)

    assert the_step(run, "one").state == "running"
    assert Attempt.objects.count() == 0


def test_a_result_is_refused_after_the_step_was_put_back(engine: Engine) -> None:
    run = engine.start("line")
    late = held(run)
    expire(run)

    with pytest.raises(LeaseLost):
        claims.finish(Finish(late, 7), ME)


def test_a_result_is_recorded_once(engine: Engine) -> None:
    run = engine.start("line")
    claim = held(run)
    claims.finish(Finish(claim, 7), ME)

    with pytest.raises(LeaseLost):
        claims.finish(Finish(claim, 8), ME)

    assert the_step(run, "one").result == 7


def test_a_late_workers_failure_is_refused(engine: Engine) -> None:
    run = engine.start("line")
    late = held(run)
    expire(run)

    with pytest.raises(LeaseLost):
        claims.end(late, Ending(state="failed", outcome="failed"))


@pytest.mark.parametrize("stop", ["pause", "cancel"])
def test_a_stopped_run_gives_no_next_step(engine: Engine, stop: str) -> None:
    run = engine.start("line")
    claim = held(run)
    following = the_step(run, "two").id
    if stop == "pause":
        pause(run.id, actor="ann")
    else:
        cancel(run.id, reason="enough", actor="ann")

    assert claims.finish(Finish(claim, 7), ME, then_claim=following) is None

    assert states(run)["one"] == "succeeded"
    assert states(run)["two"] != "running"


def test_a_stopped_run_queues_no_next_step(engine: Engine) -> None:
    run = engine.start("relay")
    claim = held(run)
    pause(run.id, actor="ann")

    claims.finish(Finish(claim, 7), ME, then_queue=the_step(run, "ask").id)

    assert states(run)["ask"] == "pending"


# Renewing


def test_renewing_prolongs_a_lease(engine: Engine) -> None:
    run = engine.start("line")
    claim = held(run)
    Step.objects.filter(id=claim.step_id).update(lease_until=timezone.now())

    claims.renew([(claim.step_id, claim.fence)])

    lease_until = the_step(run, "one").lease_until
    assert lease_until is not None
    assert lease_until > timezone.now() + timedelta(seconds=20)


def test_renewing_does_not_prolong_what_another_holds(engine: Engine) -> None:
    run = engine.start("line")
    late = held(run)
    expire(run)
    held(run, owner=OTHER)
    past = timezone.now()
    Step.objects.filter(id=late.step_id).update(lease_until=past)

    claims.renew([(late.step_id, late.fence)])

    assert the_step(run, "one").lease_until == past


# Items


def opened(engine: Engine, count: int = 4) -> tuple[Run, Any]:
    """A run with an open map of so many items, and the map's id."""
    run = engine.start("roots", input={"items": list(range(count))})
    return run, the_step(run, "root").id


def finished(claim: Claim, value: Any = 1) -> ItemFinish:
    now = timezone.now()
    return ItemFinish(claim, dumps(value), "", "", now, now)


def test_items_are_claimed_in_order(engine: Engine) -> None:
    _, map_id = opened(engine)

    found = claims.claim_items(map_id=map_id, count=3, owner=ME)

    assert [(claim.item, claim.item_value) for claim in found] == [(0, 0), (1, 1), (2, 2)]


def test_items_are_claimed_once_by_members_at_the_same_time(engine: Engine) -> None:
    _, map_id = opened(engine, 40)

    found = at_once([lambda: claims.claim_items(map_id=map_id, count=5, owner=ME)] * 8)

    taken = [claim.item for some in found for claim in some]
    assert sorted(taken) == list(range(40))


def test_items_of_a_paused_run_are_not_claimed(engine: Engine) -> None:
    run, map_id = opened(engine)
    pause(run.id, actor="ann")

    assert claims.claim_items(map_id=map_id, count=3, owner=ME) == []


def test_items_are_finished_and_the_next_are_claimed_in_one_statement(engine: Engine) -> None:
    run, map_id = opened(engine)
    first = claims.claim_items(map_id=map_id, count=2, owner=ME)

    taken = claims.finish_items([finished(c) for c in first], map_id=map_id, count=1, owner=ME)

    assert [claim.item for claim in taken] == [2]
    assert items(run, "root") == ["succeeded", "succeeded", "running", "queued"]
    assert Attempt.objects.filter(run=run, outcome="succeeded").count() == 2


def test_an_item_whose_lease_was_lost_is_left_alone(engine: Engine) -> None:
    run, map_id = opened(engine)
    first, second = claims.claim_items(map_id=map_id, count=2, owner=ME)
    Step.objects.filter(id=first.step_id).update(state="queued", lease_until=None)

    claims.finish_items([finished(first), finished(second)], map_id=map_id, count=0, owner=ME)

    assert items(run, "root")[:2] == ["queued", "succeeded"]
    assert Attempt.objects.count() == 1


def test_items_that_are_given_back_can_be_claimed_again(engine: Engine) -> None:
    _, map_id = opened(engine)
    taken = claims.claim_items(map_id=map_id, count=4, owner=ME)

    claims.give_back([(claim.step_id, claim.fence) for claim in taken])

    again = claims.claim_items(map_id=map_id, count=4, owner=OTHER)
    assert [claim.fence for claim in again] == [2, 2, 2, 2]
    assert Attempt.objects.count() == 0


# Messages


def test_a_message_that_comes_again_after_its_steps_does_nothing(engine: Engine) -> None:
    run = engine.start("line")
    (letter,) = engine.letters
    engine.work()

    engine.deliver(letter)

    assert [d.value for d in engine.deliveries] == ["ran", "repeated"]
    assert Attempt.objects.filter(run=run).count() == 3


def test_a_message_whose_first_step_another_holds_must_not_count(engine: Engine) -> None:
    run = engine.start("line")
    held(run, owner=OTHER)

    engine.work()

    assert [d.value for d in engine.deliveries] == ["leased"]


def test_a_message_whose_later_step_another_holds_must_not_count(engine: Engine) -> None:
    run = engine.start("line")
    claims.finish(Finish(held(run), 7), ME, then_claim=the_step(run, "two").id)

    engine.work()

    assert [d.value for d in engine.deliveries] == ["leased"]


def test_a_message_of_an_older_epoch_does_nothing(engine: Engine) -> None:
    run = engine.start("line")
    Step.objects.filter(run=run, name="one").update(epoch=1)

    engine.work()

    assert [d.value for d in engine.deliveries] == ["stale"]
    assert states(run)["one"] == "queued"


def test_a_message_of_a_run_that_is_gone_does_nothing(engine: Engine) -> None:
    engine.start("line")
    Run.objects.all().delete()

    engine.work()

    assert [d.value for d in engine.deliveries] == ["stale"]


def test_the_last_message_of_a_chain_that_comes_first_does_nothing(engine: Engine) -> None:
    engine.start("relay")
    last = engine.letters[0].rest[-1]

    engine.deliver(last)

    assert [d.value for d in engine.deliveries] == ["stale"]


def test_a_repeated_last_message_moves_on_a_run_whose_worker_died_before_it_could(
    engine: Engine,
) -> None:
    run = engine.start("diamond")
    letter = engine.letters.pop()
    claims.finish(Finish(held(run), 7), ME)

    engine.deliver(letter)

    assert (states(run)["left"], states(run)["right"]) == ("queued", "queued")
