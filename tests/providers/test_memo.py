"""Which paid answer may be used again, and why a call is made: pure decisions over the ledger's rows."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest
from pydantic import BaseModel

from aiops.flow.caller import Caller
from aiops.providers.calling import Call
from aiops.providers.exchange import Message, Question, RawAnswer, RawVectors
from aiops.providers.memo import Past, choose, fingerprint, purpose, read, written
from aiops.providers.models import Address


def row(
    id: int, attempt: int, print_: str, outcome: str = "answered", memo_of: int | None = None
) -> dict[str, Any]:
    return {
        "id": id,
        "attempt": attempt,
        "fingerprint": print_,
        "outcome": outcome,
        "memo_of": memo_of,
    }


def past(number: int, word: str = "transient", outcome: str = "failed") -> Past:
    return Past(number, outcome, word)


class Wanted(BaseModel):
    yes: bool


LOST = past(1, "lost", "lost")


def test_the_nth_of_equal_questions_gets_the_nth_answer() -> None:
    calls = [row(1, 1, "a"), row(2, 1, "a"), row(3, 1, "b"), row(4, 2, "a", "reused", 1)]

    assert choose(calls, "a", 2, [LOST]) == 2
    assert choose(calls, "b", 2, [LOST]) == 3
    assert choose(calls, "c", 2, [LOST]) is None


def test_what_was_used_again_is_used_a_third_time_from_where_it_was_paid() -> None:
    calls = [row(1, 1, "a"), row(2, 2, "a", "reused", 1)]

    assert choose(calls, "a", 3, [past(2), LOST]) == 1


@pytest.mark.parametrize("word", ["bad_output", "bug", "permanent_input", "needs_human"])
def test_the_answer_that_an_attempt_tripped_over_is_not_used_again(word: str) -> None:
    calls = [row(1, 1, "a"), row(2, 1, "b")]

    assert choose(calls, "a", 2, [past(1, word)]) == 1
    assert choose(calls, "b", 2, [past(1, word)]) is None


def test_an_attempt_whose_last_call_failed_tripped_over_no_answer() -> None:
    calls = [row(1, 1, "a"), row(2, 1, "b", "permanent_input")]

    assert choose(calls, "a", 2, [past(1, "permanent_input")]) == 1


@pytest.mark.parametrize(
    ("before", "has_spent", "found"),
    [
        ([], False, "first"),
        ([past(1)], False, "first"),
        ([past(1)], True, "retry"),
        ([past(2, "bad_output"), past(1)], True, "repair"),
        ([past(1, "ambiguous")], True, "lost"),
        ([LOST], True, "lost"),
        ([past(2, "rate_limited", "parked"), past(1, "bad_output")], True, "repair"),
    ],
)
def test_why_a_call_is_made_is_told_by_the_attempt_before(
    before: list[Past], has_spent: bool, found: str
) -> None:
    assert purpose(before, has_spent=has_spent) == found


def call(**fields: Any) -> Call:
    who = Caller(uuid4(), uuid4(), "w", "s", None, 1, fields.pop("tenant", "acme"), "batch")
    asked: dict[str, Any] = {
        "system": "Be short.",
        "output": None,
        "max_tokens": 10,
        "temperature": 0.0,
        "timeout_s": 5.0,
        "prompt": "Hello",
    }
    asked |= fields
    prompt = asked.pop("prompt")
    model = asked.pop("model", "m")
    question = Question([Message(role="user", content=prompt)], **asked)
    return Call(who, "fast", Address("http://a", model), "chat", question, (), 5.0)


@pytest.mark.parametrize(
    "other",
    [
        {"tenant": "umbrella"},
        {"model": "n"},
        {"prompt": "Hallo"},
        {"system": ""},
        {"max_tokens": 11},
        {"temperature": 0.5},
        {"output": Wanted},
    ],
    ids=lambda given: next(iter(given)),
)
def test_whatever_decides_the_answer_is_in_the_fingerprint(other: dict[str, Any]) -> None:
    assert fingerprint(call(**other)) != fingerprint(call())


def test_what_does_not_decide_it_is_not() -> None:
    assert fingerprint(call(timeout_s=9.0)) == fingerprint(call())


@pytest.mark.parametrize(
    "raw",
    [
        RawAnswer("Grüße 🎉", "m", 3, 4, "stop", 0.5, "id-1", "a caveat", 1, 2, 7),
        RawVectors([[0.1, -0.2]], "m", 3, 0.5, "id-2"),
    ],
    ids=["answer", "vectors"],
)
def test_an_answer_is_read_as_it_was_written(raw: RawAnswer | RawVectors) -> None:
    told = written(raw)

    assert told is not None
    assert read(told) == raw


@pytest.mark.parametrize("text", ["a\x00b", "half \ud83d", "x" * 1_000_001])
def test_what_cannot_be_kept_is_not(text: str) -> None:
    assert written(RawAnswer(text, "m", 1, 1, "stop", 0.1, "id")) is None
