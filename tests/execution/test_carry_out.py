"""Carrying out what was shown: only if nothing of it has moved, and all of it or nothing."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest

from aiops.execution import escalate
from aiops.execution.carry_out import Given, Stale, carry_out, missing
from aiops.execution.planned import LOOKED, Plan
from aiops.execution.plans import plan
from aiops.execution.resume import NotPossible
from aiops.models import Escalation, Event, Run, Step
from tests.execution.orders import (
    ask,
    begun,
    done,
    edit,
    map_of,
    stop_at,
)

pytestmark = pytest.mark.django_db


def asked_about(run: Run) -> UUID:
    return Escalation.objects.get(run=run).id


def waiting_for_approval() -> Run:
    run = begun()
    done(run, "read", "pack")
    edit(run, "agree", state="waiting", reason="approval", dispatch_due=None)
    ask(run, "agree", kind="approval", question="Ship it?")
    return run


# The fingerprint


def test_a_plan_that_nothing_moved_has_the_same_fingerprint_and_changes_nothing() -> None:
    run = begun()
    stop_at(run, "charge")
    before = (Event.objects.count(), list(Step.objects.order_by("id").values()))

    found = [plan(run.id, "retry").fingerprint for _ in range(2)]

    assert found[0] == found[1]
    assert (Event.objects.count(), list(Step.objects.order_by("id").values())) == before


@pytest.mark.parametrize("moved", [{"fence": 9}, {"epoch": 9}, {"state": "attention"}])
def test_a_step_of_the_plan_that_moved_makes_it_stale(moved: dict[str, Any]) -> None:
    run = begun()
    stop_at(run, "charge")
    before = plan(run.id, "retry_step", step="charge").fingerprint

    edit(run, "charge", **moved)

    assert plan(run.id, "retry_step", step="charge").fingerprint != before


def test_a_step_that_the_plan_does_not_touch_makes_nothing_stale() -> None:
    run = begun()
    stop_at(run, "charge")
    before = plan(run.id, "retry").fingerprint

    edit(run, "read", fence=9)

    assert plan(run.id, "retry").fingerprint == before


def test_an_item_that_was_claimed_makes_the_plan_of_its_map_stale() -> None:
    run = begun()
    map_of(run, succeeded=1, failed=2)
    edit(run, "pack", state="failed", reason="", error={"word": "items_failed"})
    before = plan(run.id, "retry").fingerprint

    Step.objects.filter(run=run, name="pack", item=1).update(fence=2)

    assert plan(run.id, "retry").fingerprint != before


def test_a_pure_step_that_ends_does_not_hold_up_a_cancellation_and_an_effect_does() -> None:
    run = begun()
    before = plan(run.id, "cancel").fingerprint
    done(run, "read")
    after_pure = plan(run.id, "cancel").fingerprint
    done(run, "charge")

    assert after_pure == before
    assert plan(run.id, "cancel").fingerprint != before


# Carrying it out


def given(found: Plan, **more: Any) -> Given:
    return Given(actor="ann", fingerprint=found.fingerprint, **more)


def test_what_moved_since_it_was_shown_is_not_done_and_shown_again() -> None:
    run = begun()
    stop_at(run, "charge")
    shown = plan(run.id, "retry")
    edit(run, "charge", fence=9)

    with pytest.raises(Stale) as caught:
        carry_out(run.id, "retry", given(shown))

    assert caught.value.fresh.fingerprint == plan(run.id, "retry").fingerprint
    assert not Event.objects.filter(run=run, kind="run.retried").exists()


def test_a_missing_tick_and_a_missing_reason_are_named() -> None:
    run = begun()
    stop_at(run, "charge", sent="maybe")
    shown = plan(run.id, "retry")

    assert missing(shown, given(shown)) == f"Tick the box first: {LOOKED}"
    assert missing(shown, given(shown, is_ticked=True)).startswith("Give a reason")
    assert missing(shown, given(shown, is_ticked=True, reason="I rang them")) == ""


def test_who_overrides_safety_is_on_record_with_what_they_vouched_for() -> None:
    run = begun()
    stop_at(run, "charge", sent="maybe")

    carry_out(run.id, "retry", given(plan(run.id, "retry"), is_ticked=True, reason="I rang them"))

    told = Event.objects.get(run=run, kind="safety.overridden")
    assert (told.actor, told.data["said"], told.data["reason"]) == ("ann", LOOKED, "I rang them")
    assert told.data["steps"] == ["charge"]


def test_a_question_is_asked_by_hand_given_to_a_person_and_answered() -> None:
    run = begun()
    stop_at(run, "read", word="permanent_input")

    shown = plan(run.id, "escalate")
    carry_out(run.id, "escalate", given(shown, reason="Which order is it?", person="bob"))

    asked = Escalation.objects.get(run=run)
    assert (asked.kind, asked.owner) == ("by_hand", "bob")
    assert asked.question == "read failed. Which order is it?"
    assert Run.objects.get(id=run.id).state == "failed"
    retried = plan(run.id, "retry", escalation=asked.id)
    carry_out(run.id, "retry", given(retried), escalation=asked.id)
    assert Step.objects.get(run=run, name="read").state == "queued"


@pytest.mark.parametrize(
    ("sent", "answers"),
    [
        ("no", ["retry", "supply", "skip", "cancel"]),
        ("maybe", ["it_happened", "it_did_not", "cancel"]),
        ("yes", ["it_happened", "cancel"]),
    ],
)
def test_a_question_about_an_effect_offers_no_retry_of_what_went_out(
    sent: str, answers: list[str]
) -> None:
    run = begun()
    stop_at(run, "charge", sent=sent)

    carry_out(run.id, "escalate", given(plan(run.id, "escalate"), reason="what now?"))

    assert Escalation.objects.get(run=run).answers == answers


def test_nobody_is_asked_twice_about_the_same_step() -> None:
    run = begun()
    stop_at(run, "read")
    carry_out(run.id, "escalate", given(plan(run.id, "escalate"), reason="what now?"))

    again = plan(run.id, "escalate", step="read")

    assert again.refused.startswith("Nothing has failed that nobody is asked about")


def test_a_question_is_taken_and_taken_over_and_says_so() -> None:
    run = waiting_for_approval()
    asked = asked_about(run)

    for person in ("ann", "bob"):
        shown = plan(run.id, "claim", escalation=asked)
        taker = Given(actor=person, fingerprint=shown.fingerprint)
        carry_out(run.id, "claim", taker, escalation=asked)

    events = Event.objects.filter(run=run, kind="escalation.taken").order_by("id")
    assert [(e.actor, e.data["was"]) for e in events] == [("ann", ""), ("bob", "ann")]


def test_a_result_of_the_wrong_type_changes_nothing() -> None:
    run = begun()
    stop_at(run, "charge", sent="maybe")
    shown = plan(run.id, "mark_done", step="charge")

    with pytest.raises(NotPossible, match="not a result of charge"):
        carry_out(*(run.id, "mark_done"), given(shown, reason="I saw it", result=5), step="charge")

    assert Step.objects.get(run=run, name="charge").state == "failed"
    assert not Event.objects.filter(run=run, actor="ann").exists()


def test_an_answer_about_an_item_runs_that_item_again() -> None:
    run = begun()
    map_of(run, succeeded=1, attention=1)
    item = Step.objects.get(run=run, name="pack", item=1)
    escalate.ask(run_id=run.id, step_id=item.id, kind="bug", question="What now?")
    asked = asked_about(run)

    found = plan(run.id, "retry", escalation=asked)
    carry_out(run.id, "retry", given(found), escalation=asked)

    assert [(one.name, one.verdict.key) for one in found.again] == [("pack[1]", "safe")]
    item.refresh_from_db()
    assert (item.state, item.epoch) == ("queued", 1)
