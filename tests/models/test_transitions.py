"""The door of whoever holds the run's lock: each move is conditional, and tells."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest
from django.db import DatabaseError, IntegrityError, transaction
from django.utils import timezone

from aiops.models import Escalation, Event, Reason, Run, RunState, Step, StepState, transitions
from tests.execution.engine import COMMITS, Engine, fresh, question, states, the_step, told
from tests.execution.threads import at_once

pytestmark = COMMITS

LEASED = {"state": "running", "worker": "other/1"}


@pytest.fixture
def run(engine: Engine) -> Run:
    return engine.start("line")


def leased(run: Run) -> Step:
    """The first step, in the hands of a worker."""
    until = timezone.now() + timedelta(seconds=30)
    Step.objects.filter(run=run, name="one").update(lease_until=until, **LEASED)
    return the_step(run, "one")


# Runs


def test_moving_a_run_writes_its_state_its_reason_and_an_event(run: Run) -> None:
    moved = transitions.move_run(run, RunState.ATTENTION, reason="look at it", actor="ann")

    assert moved
    assert (fresh(run).state, fresh(run).reason) == ("attention", "look at it")
    (event,) = told(run, "run.attention")
    assert (event.actor, event.data["reason"]) == ("ann", "look at it")


def test_moving_a_run_to_where_it_is_does_nothing(run: Run) -> None:
    before = Event.objects.count()

    moved = transitions.move_run(run, run.state, reason=run.reason)

    assert (moved, Event.objects.count()) == (False, before)


def test_a_run_that_somebody_else_moved_is_left_alone(run: Run) -> None:
    Run.objects.filter(id=run.id).update(state="waiting")

    assert not transitions.move_run(run, RunState.RUNNING)
    assert fresh(run).state == "waiting"


@pytest.mark.parametrize("state", ["succeeded", "partial", "failed", "cancelled"])
def test_a_run_that_ends_says_when(run: Run, state: str) -> None:
    transitions.move_run(run, state)

    assert fresh(run).finished_at is not None


def test_a_run_that_is_brought_back_has_not_ended(run: Run) -> None:
    transitions.move_run(run, RunState.FAILED)

    transitions.move_run(run, RunState.QUEUED)

    assert fresh(run).finished_at is None


def test_a_reason_is_cut_to_what_the_column_holds(run: Run) -> None:
    transitions.move_run(run, RunState.ATTENTION, reason="x" * 400)

    assert len(fresh(run).reason) == 300


def test_the_lock_of_a_run_is_exclusive(run: Run) -> None:
    order: list[str] = []
    holds = threading.Event()

    def first() -> None:
        with transaction.atomic():
            transitions.lock(run.id)
            holds.set()
            order.append("first")

    def second() -> None:
        holds.wait(10)
        with transaction.atomic():
            transitions.lock(run.id)
            order.append("second")

    at_once([first, second])

    assert order == ["first", "second"]


# Steps


@pytest.mark.parametrize(
    "move",
    [
        lambda step: transitions.queue([step.id], published=True),
        lambda step: transitions.wait(step.id, Reason.TIMER),
        lambda step: transitions.succeed(step.id, 1, run_id=step.run_id),
        lambda step: transitions.skip([step.id], run_id=step.run_id, actor="ann"),
        lambda step: transitions.fail(step.id, {"message": "no"}, run_id=step.run_id),
        lambda step: transitions.need_person(step.id),
        lambda step: transitions.cancel_steps(step.run_id),
        lambda step: transitions.reset([step.id]),
        lambda step: transitions.reopen_map(step.id),
        lambda step: transitions.requeue(step.run_id),
    ],
    ids=[
        "queue", "wait", "succeed", "skip", "fail", "need_person", "cancel_steps", "reset",
        "reopen_map", "requeue",
    ],
)  # fmt: skip
def test_a_step_under_a_lease_is_left_alone(run: Run, move: object) -> None:
    step = leased(run)

    move(step)  # type: ignore[operator]  # one of the moves above

    assert the_step(run, "one").state == "running"
    assert the_step(run, "one").fence == step.fence


@pytest.mark.parametrize(
    "move",
    [
        lambda step: transitions.queue([step.id], published=True),
        lambda step: transitions.succeed(step.id, 2, run_id=step.run_id),
        lambda step: transitions.skip([step.id], run_id=step.run_id, actor="ann"),
        lambda step: transitions.fail(step.id, {"message": "no"}, run_id=step.run_id),
        lambda step: transitions.need_person(step.id),
        lambda step: transitions.cancel_steps(step.run_id),
    ],
    ids=["queue", "succeed", "skip", "fail", "need_person", "cancel_steps"],
)
def test_a_step_that_succeeded_is_left_alone(run: Run, move: object) -> None:
    Step.objects.filter(run=run, name="one").update(state="succeeded", result=1)
    step = the_step(run, "one")
    before = Event.objects.count()

    move(step)  # type: ignore[operator]  # one of the moves above

    assert (the_step(run, "one").state, the_step(run, "one").result) == ("succeeded", 1)
    assert Event.objects.count() == before


def test_a_move_ends_whatever_the_step_waited_for(run: Run) -> None:
    later = timezone.now() + timedelta(hours=1)
    step = the_step(run, "one")
    transitions.wait(step.id, Reason.TIMER, until=later, wake_at=later)

    transitions.succeed(step.id, 1, run_id=run.id)

    step.refresh_from_db()
    assert (step.reason, step.until, step.wake_at, step.dispatch_due) == ("", None, None, None)


def test_a_reset_step_begins_under_a_new_epoch_with_nothing_left(run: Run) -> None:
    step = the_step(run, "one")
    Step.objects.filter(id=step.id).update(
        state="failed", tries=2, losses=1, error={"word": "bug"}, in_doubt=True, result=5,
        history={"bugs": 1},
    )  # fmt: skip

    transitions.reset([step.id])

    step.refresh_from_db()
    assert (step.state, step.epoch) == ("pending", 1)
    assert (step.tries, step.losses, step.history, step.in_doubt) == (0, 0, {}, False)
    assert (step.error, step.result) == (None, None)


def test_a_reset_keeps_the_fence_so_that_late_workers_stay_out(run: Run) -> None:
    Step.objects.filter(run=run, name="one").update(state="failed", fence=4)

    transitions.reset([the_step(run, "one").id])

    assert the_step(run, "one").fence == 4


@pytest.mark.parametrize(("published", "dispatches"), [(True, 1), (False, 0)])
def test_a_queued_step_says_whether_its_message_was_sent(
    run: Run, published: bool, dispatches: int
) -> None:
    step = the_step(run, "two")

    transitions.queue([step.id], published=published)

    step.refresh_from_db()
    assert (step.state, step.dispatches) == ("queued", dispatches)
    assert step.dispatch_due is not None


def test_a_persons_skip_keeps_its_reason_on_the_row(run: Run) -> None:
    transitions.skip([the_step(run, "one").id], run_id=run.id, actor="ann", why="no need")

    assert the_step(run, "one").error == {"word": "skipped", "message": "no need"}


def test_a_branch_that_was_not_chosen_has_no_error_and_no_event(run: Run) -> None:
    transitions.skip([the_step(run, "one").id], run_id=run.id)

    assert the_step(run, "one").error is None
    assert told(run, "step.skipped") == []


def test_cancelling_leaves_the_steps_of_undoing(run: Run) -> None:
    Step.objects.filter(run=run, name="two").update(name="undo:one")

    transitions.cancel_steps(run.id)

    assert states(run) == {"one": "cancelled", "undo:one": "pending", "three": "cancelled"}


# Escalations


def asked(run: Run) -> Escalation:
    return Escalation(
        run_id=run.id,
        step=the_step(run, "one"),
        kind="bug",
        question="What now?",
        answers=["retry"],
    )


def test_a_step_has_one_open_question(run: Run) -> None:
    found = [transitions.open_escalation(asked(run)) for _ in range(2)]

    assert found == [True, False]
    assert len(told(run, "escalation.opened")) == 1


def test_a_question_is_answered_once_whoever_is_first(run: Run) -> None:
    transitions.open_escalation(asked(run))
    asked_id = question(run).id

    found = at_once(
        [
            lambda: transitions.answer_escalation(asked_id, answer="retry", actor="ann"),
            lambda: transitions.answer_escalation(asked_id, answer="retry", actor="bob"),
        ]
    )

    assert sorted(bool(one) for one in found) == [False, True]
    assert len(told(run, "escalation.answered")) == 1


def test_an_answered_question_makes_room_for_another(run: Run) -> None:
    transitions.open_escalation(asked(run))
    transitions.answer_escalation(question(run).id, answer="retry", actor="ann")

    assert transitions.open_escalation(asked(run))


# What the database itself refuses


@pytest.mark.parametrize(
    "wrong",
    [
        {"state": "dreaming"},
        {"state": "running", "lease_until": None},
        {"state": "queued", "dispatch_due": None},
        {"state": "retrying", "wake_at": None},
        {"state": "waiting", "reason": ""},
        {"effect": "sometimes"},
        {"item": 1},
    ],
    ids=str,
)
def test_a_step_that_nothing_would_move_is_refused(run: Run, wrong: dict[str, object]) -> None:
    with pytest.raises(IntegrityError):
        Step.objects.filter(run=run, name="one").update(**wrong)


@pytest.mark.parametrize(
    "wrong",
    [
        {"state": "dreaming"},
        {"state": "succeeded"},
        {"finished_at": timezone.now()},
        {"state": "cancelling"},
    ],
    ids=["unknown", "ended without a time", "open with an end", "cancelling unasked"],
)
def test_a_run_that_contradicts_itself_is_refused(run: Run, wrong: dict[str, object]) -> None:
    with pytest.raises(DatabaseError):
        Run.objects.filter(id=run.id).update(**wrong)


def test_a_second_step_of_the_same_name_is_refused(run: Run) -> None:
    with pytest.raises(IntegrityError):
        Step.objects.create(run=run, name="one", kind="step")


def test_a_second_attempt_of_the_same_number_is_refused(engine: Engine, run: Run) -> None:
    from aiops.models import Attempt

    engine.work()
    first = Attempt.objects.filter(run=run).order_by("id")[0]
    first.pk = None

    with pytest.raises(IntegrityError):
        first.save(force_insert=True)


def test_a_run_takes_all_that_is_its_own_with_it(engine: Engine, run: Run) -> None:
    engine.work()

    Run.objects.all().delete()

    assert [Step.objects.count(), Event.objects.count()] == [0, 0]


def test_the_states_of_a_step_and_of_a_run_have_words_for_people() -> None:
    assert StepState.ATTENTION.label == RunState.ATTENTION.label == "Needs attention"
