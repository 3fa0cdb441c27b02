"""Two texts side by side: which lines are in both, and which in one of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Literal

#: Longer texts are compared as far as this: the time grows with the square of it.
MOST_LINES = 2_000
#: Lines that are alike are shown up to this far from a difference.
NEAR = 3

Kind = Literal["both", "left", "right", "folded"]


@dataclass(frozen=True, slots=True)
class Line:
    kind: Kind
    text: str

    @property
    def sign(self) -> str:
        return {"both": " ", "left": "−", "right": "+", "folded": "…"}[self.kind]


def differences(left: str, right: str) -> list[Line]:
    """The lines of both; empty when they are the same."""
    if left == right:
        return []
    olds, news = left.splitlines()[:MOST_LINES], right.splitlines()[:MOST_LINES]
    found = list(_lines(olds, news))
    if max(left.count("\n"), right.count("\n")) >= MOST_LINES:
        found.append(Line("folded", f"only the first {MOST_LINES:,} lines were compared"))
    return found


def _lines(olds: Sequence[str], news: Sequence[str]) -> Iterator[Line]:
    codes = SequenceMatcher(None, olds, news, autojunk=False).get_opcodes()
    for place, (tag, a, b, c, d) in enumerate(codes):
        if tag == "equal":
            yield from _alike(olds[a:b], is_first=place == 0, is_last=place == len(codes) - 1)
            continue
        yield from (Line("left", text) for text in olds[a:b])
        yield from (Line("right", text) for text in news[c:d])


def _alike(lines: Sequence[str], *, is_first: bool, is_last: bool) -> Iterator[Line]:
    """Lines that are in both: only those near a difference."""
    head, tail = 0 if is_first else NEAR, 0 if is_last else NEAR
    hidden = len(lines) - head - tail
    if hidden <= 1:
        yield from (Line("both", text) for text in lines)
        return
    yield from (Line("both", text) for text in lines[:head])
    yield Line("folded", f"{hidden:,} lines that are alike")
    yield from (Line("both", text) for text in lines[len(lines) - tail :])
