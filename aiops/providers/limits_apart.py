"""Counting in this process alone, while Redis is away: each process keeps to its part of the limits."""

from __future__ import annotations

import threading
import time
from collections import defaultdict, deque
from collections.abc import Callable
from dataclasses import dataclass, field

from aiops.models import Node
from aiops.pools import POOLS
from aiops.providers.breaker import Sign, Tally
from aiops.providers.lane import Limits


@dataclass(slots=True)
class _Counts:
    """Calls of one lane: when they began with their tokens, when they must be over, how they ended."""

    begun: dict[str, tuple[float, int]] = field(default_factory=dict)
    flight: dict[str, float] = field(default_factory=dict)
    signs: deque[tuple[float, Sign]] = field(default_factory=deque)
    strangers: int = 0


class Apart:
    """The limits divided by the number of processes that may be calling."""

    def __init__(
        self,
        processes: Callable[[], int] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._processes = processes or _processes
        self._clock = clock
        self._lock = threading.Lock()
        self._lanes: dict[str, _Counts] = defaultdict(_Counts)

    def enter(self, name: str, limits: Limits, call: str, *, tokens: int, lease_s: float) -> str:
        """Let a call in; else return what is used up."""
        mine = limits.shared(1 / self._processes())
        now = self._clock()
        with self._lock:
            counts = self._lanes[name]
            first = now - limits.window_s
            counts.begun = {one: it for one, it in counts.begun.items() if it[0] > first}
            counts.flight = {one: end for one, end in counts.flight.items() if end > now}
            if mine.requests and len(counts.begun) >= mine.requests:
                return "requests"
            spent = sum(used for _, used in counts.begun.values())
            # What is larger than this part goes when nothing else does.
            if mine.tokens and spent + min(tokens, mine.tokens) > mine.tokens:
                return "tokens"
            if mine.concurrency and len(counts.flight) >= mine.concurrency:
                return "concurrency"
            counts.begun[call] = (now, tokens)
            counts.flight[call] = now + lease_s
            return ""

    def leave(self, name: str, call: str, sign: Sign, more: int, window_s: float) -> Tally:
        """End a call, `more` tokens than reserved; returns how the last ones ended."""
        now = self._clock()
        with self._lock:
            counts = self._lanes[name]
            counts.flight.pop(call, None)
            if call in counts.begun:
                at, reserved = counts.begun[call]
                counts.begun[call] = (at, max(0, reserved + more))
            counts.signs.append((now, sign))
            while counts.signs[0][0] <= now - window_s:
                counts.signs.popleft()
            counts.strangers = _strangers(counts.strangers, sign)
            ends = [one for _, one in counts.signs]
            return Tally(ends.count("ok"), ends.count("bad"), counts.strangers)


def _strangers(before: int, sign: Sign) -> int:
    if sign == "stranger":
        return before + 1
    return 0 if sign == "ok" else before


_known: dict[str, float] = {"processes": 0.0, "at": 0.0}


def _processes() -> int:
    """How many worker processes there are, by their reports; looked up once a minute."""
    if not _known["processes"] or time.monotonic() - _known["at"] > 60:
        pools = Node.objects.filter(role="worker").values_list("pool", flat=True)
        found = [POOLS[pool] for pool in pools if pool in POOLS]
        number = sum(pool.concurrency if pool.kind == "prefork" else 1 for pool in found)
        _known.update(processes=float(max(1, number)), at=time.monotonic())
    return int(_known["processes"])
