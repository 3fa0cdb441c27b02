"""No limbo: whatever loses its reason is found, named and moved; what has one is left alone."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from aiops.execution import claim as claims
from aiops.execution.advance import advance
from aiops.execution.answer import answer
from aiops.execution.claim import Finish
from aiops.execution.dispatch import BrokerAway
from aiops.models import Escalation, Event, Run, Step
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
    told,
)
from tests.flows.script import Script
from tests.upkeep.situations import (
    OTHER,
    WELL,
    approving,
    claimed,
    in_need,
    parked,
    queued,
    retrying,
    sleeping,
    with_an_item_in_doubt,
    with_child,
    with_items,
)

pytestmark = COMMITS

LONG_AGO = timedelta(minutes=2)


@pytest.fixture(autouse=True)
def empty_queues(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("aiops.execution.resend.queue_lengths", lambda pools: {})


def age(run: Run, by: timedelta = LONG_AGO) -> None:
    """Let time pass over a run: everything that has a time is this much older."""
    for step in Step.objects.filter(run=run):
        times = ("since", "started_at", "finished_at", "lease_until", "dispatch_due", "wake_at")
        moved = {name: at - by for name in times if (at := getattr(step, name)) is not None}
        Step.objects.filter(id=step.id).update(**moved)
    run = fresh(run)
    ended = {"finished_at": run.finished_at - by} if run.finished_at else {}
    Run.objects.filter(id=run.id).update(since=run.since - by, **ended)
    for child in Run.objects.filter(parent_step__run=run):
        age(child, by)


def mended(engine: Engine) -> list[str]:
    """What was in limbo; it is repaired, and what that sent is worked on."""
    found = prove.limbo()
    for one in found:
        prove.repair(one)
    engine.work()
    return [one.what for one in found]


# Runs that are well


@pytest.mark.parametrize("state", WELL, ids=[state.__name__ for state in WELL])
def test_a_run_that_is_well_is_not_in_limbo(
    engine: Engine, script: Script, state: Callable[[Engine, Script], Run]
) -> None:
    state(engine, script)

    assert prove.limbo(slack_s=0, recent_s=None) == []


# What is lost


def test_a_worker_that_is_gone_is_found(engine: Engine) -> None:
    run = engine.start("line")
    engine.drop()
    claimed(run, "one")
    age(run)

    assert mended(engine) == ["its lease is over"]
    assert fresh(run).state == "succeeded"


def test_a_lost_message_is_found(engine: Engine) -> None:
    run = engine.start("line")
    engine.drop()
    age(run)

    assert mended(engine) == ["its message is overdue"]
    assert fresh(run).state == "succeeded"


def test_a_lost_message_is_not_called_repaired_while_the_broker_is_away(engine: Engine) -> None:
    run = engine.start("line")
    engine.drop()
    age(run)
    engine.is_away = True
    (one,) = prove.limbo()

    with pytest.raises(BrokerAway):
        prove.repair(one)

    assert told(run, "limbo.repaired") == []


def test_a_lost_join_is_found(engine: Engine) -> None:
    run = engine.start("diamond")
    engine.deliver(engine.letters.pop())
    for letter in engine.drop():
        engine.deliver(letter)
    engine.drop()
    age(run)

    assert mended(engine) == ["none of its steps is on its way"]
    assert fresh(run).state == "succeeded"


def with_a_lost_join(engine: Engine) -> Run:
    """A run whose two branches have ended while a third one waits; nobody was told."""
    run = engine.start("side_by_side", input={"label": "A1"})
    for letter in engine.drop():
        engine.deliver(letter)
    engine.drop()
    return run


def test_a_lost_join_beside_a_step_that_waits_is_found(engine: Engine) -> None:
    run = with_a_lost_join(engine)
    age(run)

    assert mended(engine) == ["it was not begun"]
    assert states(run)["after_both"] == "succeeded"


def test_an_old_lost_join_is_found_by_a_keeper_that_begins(engine: Engine) -> None:
    run = with_a_lost_join(engine)
    age(run, timedelta(minutes=10))

    assert prove.limbo() == []
    assert [one.what for one in prove.limbo(recent_s=None)] == ["it was not begun"]


def test_the_lost_members_of_a_map_are_found(engine: Engine) -> None:
    run = engine.start("roots", input={"items": [1, 2, 3]})
    engine.drop()
    age(run)

    assert mended(engine) == ["its members are overdue"]
    assert (fresh(run).state, result(run)) == ("succeeded", [1, 2, 3])


def test_the_lost_join_of_a_map_is_found(engine: Engine) -> None:
    run = engine.start("roots", input={"items": [1, 2, 3]})
    for letter in engine.drop():
        engine.deliver(letter)
    engine.drop()
    age(run)
    Step.objects.filter(run=run, dispatch_due__isnull=False).update(dispatch_due=timezone.now())

    assert mended(engine) == ["its wait has no cause"]
    assert fresh(run).state == "succeeded"


def test_an_item_that_its_map_has_left_behind_is_found(engine: Engine) -> None:
    run = engine.run("roots", input={"items": [1, 2, 3]})
    Step.objects.filter(run=run, item=1).update(state="queued")
    Run.objects.filter(id=run.id).update(state="running", finished_at=None)

    assert mended(engine) == ["its message is overdue"]
    assert items(run, "root") == ["succeeded", "cancelled", "succeeded"]
    assert prove.limbo() == []


def test_a_missed_retry_is_found(engine: Engine, script: Script) -> None:
    run = retrying(engine, script)
    age(run)

    assert mended(engine) == ["its time to retry has passed"]
    assert fresh(run).state == "succeeded"


@pytest.mark.parametrize("state", [parked, sleeping])
def test_a_wait_that_is_over_is_found(
    engine: Engine, script: Script, state: Callable[[Engine, Script], Run]
) -> None:
    run = state(engine, script)
    age(run, timedelta(hours=2))

    assert mended(engine) == ["its wait has no cause"]
    assert fresh(run).state == "succeeded"


@pytest.mark.parametrize("state", [approving, in_need, with_an_item_in_doubt])
@pytest.mark.parametrize("loss", ["closed", "deleted"])
def test_a_lost_question_is_found_and_asked_again(
    engine: Engine, script: Script, state: Callable[[Engine, Script], Run], loss: str
) -> None:
    run = state(engine, script)
    about = question(run).step_id
    if loss == "closed":
        Escalation.objects.update(state="closed")
    else:
        Escalation.objects.all().delete()

    assert len(mended(engine)) == 1
    assert question(run).step_id == about


def test_a_question_that_was_closed_by_mistake_is_asked_in_the_same_words(
    engine: Engine, script: Script
) -> None:
    run = in_need(engine, script)
    Escalation.objects.update(state="closed")

    mended(engine)

    assert (question(run).kind, question(run).question) == ("question", "which page?")


def test_a_lost_question_about_a_doubt_keeps_the_doubt(engine: Engine, script: Script) -> None:
    run = with_an_item_in_doubt(engine, script)
    Escalation.objects.all().delete()

    mended(engine)

    assert question(run).answers == ["it_happened", "it_did_not", "cancel"]


def test_a_lost_question_of_an_approval_can_be_answered(engine: Engine, script: Script) -> None:
    run = approving(engine, script)
    Escalation.objects.all().delete()
    mended(engine)

    answer(question(run).id, "approve", actor="ann")
    engine.work()

    assert fresh(run).state == "succeeded"


def test_a_child_whose_end_was_not_heard_of_is_found(engine: Engine, script: Script) -> None:
    run = with_child(engine, script)
    child = Run.objects.get(parent_step__run=run)
    Step.objects.filter(run=child).update(
        state="succeeded", result=4, reason="", finished_at=timezone.now()
    )
    Run.objects.filter(id=child.id).update(state="succeeded", finished_at=timezone.now())
    engine.drop()
    age(run)

    assert mended(engine) == ["its wait has no cause"]
    assert result(run) == "child made 4"


def test_a_child_that_is_gone_becomes_a_question(engine: Engine, script: Script) -> None:
    run = with_child(engine, script)
    Run.objects.filter(parent_step__run=run).delete()
    engine.drop()

    assert mended(engine) == ["its wait has no cause"]
    assert question(run).kind == "child_failed"


def test_a_step_that_waits_for_nothing_is_found_and_sent(engine: Engine) -> None:
    run = engine.start("line")
    engine.drop()
    Step.objects.filter(run=run, name="one").update(state="waiting", reason="message")

    mended(engine)

    step = the_step(run, "one")
    assert (step.state, step.dispatches) == ("queued", 0), "the keeper publishes it"


def test_a_run_that_was_never_advanced_is_found(engine: Engine) -> None:
    run = engine.start("line")
    engine.drop()
    Step.objects.filter(run=run).update(state="pending", reason="", dispatch_due=None)
    age(run)

    assert mended(engine) == ["none of its steps is on its way"]
    assert fresh(run).state == "succeeded"


def test_a_stopped_run_that_did_not_come_to_rest_is_found(engine: Engine) -> None:
    run = engine.start("line")
    engine.drop()
    claims.finish(Finish(claimed(run, "one"), 7), OTHER)
    Run.objects.filter(id=run.id).update(cancel_requested_at=timezone.now(), state="cancelling")
    age(run)

    assert mended(engine) == ["none of its steps is on its way"]
    assert fresh(run).state == "cancelled"


def test_a_run_whose_turn_has_come_unheard_is_found(engine: Engine) -> None:
    first = engine.run("letter", key="k")
    second = engine.start("letter", key="k", if_exists="queue")
    Run.objects.filter(id=first.id).update(state="cancelled", finished_at=timezone.now())
    age(second)

    assert mended(engine) == ["none of its steps is on its way"]
    assert fresh(second).state == "waiting"
    assert states(second)["compose"] == "succeeded"


# What a repair leaves


LOSSES: list[Callable[[Engine, Script], Any]] = [queued, retrying, with_child, with_items]


@pytest.mark.parametrize("state", LOSSES, ids=[state.__name__ for state in LOSSES])
def test_a_repair_leaves_no_limbo_and_an_event_that_says_what_was_wrong(
    engine: Engine, script: Script, state: Callable[[Engine, Script], Run]
) -> None:
    run = state(engine, script)
    engine.drop()
    age(run)

    whats = mended(engine)

    assert whats != []
    assert prove.limbo(slack_s=0) == []
    events = Event.objects.filter(kind="limbo.repaired").values_list("data", flat=True)
    assert [event["what"] for event in events] == whats


def test_what_has_only_just_become_due_is_left_to_the_keepers_own_loop(
    engine: Engine, script: Script
) -> None:
    run = retrying(engine, script)
    Step.objects.filter(run=run, state="retrying").update(
        wake_at=timezone.now() - timedelta(seconds=1)
    )

    assert prove.limbo() == []


@pytest.mark.parametrize("state", [with_items, with_child])
def test_what_has_only_just_ended_is_left_to_its_own_messages(
    engine: Engine, script: Script, state: Callable[[Engine, Script], Run]
) -> None:
    state(engine, script)
    for letter in engine.drop():
        engine.deliver(letter)
    engine.drop()

    assert prove.limbo() == []


def test_a_repair_of_a_run_that_has_ended_meanwhile_tells_nothing(engine: Engine) -> None:
    run = engine.start("line")
    age(run)
    (one,) = prove.limbo()
    engine.work()

    prove.repair(one)

    assert told(run, "limbo.repaired") == []


def test_advancing_any_number_of_times_changes_nothing(engine: Engine, script: Script) -> None:
    run = with_an_item_in_doubt(engine, script)
    before = (list(Step.objects.order_by("id").values()), Event.objects.count())

    for _ in range(3):
        advance(run.id)

    assert (list(Step.objects.order_by("id").values()), Event.objects.count()) == before
