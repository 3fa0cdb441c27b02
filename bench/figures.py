"""What a measure tells: numbers of several rounds, next to the peer's, held against a target."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Any, Literal


@dataclass(frozen=True, slots=True)
class Spread:
    """One number, measured in several rounds."""

    low: float
    middle: float
    high: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Spread:
        return cls(min(values), median(values), max(values))

    def __str__(self) -> str:
        if self.low == self.high:
            return number(self.middle)
        return f"{number(self.low)} / **{number(self.middle)}** / {number(self.high)}"


@dataclass(frozen=True, slots=True)
class Target:
    """What the middle should be: at most (or least) a number, or the peer's middle plus it."""

    bound: float
    sense: Literal["at most", "at least"] = "at most"
    beyond_peer: bool = False

    def limit(self, peer: Spread | None) -> float:
        return self.bound + (peer.middle if self.beyond_peer and peer else 0.0)

    def is_met(self, ours: Spread, peer: Spread | None) -> bool:
        limit = self.limit(peer)
        return ours.middle <= limit if self.sense == "at most" else ours.middle >= limit

    def __str__(self) -> str:
        if not self.beyond_peer:
            return f"{self.sense} {number(self.bound)}"
        return f"{self.sense} bare Celery's" + (f" + {number(self.bound)}" if self.bound else "")


@dataclass(frozen=True, slots=True)
class Figure:
    """One line of the table."""

    what: str
    unit: str
    ours: Spread
    peer: Spread | None = None
    target: Target | None = None
    #: More about ours, such as its parts.
    parts: dict[str, float] = field(default_factory=dict)
    #: Said in place of the peer's number, where it has none.
    peer_says: str = ""

    @property
    def ratio(self) -> float | None:
        if self.peer is None or not self.peer.middle:
            return None
        return self.ours.middle / self.peer.middle

    @property
    def verdict(self) -> str:
        if self.target is None:
            return ""
        return "pass" if self.target.is_met(self.ours, self.peer) else "MISS"


def number(value: float) -> str:
    """Three digits that matter."""
    if value >= 100 or value == int(value):
        return f"{value:,.0f}"
    return f"{value:.3g}"


def as_json(figure: Figure) -> dict[str, Any]:
    def spread(found: Spread | None) -> list[float] | None:
        return None if found is None else [found.low, found.middle, found.high]

    return {
        "what": figure.what,
        "unit": figure.unit,
        "ours": spread(figure.ours),
        "peer": spread(figure.peer),
        "ratio": figure.ratio,
        "target": str(figure.target) if figure.target else None,
        "verdict": figure.verdict or None,
        "parts": figure.parts,
    }
