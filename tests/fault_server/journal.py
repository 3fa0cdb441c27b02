"""The journal: what arrived, what was computed, what was delivered, and who had hung up by then."""

from __future__ import annotations

import threading
import time
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(slots=True)
class Entry:
    """One request. Times are those of the server's clock (time.time()); None: it did not happen."""

    number: int
    path: str
    model: str
    prompt: str
    fault: str
    headers: dict[str, str]
    arrived_at: float
    #: The answer was there: this call is on the bill, whatever became of it.
    computed_at: float | None = None
    #: The last byte was written.
    completed_at: float | None = None
    client_gone_at: float | None = None
    status: int = 0


@dataclass(slots=True)
class Journal:
    """All requests since the last reset, in the order of their arrival."""

    entries: list[Entry] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _next: int = 1

    def arrive(self, path: str, model: str, prompt: str, headers: dict[str, str]) -> Entry:
        with self._lock:
            entry = Entry(self._next, path, model, prompt, "", headers, time.time())
            self._next += 1
            self.entries.append(entry)
            return entry

    def reset(self) -> None:
        """Forget the entries; their numbers go on, so that no answer's id comes twice."""
        with self._lock:
            self.entries = []

    def to_json(self, model: str = "", since: int = 0) -> list[dict[str, Any]]:
        with self._lock:
            found = list(self.entries)
        return [asdict(e) for e in found if (not model or e.model == model) and e.number > since]

    def counts(self) -> dict[str, int]:
        """How many arrived, were computed (and billed), delivered, and abandoned by their caller."""
        with self._lock:
            found = list(self.entries)
        return {
            "arrived": len(found),
            "computed": sum(e.computed_at is not None for e in found),
            "completed": sum(e.completed_at is not None for e in found),
            "client_gone": sum(e.client_gone_at is not None for e in found),
        }
