"""The strip of states: how many runs are in each, and how many ended so in the last 24 hours."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from aiops.admin.page import links, words
from aiops.admin.page.overview import Ended
from aiops.models.run import ENDED, RunState


@dataclass(frozen=True, slots=True)
class Tile:
    """A state with its number and the list behind it."""

    look: words.Look
    number: int
    #: What the number counts.
    means: str
    url: str


def tiles(open_runs: Mapping[str, int], ended: Sequence[Ended], since: datetime) -> list[Tile]:
    """One for each state; `since` is where the 24 hours begin."""
    over: Counter[str] = Counter()
    for state, _, number in ended:
        over[state] += number
    return [
        _ended(state, over[state], since)
        if state in ENDED
        else Tile(words.RUN[state], open_runs[state], "now", links.runs(state__in=state))
        for state in RunState.values
    ]


def _ended(state: str, number: int, since: datetime) -> Tile:
    url = links.runs(state__in=state, ended_since=since)
    return Tile(words.RUN[state], number, "in the last 24 hours", url)
