"""Which vectors lie nearest to a query: a few dozen at most; more belong in a database."""

from __future__ import annotations

import heapq
import math
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Match:
    """One candidate: its place in the list, and its cosine to the query."""

    index: int
    closeness: float


def nearest(
    query: Sequence[float], candidates: Sequence[Sequence[float]], *, count: int
) -> list[Match]:
    """Return the `count` nearest candidates, the nearest first; of equals the earlier one first."""
    matches = (Match(index, cosine(query, candidate)) for index, candidate in enumerate(candidates))
    return heapq.nsmallest(count, matches, key=lambda match: (-match.closeness, match.index))


def cosine(one: Sequence[float], other: Sequence[float]) -> float:
    """Return the cosine of two vectors; 0.0 when one of them is zero."""
    lengths = math.hypot(*one) * math.hypot(*other)
    return sum(a * b for a, b in zip(one, other, strict=True)) / lengths if lengths else 0.0
