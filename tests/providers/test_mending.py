"""How a question changes by what was wrong with its last answer: pure decisions."""

from __future__ import annotations

import pytest

from aiops.providers.exchange import Message, Question
from aiops.providers.memo import said_hash
from aiops.providers.mending import Refused, mended


def question(prompt: str = "Which?", max_tokens: int = 50) -> Question:
    return Question([Message(role="user", content=prompt)], "", None, max_tokens, 0.0, 5.0)


def refused(asked: Question, turn: int = 0, **more: str) -> Refused:
    told = {"kind": "schema", "code": "", "message": "mood: wrong", **more}
    return Refused(said_hash(asked), turn, **told)


def test_the_problem_is_added_to_the_conversation() -> None:
    found = mended(question(), [refused(question(), answer="{}")], {})

    assert found.kind == "schema"
    asked, said, told = found.question.conversation
    assert (asked["content"], said) == ("Which?", {"role": "assistant", "content": "{}"})
    assert "mood: wrong" in told["content"]


def test_an_answer_that_was_not_kept_leaves_one_turn_of_the_user() -> None:
    (told,) = mended(question(), [refused(question())], {}).question.conversation

    assert told["role"] == "user"
    assert told["content"].startswith("Which?\n\nYour last answer")


def test_a_second_problem_comes_after_the_first() -> None:
    first = mended(question(), [refused(question(), answer="{}")], {}).question
    second = refused(first, message="why: missing", answer='{"mood": 1}')

    found = mended(question(), [refused(question(), answer="{}"), second], {})

    assert [turn["role"] for turn in found.question.conversation] == [
        *("user", "assistant", "user", "assistant", "user"),
    ]


@pytest.mark.parametrize(
    ("answered_before", "changes"), [(0, False), (1, False), (2, True), (3, False)]
)
def test_of_equal_questions_only_the_one_that_was_tripped_over_changes(
    answered_before: int, changes: bool
) -> None:
    own = {said_hash(question()): answered_before}

    found = mended(question(), [refused(question(), turn=2)], own)

    assert (found.question != question()) is changes


def test_another_question_stays_as_it_is() -> None:
    assert mended(question("Another?"), [refused(question())], {}).question == question("Another?")


@pytest.mark.parametrize(("code", "tokens"), [("length", 100), ("no_finish", 50)])
def test_a_cut_answer_is_asked_for_with_more_tokens_and_no_complaint(
    code: str, tokens: int
) -> None:
    found = mended(question(), [refused(question(), kind="truncated", code=code)], {})

    assert found.question == question(max_tokens=tokens)


@pytest.mark.parametrize(
    ("kind", "is_last", "more"),
    [
        ("schema", False, False),
        ("schema", True, True),
        ("check", False, True),
        ("truncated", True, False),
    ],
)
def test_which_repair_is_one_for_a_stronger_model(kind: str, is_last: bool, more: bool) -> None:
    found = mended(question(), [refused(question(), kind=kind)], {})

    assert found.calls_for_more(is_last=is_last) is more
