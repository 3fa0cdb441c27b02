"""What a step may know about the run it is part of, and say while it works."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

from aiops.flow.errors import Cancelled


class Sink(Protocol):
    """Where a running step's news go, and where it hears that it should stop."""

    def progress(self, share: float, text: str) -> None: ...

    def partial(self, text: str) -> None: ...

    def is_cancelled(self) -> bool: ...


class NullSink:
    """Hears everything, keeps nothing: for tests and for runs in memory."""

    def progress(self, share: float, text: str) -> None:
        return None

    def partial(self, text: str) -> None:
        return None

    def is_cancelled(self) -> bool:
        return False


@dataclass(frozen=True, slots=True)
class StepContext:
    """Given to the parameter named `context` of a step that asks for it."""

    run_id: str
    workflow: str
    step: str
    #: 1 for the first try.
    attempt: int
    #: The same for every attempt of this step: hand it to services that drop duplicates.
    idempotency_key: str
    #: When the step's time is over; aware, UTC.
    deadline: datetime
    #: The index of the item inside a `for_each`.
    item: int | None = None
    tenant: str = ""
    metadata: Mapping[str, Any] = field(default_factory=dict)
    sink: Sink = field(default_factory=NullSink, repr=False, compare=False)

    @classmethod
    def sample(cls, step: str = "step", **fields: Any) -> StepContext:
        """A context for unit tests; `fields` replace its values."""
        values: dict[str, Any] = {
            "run_id": "sample-run",
            "workflow": "sample",
            "step": step,
            "attempt": 1,
            "idempotency_key": f"sample-run:{step}",
            "deadline": datetime.now(UTC) + timedelta(minutes=5),
        }
        return cls(**{**values, **fields})

    def progress(self, share: float, text: str = "") -> None:
        """Say how far it is: 0.0 to 1.0 (values outside are cut), and what is being done."""
        self.sink.progress(min(1.0, max(0.0, share)), text)

    def partial(self, text: str) -> None:
        """Show the user what is there so far; it replaces what was shown before."""
        self.sink.partial(text)

    def is_cancelled(self) -> bool:
        """Whether somebody asked the run to stop; long loops look at it now and then."""
        return self.sink.is_cancelled()

    def raise_if_cancelled(self) -> None:
        if self.is_cancelled():
            raise Cancelled("the run was asked to stop")

    def remaining_s(self) -> float:
        """Seconds until the deadline, never below zero: the timeout for the next call."""
        return max(0.0, (self.deadline - datetime.now(UTC)).total_seconds())
