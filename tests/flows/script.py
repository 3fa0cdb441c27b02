"""What the steps of these workflows do: what a test tells them to, and every call is kept."""

from __future__ import annotations

import threading
from collections import defaultdict, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

from pydantic import BaseModel

T = TypeVar("T")


class Job(BaseModel):
    number: int = 1
    items: list[int] = []
    label: str = ""


@dataclass
class Script:
    """One act for each call of a step, in order; without one, a step does what it always does."""

    calls: list[str] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)
    _acts: dict[str, deque[Any]] = field(default_factory=lambda: defaultdict(deque))
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def clear(self) -> None:
        self.calls.clear()
        self.keys.clear()
        self._acts.clear()

    def tell(self, name: str, *acts: Any) -> None:
        """Tell a step what its next calls do: raise the error, call the function, return the value."""
        self._acts[name].extend(acts)

    def act(self, name: str, usual: T) -> T:
        """Called by a step: write the call down, and do what was told, or the usual."""
        with self._lock:
            self.calls.append(name)
            act = self._acts[name].popleft() if self._acts[name] else usual
        match act:
            case BaseException():
                raise act
            case Callable():
                return act()  # type: ignore[no-any-return]  # the test knows its step's type
            case _:
                return act

    def times(self, name: str) -> int:
        return self.calls.count(name)


script = Script()
