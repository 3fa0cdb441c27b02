"""Plans: what a click would do, told beforehand."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from aiops.execution import estimates
from aiops.execution.planned import LOOKED, Plan
from aiops.execution.plans import plan
from aiops.execution.start import start_run
from aiops.models import Escalation, Run, Step
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
from tests.flows.effects import order as undoing
from tests.flows.script import Job

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


def test_what_a_workflow_takes_back_is_told_before_a_cancellation() -> None:
    run = start_run(undoing, Job())
    done(run, "reserve")

    found = plan(run.id, "cancel")

    assert "Taken back afterwards: reserve." in found.notes
    assert found.reads is not None
    assert found.reads.headline == "Stopping"


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
    began = now - timedelta(seconds=8)
    tried(Step.objects.get(run=earlier, name="notify"), started_at=began, finished_at=now)
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
