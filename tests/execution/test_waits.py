"""Steps that only wait: for a person, an event, a time."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from aiops.execution.advance import advance
from aiops.execution.answer import answer
from aiops.execution.cancel import cancel
from aiops.execution.resume import NotPossible, pause, resume, retry
from aiops.models import Run, Signal, Step
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


def happens(match: str, pence: Any = 5, **fields: Any) -> Signal:
    values = {"name": "order.paid", "source_id": match, "payload": {"pence": pence}}
    return Signal.objects.create(**{**values, "match": match, **fields})


# Approvals


def test_an_approval_waits_without_a_message_and_asks(engine: Engine) -> None:
    run = engine.run("letter", input={"label": "ada"})

    assert (run.state, run.reason) == ("waiting", "agree waits for an approval")
    assert question(run).question == "Send it?"
    assert engine.letters == []


def test_an_approval_shows_what_it_is_about(engine: Engine) -> None:
    run = engine.run("letter", input={"label": "ada"})

    assert question(run).shows == {"compose": "dear ada"}


def test_an_approval_has_a_due_time(engine: Engine) -> None:
    run = engine.run("letter")

    due_at = question(run).due_at
    assert due_at is not None
    assert due_at - timezone.now() == pytest.approx(timedelta(hours=4), abs=timedelta(seconds=30))
    assert the_step(run, "agree").until == due_at


def test_an_approval_lets_the_run_go_on(engine: Engine, script: Script) -> None:
    run = engine.run("letter")

    answer(question(run).id, "approve", actor="ann", note="fine")
    engine.work()

    assert fresh(run).state == "succeeded"
    assert the_step(run, "agree").result["by"] == "ann"  # type: ignore[index]
    assert script.times("deliver") == 1


def test_an_answer_is_an_event_with_who_and_what_they_saw(engine: Engine) -> None:
    run = engine.run("letter")
    asked = question(run)

    answer(asked.id, "approve", actor="ann", note="fine")

    (event,) = told(run, "escalation.answered")
    assert event.actor == "ann"
    assert event.data == {
        "escalation": str(asked.id),
        "about": "approval",
        "answer": "approve",
        "note": "fine",
        "shown": asked.shown_hash,
    }


def test_a_rejection_stops_the_run(engine: Engine, script: Script) -> None:
    run = engine.run("letter")

    answer(question(run).id, "reject", actor="ann", note="too long")
    engine.work()

    assert (fresh(run).state, fresh(run).reason) == ("cancelled", "rejected by ann: too long")
    assert script.times("deliver") == 0


def test_a_rejection_may_be_left_to_later_steps(engine: Engine) -> None:
    run = engine.run("memo")

    answer(question(run).id, "reject", actor="ann")
    engine.work()

    assert (fresh(run).state, result(run)) == ("succeeded", "ann: False")


def test_a_second_answer_is_refused_and_names_the_first(engine: Engine) -> None:
    run = engine.run("letter")
    asked = question(run)
    answer(asked.id, "approve", actor="ann")

    with pytest.raises(NotPossible, match="by ann: approve"):
        answer(asked.id, "reject", actor="bob")


def test_an_answer_to_something_else_than_was_seen_is_refused(engine: Engine) -> None:
    run = engine.run("letter")

    with pytest.raises(NotPossible, match="look again"):
        answer(question(run).id, "approve", actor="ann", shown_hash="0" * 64)

    assert question(run).state == "open"


def test_an_answer_to_what_was_seen_is_taken(engine: Engine) -> None:
    run = engine.run("letter")
    asked = question(run)

    answer(asked.id, "approve", actor="ann", shown_hash=asked.shown_hash)

    assert states(run)["agree"] == "succeeded"


def test_an_answer_that_is_not_offered_is_refused_with_those_that_are(engine: Engine) -> None:
    run = engine.run("letter")

    with pytest.raises(NotPossible, match="approve, reject"):
        answer(question(run).id, "retry", actor="ann")


def test_an_answer_to_a_question_of_a_cancelled_run_is_refused(engine: Engine) -> None:
    run = engine.run("letter")
    asked = question(run)
    cancel(run.id, reason="enough", actor="bob")

    with pytest.raises(NotPossible, match="closed"):
        answer(asked.id, "approve", actor="ann")


def test_an_approval_during_a_pause_counts_when_the_run_goes_on(engine: Engine) -> None:
    run = engine.run("letter")
    pause(run.id, actor="bob")

    answer(question(run).id, "approve", actor="ann")
    engine.work()
    before = states(run)["deliver"]
    resume(run.id, actor="bob")
    engine.work()

    assert (before, fresh(run).state) == ("pending", "succeeded")


@pytest.mark.parametrize("name", ["letter", "silence_is_yes", "silence_is_no"])
def test_nothing_happens_before_the_due_time(engine: Engine, name: str) -> None:
    run = engine.run(name)

    advance(run.id)

    assert states(run)["agree"] == "waiting"


def test_silence_may_be_a_yes(engine: Engine) -> None:
    run = engine.run("silence_is_yes")

    time_passes(run)
    engine.work()

    assert (fresh(run).state, result(run)) == ("succeeded", "nobody: True")


def test_silence_may_be_a_no(engine: Engine, script: Script) -> None:
    run = engine.run("silence_is_no")

    time_passes(run)
    engine.work()

    assert script.calls == []
    assert fresh(run).is_ended
    assert fresh(run).state != "succeeded"


def test_a_question_that_silence_has_answered_is_closed(engine: Engine) -> None:
    run = engine.run("silence_is_yes")
    asked = question(run)

    time_passes(run)

    asked.refresh_from_db()
    assert asked.state == "closed"


def test_silence_is_no_answer_unless_the_workflow_says_so(engine: Engine) -> None:
    run = engine.run("letter")

    time_passes(run)

    assert (states(run)["agree"], question(run).state) == ("waiting", "open")


# Events


def test_an_event_that_comes_later_is_taken(engine: Engine) -> None:
    run = engine.run("payment", input={"label": "A1"})
    before = (run.state, run.reason)

    happens("A1")
    advance(run.id)
    engine.work()

    assert before == ("waiting", "paid waits for an event")
    assert result(run) == 5


def test_an_event_that_came_before_its_waiter_is_kept_for_it(engine: Engine) -> None:
    happens("A1")

    run = engine.run("payment", input={"label": "A1"})

    assert (run.state, result(run)) == ("succeeded", 5)


def test_an_event_of_another_order_is_not_taken(engine: Engine) -> None:
    happens("A2")

    run = engine.run("payment", input={"label": "A1"})

    assert run.state == "waiting"


@pytest.mark.parametrize("other", [{"name": "order.sent"}, {"tenant": "other"}])
def test_an_event_of_another_name_or_tenant_is_not_taken(
    engine: Engine, other: dict[str, str]
) -> None:
    happens("A1", **other)

    assert engine.run("payment", input={"label": "A1"}).state == "waiting"


def test_an_event_is_taken_by_one_run(engine: Engine) -> None:
    happens("A1")

    ended = [engine.run("payment", input={"label": "A1"}).state for _ in range(2)]

    assert sorted(ended) == ["succeeded", "waiting"]


def test_an_event_that_is_taken_says_by_which_step(engine: Engine) -> None:
    signal = happens("A1")

    run = engine.run("payment", input={"label": "A1"})

    signal.refresh_from_db()
    assert signal.taken_by == the_step(run, "paid").id


def test_an_event_whose_data_does_not_fit_ends_no_wait(engine: Engine, script: Script) -> None:
    run = engine.run("payment", input={"label": "A1"})

    happens("A1", pence="many")
    advance(run.id)
    engine.work()

    assert script.calls == []
    assert fresh(run).state in ("failed", "attention")


def test_an_event_that_does_not_come_becomes_a_question(engine: Engine) -> None:
    run = engine.run("payment", input={"label": "A1"})

    time_passes(run)

    assert (fresh(run).state, question(run).kind) == ("attention", "event_missing")
    assert "did not come in 2 h" in question(run).question


def test_a_missing_event_may_be_given_by_hand(engine: Engine) -> None:
    run = engine.run("payment", input={"label": "A1"})
    time_passes(run)

    answer(question(run).id, "supply", actor="ann", result={"pence": 7})
    engine.work()

    assert result(run) == 7


def test_a_missing_event_given_by_hand_must_fit(engine: Engine) -> None:
    run = engine.run("payment", input={"label": "A1"})
    time_passes(run)

    with pytest.raises(NotPossible, match="pence"):
        answer(question(run).id, "supply", actor="ann", result={"pence": "many"})


def test_a_wait_that_cannot_tell_its_event_fails(engine: Engine) -> None:
    run = engine.run("payment", input={"label": ""})

    assert run.state == "failed"
    assert "must be a text or a number" in error_of(run, "paid")["message"]


# Time


def test_a_sleep_holds_no_message_and_ends_in_its_time(engine: Engine) -> None:
    run = engine.run("nap")
    before = (run.state, engine.letters)

    time_passes(run)
    engine.work()

    assert before == ("waiting", [])
    assert fresh(run).state == "succeeded"


def test_a_sleep_does_not_end_before_its_time(engine: Engine) -> None:
    run = engine.run("nap")

    advance(run.id)

    assert states(run)["sleep"] == "waiting"
    wake_at = the_step(run, "sleep").wake_at
    assert wake_at is not None
    assert wake_at > timezone.now() + timedelta(minutes=59)


# Deadlines


def passed(run: Run) -> None:
    """Let the deadline of a run pass."""
    Run.objects.filter(id=run.id).update(deadline_at=timezone.now() - timedelta(seconds=1))


def test_a_run_is_stopped_at_its_deadline(engine: Engine) -> None:
    run = engine.run("overdue")

    passed(run)
    advance(run.id)

    assert (fresh(run).state, fresh(run).reason) == ("cancelled", "its deadline has passed")


def test_a_paused_run_is_stopped_at_its_deadline(engine: Engine) -> None:
    run = engine.run("overdue")
    pause(run.id, actor="ann")

    passed(run)
    advance(run.id)

    assert fresh(run).state == "cancelled"


def test_a_run_in_line_is_stopped_at_its_deadline(engine: Engine) -> None:
    engine.run("overdue", key="k")
    second = engine.start("overdue", key="k", if_exists="queue")

    passed(second)
    advance(second.id)

    assert fresh(second).state == "cancelled"


def test_a_rejected_silence_may_be_asked_again(engine: Engine) -> None:
    run = engine.run("silence_is_no")
    time_passes(run)

    retry(run.id, actor="ann")

    assert (fresh(run).state, question(run).kind) == ("waiting", "approval")
    assert Step.objects.get(run=run, name="agree").error is None
