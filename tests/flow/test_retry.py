"""What follows each failure, as one table."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from aiops.flow.errors import ErrorRecord
from aiops.flow.retry import (
    Effect,
    Escalate,
    Fail,
    History,
    Park,
    Reaction,
    Repair,
    Retry,
    RetryAt,
    decide,
)

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
STEADY = Retry(jitter=False)
ONCE = Retry(attempts=1, jitter=False)


def at(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


def failure(word: str, sent: Any = "no", **fields: Any) -> ErrorRecord:
    return ErrorRecord(word=word, type="Error", message="it failed", sent=sent, **fields)


def react(error: ErrorRecord, effect: Effect, policy: Retry, **history: Any) -> Reaction:
    return decide(error, policy=policy, effect=effect, history=History(**history), now=NOW)


TABLE: list[tuple[str, ErrorRecord, Retry, dict[str, Any], Any]] = [
    ("transient, first", failure("transient"), STEADY, {"tries": 1}, RetryAt(at(1))),
    ("transient, second", failure("transient"), STEADY, {"tries": 2}, RetryAt(at(2))),
    ("transient, third", failure("transient"), STEADY, {"tries": 3}, "retries_used_up"),
    ("transient, one attempt", failure("transient"), ONCE, {"tries": 1}, "retries_used_up"),
    ("ambiguous, first", failure("ambiguous", "maybe"), STEADY, {"tries": 1, "ambiguous": 1}, RetryAt(at(1))),
    ("ambiguous, second", failure("ambiguous", "maybe"), STEADY, {"tries": 2, "ambiguous": 2}, "retries_used_up"),
    ("ambiguous, never repeated", failure("ambiguous", "maybe"), Retry(max_ambiguous=0), {"tries": 1, "ambiguous": 1}, "retries_used_up"),
    ("ambiguous, attempts over", failure("ambiguous", "maybe"), Retry(attempts=2, max_ambiguous=9), {"tries": 2, "ambiguous": 1}, "retries_used_up"),
    ("rate limit with reset", failure("rate_limited", until=at(90)), STEADY, {}, Park(at(90), "it failed")),
    ("rate limit with seconds", failure("rate_limited", after_s=7), STEADY, {}, Park(at(7), "it failed")),
    ("rate limit with nothing", failure("rate_limited"), STEADY, {}, Park(at(1), "it failed")),
    ("rate limit that is over", failure("rate_limited", until=at(-9)), STEADY, {}, Park(at(1), "it failed")),
    ("rate limit, attempts over", failure("rate_limited", after_s=7), STEADY, {"tries": 99}, Park(at(7), "it failed")),
    ("rate limit, too patient", failure("rate_limited", after_s=7), Retry(max_wait_s=100), {"waited_s": 95}, "waited_too_long"),
    ("schema, first", failure("bad_output", "yes", kind="schema"), STEADY, {"tries": 1, "repairs": 1}, Repair(NOW)),
    ("truncated, first", failure("bad_output", "yes", kind="truncated"), STEADY, {"tries": 1, "repairs": 1}, Repair(NOW)),
    ("check, first", failure("bad_output", "yes", kind="check"), STEADY, {"tries": 1, "repairs": 1}, Repair(NOW)),
    ("schema, repaired once", failure("bad_output", "yes", kind="schema"), STEADY, {"tries": 2, "repairs": 2}, Repair(NOW)),
    ("schema, repaired twice", failure("bad_output", "yes", kind="schema"), STEADY, {"tries": 3, "repairs": 3}, "bad_output"),
    ("schema, never repaired", failure("bad_output", "yes", kind="schema"), Retry(repairs=0), {"tries": 1, "repairs": 1}, "bad_output"),
    ("check, second", failure("bad_output", "yes", kind="check"), Retry(repairs=9), {"tries": 2, "repairs": 2, "checks": 2}, "bad_output"),
    ("check, after a schema", failure("bad_output", "yes", kind="check"), STEADY, {"tries": 2, "repairs": 2, "checks": 1}, Repair(NOW)),
    ("truncated, second", failure("bad_output", "yes", kind="truncated"), Retry(repairs=9), {"tries": 2, "repairs": 2, "cuts": 2}, "bad_output"),
    ("schema, attempts over but not repaired", failure("bad_output", "yes", kind="schema"), STEADY, {"tries": 3, "repairs": 1}, Repair(NOW)),
    ("schema, more repairs", failure("bad_output", "yes", kind="schema"), Retry(repairs=3), {"tries": 3, "repairs": 3}, Repair(NOW)),
    ("gateway, first", failure("bad_output", "maybe", kind="gateway"), STEADY, {"tries": 1, "repairs": 1}, RetryAt(at(1))),
    ("gateway, second", failure("bad_output", "maybe", kind="gateway"), Retry(repairs=9), {"tries": 2, "repairs": 2}, "bad_output"),
    ("permanent", failure("permanent_input"), STEADY, {"tries": 1}, Fail("it failed")),
    ("lane", failure("lane_stopped", kind="quota"), STEADY, {}, "lane"),
    ("budget", failure("budget_spent"), STEADY, {}, "budget"),
    ("question", failure("needs_human", question="Which?"), STEADY, {}, Escalate("question", "Which?")),
    ("code gone", failure("code_gone"), STEADY, {}, "code_gone"),
    ("cancelled", failure("cancelled", "maybe"), STEADY, {}, Fail("it failed")),
    ("bug, first", failure("bug", "maybe"), STEADY, {"tries": 1, "bugs": 1}, RetryAt(at(1))),
    ("bug, second", failure("bug", "maybe"), STEADY, {"tries": 2, "bugs": 2}, "bug"),
    ("bug, attempts over", failure("bug", "maybe"), STEADY, {"tries": 3, "bugs": 1}, "bug"),
    ("a word of another time", failure("novelty", "maybe"), STEADY, {"tries": 1}, RetryAt(at(1))),
]  # fmt: skip

ONCE_TABLE: list[tuple[str, ErrorRecord, Any]] = [
    ("transient before it was sent", failure("transient", "no"), "retries_used_up"),
    ("transient after it was sent", failure("transient", "maybe"), "in_doubt"),
    ("ambiguous", failure("ambiguous", "maybe"), "in_doubt"),
    ("bad output", failure("bad_output", "yes", kind="schema"), "in_doubt"),
    ("bad output before it was sent", failure("bad_output", "no", kind="schema"), "bad_output"),
    ("bug", failure("bug", "maybe"), "in_doubt"),
    ("bug that says it was not sent", failure("bug", "no"), "in_doubt"),
    ("cancelled", failure("cancelled", "maybe"), "in_doubt"),
    ("cancelled before it was sent", failure("cancelled", "no"), Fail("it failed")),
    ("rate limit", failure("rate_limited", after_s=7), Park(at(7), "it failed")),
    ("permanent", failure("permanent_input"), Fail("it failed")),
    ("lane", failure("lane_stopped"), "lane"),
    ("budget", failure("budget_spent"), "budget"),
    ("question", failure("needs_human", question="Which?"), Escalate("question", "Which?")),
]


@pytest.mark.parametrize("effect", ["pure", "idempotent"])
@pytest.mark.parametrize(
    ("error", "policy", "history", "expected"),
    [row[1:] for row in TABLE],
    ids=[r[0] for r in TABLE],
)
def test_what_may_be_repeated_is_repeated(
    error: ErrorRecord, policy: Retry, history: dict[str, Any], expected: Any, effect: Effect
) -> None:
    reaction = react(error, effect, policy, **history)

    assert reaction == expected or getattr(reaction, "kind", None) == expected


@pytest.mark.parametrize(
    ("error", "expected"), [row[1:] for row in ONCE_TABLE], ids=[row[0] for row in ONCE_TABLE]
)
def test_what_must_happen_once_is_never_repeated_blindly(error: ErrorRecord, expected: Any) -> None:
    history = History().after(error)

    reaction = decide(error, policy=ONCE, effect="once", history=history, now=NOW)

    assert reaction == expected or getattr(reaction, "kind", None) == expected


def test_a_question_says_what_happened_and_what_to_decide() -> None:
    reaction = react(failure("transient"), "pure", STEADY, tries=3)

    assert reaction == Escalate(
        "retries_used_up", "It failed 3 times, last with: it failed. Retry it, or stop the run?"
    )


def test_jitter_spreads_the_waits_over_the_whole_backoff() -> None:
    policy = Retry(first_s=8, factor=2)
    rng = random.Random(1)  # jitter is no secret

    waits = [policy.backoff_s(3, rng) for _ in range(200)]

    assert 0 <= min(waits) < 4
    assert 28 < max(waits) <= 32


def test_a_backoff_never_passes_its_limit() -> None:
    assert Retry(max_s=60, jitter=False).backoff_s(90) == 60


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("transient", History(tries=1)),
        ("ambiguous", History(tries=1, ambiguous=1)),
        ("bad_output", History(tries=1, repairs=1)),
        ("bug", History(tries=1, bugs=1)),
        ("permanent_input", History(tries=1)),
        ("rate_limited", History()),
        ("lane_stopped", History()),
        ("budget_spent", History()),
        ("needs_human", History()),
        ("code_gone", History()),
        ("cancelled", History()),
    ],
)
def test_parking_and_asking_burn_no_attempt(word: str, expected: History) -> None:
    assert History().after(failure(word)) == expected


@pytest.mark.parametrize(
    "fields",
    [
        {"attempts": 0},
        {"attempts": True},
        {"first_s": -1},
        {"factor": 0.5},
        {"max_s": 0.5},
        {"max_s": float("nan")},
        {"max_ambiguous": -1},
        {"max_wait_s": float("inf")},
        {"repairs": 101},
    ],
    ids=str,
)
def test_a_policy_out_of_range_is_refused(fields: dict[str, Any]) -> None:
    (name,) = fields

    with pytest.raises(ValueError, match=rf"Retry\({name}=.*\): give "):
        Retry(**fields)


@pytest.mark.parametrize("code", ["content_filter", "context_length"])
def test_what_a_model_will_not_do_is_asked_about_but_not_for_each_item_of_a_map(code: str) -> None:
    error = failure("permanent_input", code=code)
    history = History().after(error)

    asked = decide(error, policy=Retry(), effect="pure", history=history, now=NOW)
    item = decide(error, policy=Retry(), effect="pure", history=history, now=NOW, is_item=True)

    assert isinstance(asked, Escalate)
    assert asked.kind == "question"
    assert item == Fail("it failed")
