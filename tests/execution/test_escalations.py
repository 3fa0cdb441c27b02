"""Questions as objects: whom they are for, how many must agree, how they end by themselves."""

from __future__ import annotations

from functools import partial

import pytest
from django.utils import timezone

from aiops.execution import hand_over
from aiops.execution.answer import answer
from aiops.execution.cancel import cancel
from aiops.execution.escalate import ask_again
from aiops.execution.plans import plan
from aiops.execution.resume import NotPossible, retry, skip, supply
from aiops.flow import Ambiguous, PermanentInput
from aiops.models import Escalation, Run, Step
from tests.execution.engine import (
    COMMITS,
    Engine,
    fresh,
    question,
    states,
    the_step,
    time_passes,
    told,
)
from tests.execution.threads import at_once
from tests.flows.script import Script

pytestmark = COMMITS


def asked(run: Run) -> Escalation:
    return Escalation.objects.get(run=run)


def paying(engine: Engine) -> Run:
    """A run that two people must let go on; ann has started it."""
    return engine.run("two_people", input={"label": "ada"}, started_by="ann")


# Whom it is for


def test_an_approval_is_for_whom_the_workflow_names(engine: Engine) -> None:
    one = question(paying(engine))

    assert (one.group, one.severity, one.people, one.not_by) == ("treasury", "critical", 2, "ann")


def test_a_question_about_a_failed_step_is_for_the_group_of_its_workflow(
    engine: Engine, script: Script
) -> None:
    script.tell("guess", ValueError("boom"), ValueError("boom"))
    run = engine.run("owned")

    time_passes(run)
    engine.work()

    assert (question(run).group, question(run).severity) == ("support", "low")


def test_a_question_that_nobody_declared_is_for_the_first_group_and_has_a_due_time(
    engine: Engine, script: Script
) -> None:
    script.tell("pay", Ambiguous("no answer"))

    one = question(engine.run("paid_blindly"))

    assert (one.group, one.severity) == ("approver", "high")
    assert one.due_at is not None
    assert one.remind_at is not None
    assert timezone.now() < one.remind_at < one.due_at


# Several people


def test_the_first_of_two_approvals_is_kept_and_the_run_waits_on(engine: Engine) -> None:
    run = paying(engine)

    answer(question(run).id, "approve", actor="bob", note="checked")
    engine.work()

    assert states(run)["agree"] == "waiting"
    (kept,) = question(run).approvals
    assert (kept["by"], kept["note"]) == ("bob", "checked")
    assert kept["shown"] == question(run).shown_hash
    (event,) = told(run, "escalation.approved")
    assert (event.actor, event.data["count"], event.data["people"]) == ("bob", 1, 2)


def test_the_second_approval_lets_it_go_on(engine: Engine, script: Script) -> None:
    run = paying(engine)

    for who in ("bob", "cleo"):
        answer(question(run).id, "approve", actor=who)
    engine.work()

    assert fresh(run).state == "succeeded"
    assert script.times("wire") == 1
    assert [one["by"] for one in asked(run).approvals] == ["bob", "cleo"]
    assert asked(run).answered_by == "cleo"


@pytest.mark.parametrize("again", ["bob", "cli:bob"])
def test_the_second_approval_is_another_persons_also_from_a_shell(
    engine: Engine, again: str
) -> None:
    run = paying(engine)
    answer(question(run).id, "approve", actor="bob")

    with pytest.raises(NotPossible, match="has approved it already: another person must"):
        answer(question(run).id, "approve", actor=again)

    assert len(question(run).approvals) == 1


@pytest.mark.parametrize("starter", ["ann", "cli:ann"])
def test_who_started_the_run_may_not_approve_it_where_the_workflow_says_so(
    engine: Engine, starter: str
) -> None:
    run = paying(engine)

    with pytest.raises(NotPossible, match="ann has started the run"):
        answer(question(run).id, "approve", actor=starter)

    assert question(run).approvals == []


def test_one_rejection_is_enough_even_that_of_the_starter(engine: Engine, script: Script) -> None:
    run = paying(engine)
    answer(question(run).id, "approve", actor="bob")

    answer(question(run).id, "reject", actor="ann", note="wrong account")
    engine.work()

    assert fresh(run).state == "cancelled"
    assert script.times("wire") == 0


def test_an_approval_of_something_else_than_is_shown_is_refused(engine: Engine) -> None:
    run = paying(engine)

    with pytest.raises(NotPossible, match="what you saw has changed"):
        answer(question(run).id, "approve", actor="bob", shown_hash="of-another-offer")

    assert question(run).approvals == []


