"""Citations and checks: what a reply leans on, and what keeps it from being sent."""

from __future__ import annotations

import pytest

from tasks.support.checking import check, problems
from tasks.support.citing import Citation, cite
from tasks.support.policies import POLICIES, Passage

LOST, DECLINED = POLICIES[:2]
GIVEN = [LOST, DECLINED]
GOOD = "Your card is frozen in the app. A replacement arrives within five working days."


def failed(
    body: str = GOOD,
    citations: list[Citation] | None = None,
    policies: list[Passage] = GIVEN,
    message: str = "My card is lost.",
) -> list[str]:
    cited = cite(body, policies) if citations is None else citations
    checks = check(body, cited, policies=policies, message=message)
    assert len(checks) == 3
    return [found.name for found in checks if not found.passed]


def test_the_sentence_that_shares_most_words_is_cited_word_for_word() -> None:
    assert cite(GOOD, GIVEN) == [
        Citation(policy="lost-cards", quote="A replacement arrives within five working days.")
    ]


def test_a_reply_that_leans_on_nothing_cites_nothing() -> None:
    assert cite("I am sorry for any misunderstanding.", GIVEN) == []
    assert cite("", GIVEN) == []
    assert cite(GOOD, []) == []


def test_a_good_reply_passes() -> None:
    assert failed() == []


def test_a_reply_without_a_citation_fails() -> None:
    assert failed("I am sorry for any misunderstanding.") == ["citations"]


def test_a_citation_of_a_policy_that_was_not_given_fails() -> None:
    stranger = POLICIES[2]
    cited = [Citation(policy=stranger.id, quote=stranger.text)]

    assert failed(citations=cited) == ["citations", "quotes"]


@pytest.mark.parametrize(
    ("quote", "names"),
    [
        ("A replacement arrives within five working days.", []),
        ("a replacement\narrives within five  working days", []),
        ("A replacement arrives within two working days.", ["quotes"]),
        (DECLINED.text, ["quotes"]),
    ],
)
def test_a_quote_must_be_in_the_policy_that_it_names(quote: str, names: list[str]) -> None:
    assert failed(citations=[Citation(policy=LOST.id, quote=quote)]) == names


@pytest.mark.parametrize(
    ("said", "names"),
    [
        ('As we say: "A replacement arrives within five working days."', []),
        ('You wrote: "My card is lost."', []),
        ("As we say: “Every replacement card costs ten dollars.”", ["quotes"]),
        ('Press "Freeze" in the app.', []),
    ],
)
def test_what_a_reply_quotes_must_have_been_written(said: str, names: list[str]) -> None:
    assert failed(f"{GOOD} {said}") == names


@pytest.mark.parametrize(
    "said",
    [
        "As an AI, I cannot say.",
        "See https://bank.example.net for more.",
        "We guarantee your money.",
        "The number is [card].",
        "Write to bob@elsewhere.example.",
        "Call 555-867-5309.",
    ],
)
def test_what_must_not_be_said_fails(said: str) -> None:
    assert failed(f"{GOOD} {said}") == ["forbidden"]


def test_the_problems_say_what_is_wrong_and_are_nothing_for_a_good_reply() -> None:
    good = check(GOOD, cite(GOOD, GIVEN), policies=GIVEN, message="")
    bad = check("Bob's [card].", [], policies=GIVEN, message="")

    assert problems(good) == ""
    assert problems(bad) == (
        "citations: it leans on none of the policies; forbidden: it holds the mark [card]"
    )
