"""What every measure is given."""

from __future__ import annotations

from dataclasses import dataclass

from bench.stack import Stack


@dataclass(frozen=True, slots=True)
class Bench:
    """The running processes, and how much to do."""

    stack: Stack
    is_quick: bool

    @property
    def rounds(self) -> int:
        return 2 if self.is_quick else 5