def test_two_people_at_once_are_two_approvals_and_the_step_runs_once(
    engine: Engine, script: Script
) -> None:
    run = paying(engine)
    one = question(run).id

    at_once([partial(answer, one, "approve", actor=who) for who in ("bob", "cleo")])
    engine.work()

    assert fresh(run).state == "succeeded"
    assert script.times("wire") == 1


def test_nobody_skips_what_takes_several_people(engine: Engine) -> None:
    run = paying(engine)

    with pytest.raises(NotPossible, match="takes several people"):
        skip(run.id, "agree", actor="bob", reason="in a hurry")

    assert states(run)["agree"] == "waiting"


def test_nobody_gives_by_hand_what_takes_several_people(engine: Engine) -> None:
    run = paying(engine)

    with pytest.raises(NotPossible, match="takes several people"):
        supply(run.id, "agree", {"approved": True}, actor="bob")

    assert states(run)["agree"] == "waiting"


def test_a_plan_of_the_first_approval_says_that_another_must_follow(engine: Engine) -> None:
    run = paying(engine)
    one = question(run).id

    first = plan(run.id, "approve", escalation=one)
    answer(one, "approve", actor="bob")
    second = plan(run.id, "approve", escalation=one)

    assert first.button == "Approve (1 of 2)"
    assert first.notes == ("It goes on when another person approved it too.",)
    assert second.button == "Approve (2 of 2)"
    assert second.notes[1] == "It goes on with wire."
    assert first.fingerprint != second.fingerprint


def test_a_question_that_was_lost_is_asked_again_with_its_approvals(engine: Engine) -> None:
    run = paying(engine)
    answer(question(run).id, "approve", actor="bob")
    last = question(run)
    Escalation.objects.update(state="closed")

    assert ask_again(last)

    again = question(run)
    assert again.id != last.id
    assert (again.approvals, again.people, again.not_by) == (last.approvals, 2, "ann")
    assert (again.group, again.severity) == ("treasury", "critical")


# Its cause is gone


def test_a_retry_closes_the_question_and_says_why(engine: Engine, script: Script) -> None:
    script.tell("guess", ValueError("boom"), ValueError("boom"))
    run = engine.run("owned")
    time_passes(run)
    engine.work()
    one = question(run)

    retry(run.id, actor="ann")

    one.refresh_from_db()
    assert (one.state, one.closed_why) == ("closed", "it is run again")
    assert one.closed_at is not None
    assert one.remind_at is None
    (event,) = told(run, "escalation.closed")
    assert (event.step, event.data["why"]) == (one.step_id, "it is run again")


def test_a_cancelled_run_closes_its_questions_and_says_why(engine: Engine) -> None:
    run = paying(engine)

    cancel(run.id, reason="ordered twice", actor="ann")

    assert asked(run).closed_why == "the run was stopped: ordered twice"
    assert len(told(run, "escalation.closed")) == 1


@pytest.mark.parametrize(
    ("workflow", "why"),
    [
        ("silence_is_yes", "nobody answered in time: approved"),
        ("silence_is_no", "nobody answered in time: rejected"),
    ],
)
def test_silence_closes_the_question_and_says_what_it_meant(
    engine: Engine, workflow: str, why: str
) -> None:
    run = engine.run(workflow)

    time_passes(run)

    assert asked(run).closed_why == why


def test_an_answered_question_is_not_closed_a_second_time(engine: Engine) -> None:
    run = engine.run("letter")

    answer(question(run).id, "approve", actor="ann")
    engine.work()

    assert asked(run).state == "answered"
    assert told(run, "escalation.closed") == []


# Taking several


def test_many_are_taken_at_once_but_none_that_somebody_has(engine: Engine) -> None:
    free, taken, over = (engine.run("letter") for _ in range(3))
    hand_over.take(question(taken).id, actor="bob")
    answer(question(over).id, "approve", actor="bob")

    found = hand_over.take_many([asked(run).id for run in (free, taken, over)], actor="ann")

    assert found == (1, 2)
    assert (asked(free).owner, asked(taken).owner, asked(over).owner) == ("ann", "bob", "")
    assert len(told(free, "escalation.taken")) == 1


def test_a_failed_effect_that_went_out_is_never_answered_by_a_retry(
    engine: Engine, script: Script
) -> None:
    script.tell("pay", PermanentInput("the card is blocked"))
    run = engine.run("paid_blindly")
    step = the_step(run, "pay")
    assert isinstance(step.error, dict)
    Step.objects.filter(id=step.id).update(error={**step.error, "sent": "yes"}, state="failed")

    found = hand_over.ask_about(run.id, "pay", actor="ann", reason="what now?")

    assert found.answers == ["it_happened", "cancel"]
