"""What the model is told, what is kept of its words, and which text is nearest."""

from __future__ import annotations

import pytest

from tasks.support.nearest import Match, cosine, nearest
from tasks.support.policies import POLICIES
from tasks.support.wording import MESSAGE_CHARS, conversation, readable


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ("Yes. It is done.", "Yes. It is done."),
        ("Yes. It is done. And the ot", "Yes. It is done."),
        ("Sorry. We are sorry. Sorry. Sorry.", "Sorry. We are sorry."),
        ("First.\n\nSecond one!", "First.\n\nSecond one!"),
        ("Wait 3.5 days. Then call", "Wait 3.5 days."),
        ("no end at all", "no end at all"),
        ("", ""),
    ],
)
def test_only_whole_sentences_are_kept_and_none_twice(said: str, kept: str) -> None:
    assert readable(said) == kept


def test_the_policies_and_the_message_are_in_the_last_turn() -> None:
    *_, last = conversation("My card\nis lost.", "lost_or_stolen", POLICIES[:2])

    assert last["role"] == "user"
    assert POLICIES[0].text in last["content"]
    assert POLICIES[1].text in last["content"]
    assert last["content"].endswith("Customer (lost or stolen): My card is lost.")


def test_an_endless_message_is_cut_so_that_the_policies_fit_beside_it() -> None:
    *_, last = conversation("word " * 10_000, "account", POLICIES[:1])

    assert len(last["content"]) < MESSAGE_CHARS + 500


def test_the_nearest_come_first_and_equals_keep_their_order() -> None:
    found = nearest([1.0, 0.0], [[0.0, 1.0], [2.0, 0.0], [1.0, 0.0], [1.0, 1.0]], count=3)

    assert [match.index for match in found] == [1, 2, 3]
    assert found[0] == Match(1, 1.0)


def test_a_vector_of_nothing_is_near_to_nothing() -> None:
    assert cosine([0.0, 0.0], [1.0, 0.0]) == 0.0


def test_vectors_of_different_models_are_not_compared() -> None:
    with pytest.raises(ValueError, match="longer"):
        cosine([1.0], [1.0, 0.0])
