"""What follows a failure, and the loss of a worker: tables of the pure decision."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from aiops.execution.claim import Claim
from aiops.execution.outcome import MAX_LOSSES, Verdict, lost, react
from aiops.execution.work import ReconcileFailed, StillInDoubt
from aiops.flow.errors import (
    Ambiguous,
    BadOutput,
    BudgetSpent,
    Cancelled,
    CodeGone,
    ErrorRecord,
    LaneStopped,
    NeedsHuman,
    PermanentInput,
    RateLimited,
    TimedOut,
    Transient,
    describe,
)
from aiops.flow.plan import PlanNode
from aiops.flow.retry import Retry

NOON = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
POLICY = Retry(attempts=3, first_s=10, jitter=False)
GONE = ErrorRecord(word="lost", type="WorkerLost", message="killed")


def claim(**fields: Any) -> Claim:
    values: dict[str, Any] = {
        "step_id": UUID(int=1),
        "run_id": UUID(int=2),
        "name": "a",
        "item": None,
        "item_value": None,
        "fence": 1,
        "epoch": 0,
        "tries": 0,
        "losses": 0,
        "history": {},
        "in_doubt": False,
        "started_at": NOON,
    }
    return Claim(**{**values, **fields})


def node(effect: Any = "pure", **fields: Any) -> PlanNode:
    retry = Retry(attempts=1) if effect == "once" else POLICY
    return PlanNode("a", "step", effect=effect, retry=retry, **fields)


def follows(
    error: BaseException, effect: str = "pure", *, has_reconcile: bool = False, **held: Any
) -> Verdict:
    made = node(effect, has_reconcile=has_reconcile)
    return react(claim(**held), made, describe(error, "a"), NOON, None)


@pytest.mark.parametrize(
    ("error", "state", "asked"),
    [
        (Transient("busy"), "retrying", None),
        (Ambiguous("no answer"), "retrying", None),
        (TimedOut("too slow"), "retrying", None),
        (RateLimited("slow down", after_s=60), "waiting", None),
        (BadOutput("no JSON"), "retrying", None),
        (ValueError("bug"), "retrying", None),
        (PermanentInput("wrong"), "failed", None),
        (LaneStopped("no key"), "attention", "lane"),
        (BudgetSpent("spent"), "attention", "budget"),
        (NeedsHuman("which one?"), "attention", "question"),
        (CodeGone("gone"), "attention", "code_gone"),
        (Cancelled("stopped"), "cancelled", None),
    ],
)
def test_the_class_of_the_first_error_decides(
    error: Exception, state: str, asked: str | None
) -> None:
    verdict = follows(error)

    assert (verdict.ending.state, verdict.ask and verdict.ask.kind) == (state, asked)


@pytest.mark.parametrize(
    ("error", "held", "asked"),
    [
        (Transient("busy"), {"tries": 2}, "retries_used_up"),
        (Ambiguous("no answer"), {"tries": 1, "history": {"ambiguous": 1}}, "retries_used_up"),
        (BadOutput("no JSON"), {"tries": 2, "history": {"repairs": 2}}, "bad_output"),
        (ValueError("bug"), {"tries": 1, "history": {"bugs": 1}}, "bug"),
        (
            RateLimited("slow down", after_s=60),
            {"history": {"waited_s": 86_400.0}},
            "waited_too_long",
        ),
    ],
)
def test_a_person_is_asked_when_patience_is_used_up(
    error: Exception, held: dict[str, Any], asked: str
) -> None:
    verdict = follows(error, **held)

    assert verdict.ending.state == "attention"
    assert verdict.ask is not None
    assert verdict.ask.kind == asked


@pytest.mark.parametrize(("tries", "wait_s"), [(0, 10), (1, 20)])
def test_the_wait_before_a_retry_doubles(tries: int, wait_s: int) -> None:
    assert follows(Transient("busy"), tries=tries).ending.wake_at == NOON + timedelta(
        seconds=wait_s
    )


def test_a_parked_step_wakes_at_the_reset() -> None:
    until = NOON + timedelta(minutes=7)

    ending = follows(RateLimited("slow down", until=until)).ending

    assert (ending.reason, ending.wake_at) == ("lane", until)


def test_parking_burns_no_attempt_and_counts_the_time() -> None:
    ending = follows(RateLimited("slow down", after_s=60)).ending

    assert ending.burnt is False
    assert (ending.history or {})["waited_s"] == 60


@pytest.mark.parametrize(
    "error", [Transient("busy"), Ambiguous("?"), BadOutput("?"), KeyError("?")]
)
def test_a_failure_burns_an_attempt(error: Exception) -> None:
    assert follows(error).ending.burnt is True


def test_a_parked_item_waits_as_a_retry_that_its_map_counts() -> None:
    ending = follows(RateLimited("slow down", after_s=60), item=3).ending

    assert (ending.state, ending.reason) == ("retrying", "retry")


def test_an_item_without_attempts_fails_and_leaves_the_question_to_its_map() -> None:
    verdict = follows(Transient("busy"), tries=2, item=3)

    assert (verdict.ending.state, verdict.ask) == ("failed", None)


@pytest.mark.parametrize("error", [Transient("busy"), PermanentInput("wrong"), KeyError("bug")])
def test_an_item_that_asks_nothing_writes_no_event(error: Exception) -> None:
    assert follows(error, item=3).ending.event == ""


def test_an_item_asks_its_own_question() -> None:
    verdict = follows(NeedsHuman("which one?"), item=3)

    assert verdict.ask is not None
    assert verdict.ask.question == "which one?"


# Effects that happen once


@pytest.mark.parametrize(
    "error", [Ambiguous("no answer"), TimedOut("too slow"), BadOutput("no JSON"), KeyError("bug")]
)
def test_an_effect_that_may_have_happened_is_in_doubt_and_a_person_is_asked(
    error: Exception,
) -> None:
    verdict = follows(error, "once")

    assert (verdict.ending.state, verdict.ending.in_doubt) == ("attention", True)
    assert verdict.ask is not None
    assert verdict.ask.kind == "in_doubt"


def test_an_effect_in_doubt_that_can_be_looked_up_is_looked_up_first() -> None:
    verdict = follows(Ambiguous("no answer"), "once", has_reconcile=True)

    assert (verdict.ending.state, verdict.ending.in_doubt) == ("retrying", True)
    assert verdict.ask is None


def test_an_effect_that_did_not_leave_is_not_in_doubt() -> None:
    verdict = follows(Transient("refused"), "once")

    assert verdict.ending.in_doubt is False
    assert verdict.ask is not None
    assert verdict.ask.kind == "retries_used_up"


def test_an_outside_that_cannot_tell_leaves_it_to_a_person() -> None:
    verdict = follows(StillInDoubt("who knows"), "once", has_reconcile=True, in_doubt=True)

    assert (verdict.ending.state, verdict.ending.in_doubt) == ("attention", True)


def test_an_outside_that_does_not_answer_is_asked_again_later() -> None:
    verdict = follows(ReconcileFailed("away"), "once", has_reconcile=True, in_doubt=True)

    assert (verdict.ending.state, verdict.ending.in_doubt) == ("retrying", True)
    assert verdict.ending.wake_at is not None
    assert verdict.ending.wake_at > NOON


def test_an_outside_that_never_answers_leaves_it_to_a_person() -> None:
    verdict = follows(ReconcileFailed("away"), "once", has_reconcile=True, in_doubt=True, tries=4)

    assert (verdict.ending.state, verdict.ending.in_doubt) == ("attention", True)


def test_an_effect_that_is_in_doubt_again_and_again_is_left_to_a_person() -> None:
    verdict = follows(Ambiguous("?"), "once", has_reconcile=True, in_doubt=True, tries=4)

    assert verdict.ending.state == "attention"


def test_a_second_look_up_does_not_come_at_once() -> None:
    verdict = follows(Ambiguous("?"), "once", has_reconcile=True, in_doubt=True, tries=1)

    assert verdict.ending.wake_at is not None
    assert verdict.ending.wake_at > NOON


# Lost workers


@pytest.mark.parametrize("effect", ["pure", "idempotent"])
def test_a_lost_worker_costs_no_attempt_and_the_step_runs_again_at_once(effect: str) -> None:
    ending = lost(claim(), node(effect), GONE, NOON).ending

    assert (ending.state, ending.wake_at, ending.burnt, ending.lost) == (
        "retrying",
        NOON,
        False,
        True,
    )


def test_a_step_that_loses_three_workers_is_quarantined() -> None:
    verdict = lost(claim(losses=MAX_LOSSES - 1), node(), GONE, NOON)

    assert verdict.ending.state == "attention"
    assert verdict.ask is not None
    assert str(verdict.ask.kind) == "lost"


def test_an_item_that_loses_three_workers_fails() -> None:
    verdict = lost(claim(losses=MAX_LOSSES - 1, item=3), node(), GONE, NOON)

    assert (verdict.ending.state, verdict.ask) == ("failed", None)


def test_an_effect_whose_worker_was_lost_is_in_doubt() -> None:
    verdict = lost(claim(), node("once"), GONE, NOON)

    assert (verdict.ending.state, verdict.ending.in_doubt) == ("attention", True)


def test_an_effect_whose_worker_was_lost_is_looked_up_where_it_can_be() -> None:
    verdict = lost(claim(), node("once", has_reconcile=True), GONE, NOON)

    assert (verdict.ending.state, verdict.ending.in_doubt) == ("retrying", True)


def test_a_look_up_that_kills_workers_is_left_to_a_person() -> None:
    held = claim(losses=MAX_LOSSES - 1, in_doubt=True)

    verdict = lost(held, node("once", has_reconcile=True), GONE, NOON)

    assert verdict.ending.state == "attention"
