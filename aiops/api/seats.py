"""Who has how many streams open in this process."""

from __future__ import annotations

import hashlib
import threading
from collections import Counter
from dataclasses import dataclass

from django.conf import settings

from aiops.access.caller import Caller
from aiops.api.problems import Problem, of

#: A token is one browser's: a few tabs of it.
OF_A_TOKEN = 5
#: When another stream may have ended.
WAIT_S = 30


@dataclass(frozen=True, slots=True)
class Limit:
    """How many streams somebody may have open in one web process."""

    whose: str
    most: int


def limit_of(who: Caller, shown: str) -> Limit:
    """The limit of a caller, who has shown this key or token."""
    if who.run_id is None:
        return Limit(f"key {who.key_id}", who.streams)
    return Limit(f"token {hashlib.sha256(shown.encode()).hexdigest()}", OF_A_TOKEN)


class Seats:
    """Counts open streams. A seat is given back from any thread, and in any finalizer."""

    def __init__(self) -> None:
        self._taken: Counter[str] = Counter()
        self._lock = threading.RLock()

    @property
    def total(self) -> int:
        return self._taken.total()

    def take(self, limit: Limit) -> None:
        """Take a seat. Raises Problem when there is none left."""
        with self._lock:
            if self.total >= settings.AIOPS_STREAMS:
                raise _too_many("This process serves as many streams as it may.")
            if self._taken[limit.whose] >= limit.most:
                raise _too_many(f"You have {limit.most} streams open, which is all you may have.")
            self._taken[limit.whose] += 1

    def give_back(self, whose: str) -> None:
        with self._lock:
            self._taken[whose] -= 1
            if not self._taken[whose]:
                del self._taken[whose]


def _too_many(what: str) -> Problem:
    remedy = "Close one, or ask for the status now and then: with If-None-Match that costs little."
    return of("too-many-streams", f"{what} {remedy}", wait_s=WAIT_S)
