"""Plans: what a click would do, told beforehand, and tied to exactly the steps it touches."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from aiops.execution import estimates
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
    order_flow,
    set_run,
    stop_at,
    tried,
)

pytestmark = pytest.mark.django_db

#: Queries that a plan may take, whatever the size of the run.
BUDGET = 14


def asked_about(run: Run) -> UUID:
    return Escalation.objects.get(run=run).id


def in_doubt() -> Run:
    run = begun()
    stop_at(run, "charge", state="attention", word="ambiguous", sent="maybe", in_doubt=True)
    ask(run, "charge", question="Was the payment taken?")
    return run


def waiting_for_approval() -> Run:
    run = begun()
    done(run, "read", "pack")
    edit(run, "agree", state="waiting", reason="approval", dispatch_due=None)
    ask(run, "agree", kind="approval", question="Ship it?")
    return run


def names(found: Plan) -> list[str]:
    return [one.name for one in found.again]


# What is told


def test_a_retry_tells_what_runs_again_what_is_kept_and_what_the_user_reads() -> None:
    run = begun()
    stop_at(run, "charge")

    found = plan(run.id, "retry")

    assert [(one.name, one.verdict.key) for one in found.again] == [("charge", "safe")]
    assert found.kept == ("read", "pack", "agree")
    assert found.button == "Retry failed (1 step)"
    assert found.reads is not None
    assert found.reads.sentence == "In line. We will carry on soon."
    assert (found.refused, found.tick, found.needs_reason) == ("", "", False)


@pytest.mark.parametrize(
    ("name", "sent", "expected"),
    [
        # reason, tick, permissions, refusal
        ("read", "no", (False, "", ("aiops.retry_run",), "")),
        ("charge", "no", (False, "", ("aiops.retry_run",), "")),
        ("charge", "maybe", (True, LOOKED, ("aiops.retry_run", "aiops.override_safety"), "")),
        (
            *("charge", "yes"),
            (False, "", ("aiops.retry_run",), "charge did go out: mark it as done instead."),
        ),
    ],
)
def test_the_verdict_decides_what_a_retry_takes(
    name: str, sent: str, expected: tuple[Any, ...]
) -> None:
    run = begun()
    stop_at(run, name, sent=sent)

    found = plan(run.id, "retry_step", step=name)

    assert (found.needs_reason, found.tick, found.permissions, found.refused) == expected


def test_of_a_map_only_the_failed_items_run_again() -> None:
    run = begun()
    map_of(run, succeeded=3, failed=2)
    edit(run, "pack", state="failed", reason="", error={"word": "items_failed"})
    set_run(run, state="failed", finished_at=timezone.now())

    [pack] = plan(run.id, "retry").again

    assert (pack.name, pack.items) == ("pack", 2)


def test_a_rerun_from_a_step_takes_everything_after_it_along() -> None:
    run = begun()
    stop_at(run, "notify")

    found = plan(run.id, "retry_from", step="agree")

    assert names(found) == ["agree", "charge", "notify"]
    assert found.kept == ("read", "pack")


def test_an_effect_that_happened_goes_out_twice_only_for_who_says_so() -> None:
    run = begun()
    stop_at(run, "notify")

    found = plan(run.id, "retry_from", step="charge")

    assert found.tick == "I want this to go out a second time: charge."
    assert found.permissions == ("aiops.retry_run", "aiops.override_safety")
    assert found.needs_reason


def test_a_replay_that_would_pay_again_says_so_and_one_from_later_does_not() -> None:
    run = begun()
    stop_at(run, "notify")

    whole, rest = plan(run.id, "replay"), plan(run.id, "replay", step="notify")

    assert whole.tick == "I want this to go out a second time: charge."
    assert (rest.tick, rest.kept) == ("", ("read", "pack", "agree", "charge"))


def test_a_cancellation_tells_what_stops_and_what_has_gone_out() -> None:
    run = begun()
    done(run, "read", "pack", "agree", "charge")
    edit(
        run,
        "notify",
        state="running",
        reason="lease",
        dispatch_due=None,
        worker="effects@a/1",
        lease_until=timezone.now() + timedelta(seconds=30),
    )

    found = plan(run.id, "cancel")

    assert [one.name for one in found.stopped] == ["notify"]
    assert found.gone_out == ("charge went out", "notify is running, and may still go out")
    assert found.reads is not None
    assert found.reads.headline == "Stopping"
    assert found.needs_reason


def test_a_cancellation_of_what_nobody_runs_ends_the_run_for_the_user() -> None:
    found = plan(begun().id, "cancel")

    assert found.reads is not None
    assert found.reads.headline == "Cancelled"


def test_a_pause_shows_the_user_that_it_is_on_hold_and_a_resume_takes_that_back() -> None:
    run = begun()
    paused = plan(run.id, "pause").reads
    set_run(run, paused_at=timezone.now())
    resumed = plan(run.id, "resume").reads

    assert paused is not None
    assert paused.sentence.startswith("This is on hold.")
    assert resumed is not None
    assert resumed.headline == "In line"


def test_a_skip_tells_who_goes_on_without_the_result() -> None:
    run = begun()
    stop_at(run, "read")

    found = plan(run.id, "skip", step="read")

    assert found.notes == ("agree will go on without it.",)
    assert (found.needs_reason, found.permissions) == (True, ("aiops.skip_step",))


def test_the_last_step_marked_as_done_is_the_end_for_the_user() -> None:
    run = begun()
    stop_at(run, "notify", sent="maybe")

    done_by_hand = plan(run.id, "mark_done", step="notify")
    skipped = plan(run.id, "skip", step="notify")

    assert done_by_hand.wants == "result"
    assert done_by_hand.reads is not None
    assert done_by_hand.reads.sentence == "Your result is ready."
    assert skipped.reads is not None
    assert skipped.reads.sentence == "Your result is ready. A part of it was left out."


def test_an_approval_goes_on_and_a_rejection_stops_and_needs_a_reason() -> None:
    run = waiting_for_approval()
    asked = asked_about(run)

    yes = plan(run.id, "approve", escalation=asked)
    no = plan(run.id, "reject", escalation=asked)

    assert yes.notes == ("It goes on with charge.",)
    assert yes.reads is not None
    assert yes.reads.headline == "In line"
    assert (yes.needs_reason, no.needs_reason) == (False, True)
    assert no.reads is not None
    assert no.reads.headline == "Cancelled"
    assert yes.permissions == no.permissions == ("aiops.decide_escalation",)


def test_who_says_that_it_did_not_go_out_must_have_looked() -> None:
    run = in_doubt()
    asked = asked_about(run)

    did_not = plan(run.id, "it_did_not", escalation=asked)
    happened = plan(run.id, "it_happened", escalation=asked)

    assert (did_not.tick, did_not.needs_reason) == (LOOKED, True)
    assert names(did_not) == ["charge"]
    assert (happened.tick, happened.wants) == ("", "result")


# What is refused


@pytest.mark.parametrize(
    ("verb", "step", "why"),
    [
        ("retry", None, "It was cancelled: replay it as a new run instead."),
        ("retry_from", "read", "It was cancelled: replay it as a new run instead."),
        ("skip", "notify", "It was cancelled: replay it as a new run instead."),
        ("pause", None, "It was cancelled: replay it as a new run instead."),
        ("escalate", None, "It was cancelled: replay it as a new run instead."),
        ("cancel", None, "It is cancelled already."),
        ("replay", None, ""),
    ],
)
def test_a_cancelled_run_is_only_replayed(verb: str, step: str | None, why: str) -> None:
    run = begun()
    set_run(run, state="cancelled", cancel_requested_at=timezone.now(), finished_at=timezone.now())

    assert plan(run.id, verb, step=step).refused == why


@pytest.mark.parametrize(
    ("verb", "step", "why"),
    [
        ("retry", None, "No step of it has failed."),
        ("retry_step", "read", "read has not failed: nothing to retry."),
        ("retry_from", "notify", "notify has not begun: nothing to run again."),
        ("resume", None, "It is not paused."),
        ("supply", "pack", "pack has a result for each item: retry it, or skip it instead."),
        (
            *("skip", "wrap"),
            "There is no step 'wrap'; the steps are read, pack, agree, charge, notify.",
        ),
    ],
)
def test_what_makes_no_sense_is_refused_with_the_way_out(
    verb: str, step: str | None, why: str
) -> None:
    assert plan(begun().id, verb, step=step).refused == why


def test_what_runs_now_is_neither_skipped_nor_run_again() -> None:
    run = begun()
    edit(
        run,
        "read",
        state="running",
        reason="lease",
        worker="io@a/1",
        lease_until=timezone.now() + timedelta(seconds=30),
    )

    found = plan(run.id, "skip", step="read")

    assert found.refused == "read is running: wait until it ends, or cancel the run."


def test_a_doubt_is_answered_before_a_retry() -> None:
    run = in_doubt()

    found = plan(run.id, "retry")

    assert found.refused == "charge may have gone out: answer its question first."


def test_an_answer_that_the_question_does_not_allow_is_refused_with_those_it_does() -> None:
    run = in_doubt()

    found = plan(run.id, "skip", escalation=asked_about(run))

    assert found.refused.endswith("It went out: mark as done, It did not: retry, Cancel run.")


def test_a_question_that_is_answered_says_by_whom() -> None:
    run = waiting_for_approval()
    Escalation.objects.filter(run=run).update(
        state="answered", answer="approve", answered_by="ann", answered_at=timezone.now()
    )

    found = plan(run.id, "reject", escalation=asked_about(run))

    assert found.refused == "ann has answered it: Approve."


def test_a_question_of_another_run_is_not_found() -> None:
    run = waiting_for_approval()

    with pytest.raises(Escalation.DoesNotExist):
        plan(begun().id, "approve", escalation=asked_about(run))


def test_an_unknown_verb_and_an_unknown_run_are_errors() -> None:
    with pytest.raises(KeyError):
        plan(begun().id, "explode")
    with pytest.raises(Run.DoesNotExist):
        plan(uuid4(), "retry")


# Time and money


def test_the_time_is_that_of_earlier_attempts_and_unknown_without_any() -> None:
    now = timezone.now()
    earlier, run = begun(), begun()
    took = {"started_at": now - timedelta(seconds=8), "finished_at": now}
    tried(Step.objects.get(run=earlier, name="notify"), **took)
    stop_at(run, "notify")

    known = plan(run.id, "retry")
    stop_at(other := begun(), "charge")
    Step.objects.get(run=other, name="charge").attempts.all().delete()

    assert known.lasts_s == 8.0
    assert plan(other.id, "retry").lasts_s is None


def test_steps_after_each_other_take_the_sum_and_items_the_rounds_they_need() -> None:
    usual = {"read": 2.0, "pack": 3.0, "charge": 5.0}

    # 17 items, eight at a time, are three rounds.
    found = estimates.together_s(order_flow.plan, usual, {"read": 0, "pack": 17, "charge": 0})

    assert found == 2.0 + 9.0 + 5.0


def test_a_wait_for_a_person_has_no_length() -> None:
    assert estimates.together_s(order_flow.plan, {"read": 2.0}, {"read": 0, "agree": 0}) is None
    assert estimates.together_s(order_flow.plan, {}, {}) is None


def test_the_price_is_the_mean_of_what_attempts_cost_and_one_unknown_makes_it_unknown() -> None:
    run = begun()
    found = stop_at(run, "charge")
    found.attempts.update(cost_microusd=4_000)

    assert plan(run.id, "retry").cost_microusd == 4_000
    assert plan(run.id, "retry_from", step="read").cost_microusd is None


def test_a_plan_costs_as_many_queries_for_a_large_run_as_for_a_small_one() -> None:
    run = begun()
    map_of(run, succeeded=30, failed=30)
    edit(run, "pack", state="failed", reason="", error={"word": "items_failed"})
    plan(run.id, "retry")

    with CaptureQueriesContext(
        connection,
    ) as queries:
        plan(run.id, "retry")

    assert len(queries) <= BUDGET


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
