"""The effect sink: something outside that can be done once too often, and counts it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any


@dataclass(slots=True)
class Sink:
    """Effects by key. It drops no duplicates: it shows them."""

    done: dict[str, int] = field(default_factory=dict)
    #: The most that were being done at once for one key: two workers at the same work.
    at_once: dict[str, int] = field(default_factory=dict)
    _now: dict[str, int] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @contextmanager
    def doing(self, key: str) -> Iterator[int]:
        """Do the effect, which counts from its beginning, and stay in it for the block's length."""
        with self._lock:
            self.done[key] = self.done.get(key, 0) + 1
            self._now[key] = self._now.get(key, 0) + 1
            self.at_once[key] = max(self.at_once.get(key, 0), self._now[key])
            times = self.done[key]
        try:
            yield times
        finally:
            with self._lock:
                self._now[key] -= 1

    def times(self, key: str) -> int:
        with self._lock:
            return self.done.get(key, 0)

    def reset(self) -> None:
        with self._lock:
            self.done, self.at_once = {}, {}

    def to_json(self) -> dict[str, Any]:
        with self._lock:
            return {
                "effects": sum(self.done.values()),
                "keys": len(self.done),
                "duplicates": sum(times - 1 for times in self.done.values()),
                "done": dict(self.done),
                "at_once": dict(self.at_once),
            }
