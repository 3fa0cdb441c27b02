"""What a stream says next, from what it has said."""

from __future__ import annotations

from typing import Any

import pytest

from aiops.api.sse import News, between, end, event, growth
from tests.api.web import parse


def news(pulse: str = "a", **view: Any) -> News:
    return News(pulse, {"is_final": False, "state": "running", "partial": "", "eta_s": 9, **view})


def test_the_first_event_is_the_whole_view() -> None:
    found = parse(between(None, news("p1")).strip())

    assert (found.name, found.id, found.data) == ("status", "p1", news().view)


def test_nothing_is_said_of_what_is_the_same() -> None:
    assert between(news("p1"), news("p2")) == ""


def test_a_text_that_only_grows_is_told_by_what_is_new() -> None:
    found = parse(between(news(partial="Dear"), news("p2", partial="Dear Ann", eta_s=8)).strip())

    assert (found.name, found.id, found.data) == ("partial", "p2", {"at": 4, "text": " Ann"})


@pytest.mark.parametrize("other", [{"state": "waiting"}, {"eta_s": 8}, {"new": 1}])
def test_any_other_difference_is_told_by_the_whole_view(other: dict[str, Any]) -> None:
    assert parse(between(news(), news(**other)).strip()).name == "status"


def test_a_text_that_grows_beside_other_news_is_told_by_the_whole_view() -> None:
    found = parse(between(news(), news(partial="Dear", state="waiting")).strip())

    assert (found.name, found.data["partial"]) == ("status", "Dear")


@pytest.mark.parametrize(
    ("before", "now", "told"),
    [
        ("", "Dear", {"at": 0, "text": "Dear"}),
        ("Dear", "Dear Ann", {"at": 4, "text": " Ann"}),
        ("Dear Bob", "Dear Ann", {"at": 0, "text": "Dear Ann"}),
        ("Dear Ann", "", {"at": 0, "text": ""}),
        ("🙂", "🙂!", {"at": 1, "text": "!"}),
    ],
)
def test_a_text_is_added_to_or_replaced(before: str, now: str, told: dict[str, Any]) -> None:
    assert growth(before, now) == told


def test_a_view_is_written_once_for_all_who_read_it() -> None:
    told = news()

    assert told.status() is told.status()


def test_no_text_ends_an_event_before_its_time() -> None:
    text = event("status", {"title": "a\n\ndata: b\r\n"}, "p")

    assert text.count("\n\n") == 1
    assert parse(text.strip()).data == {"title": "a\n\ndata: b\r\n"}


def test_the_end_says_how_it_ended() -> None:
    assert parse(end("failed", "p").strip()).data == {"state": "failed"}
