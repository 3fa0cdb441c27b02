"""Who is calling: the step whose code runs now, for what it calls that must know it (lanes, ledger)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID


@dataclass(frozen=True, slots=True)
class Caller:
    """The attempt on whose behalf a call is made."""

    run_id: UUID
    step_id: UUID
    workflow: str
    step: str
    #: The index of the item inside a `for_each`.
    item: int | None
    #: The claim's fence: the number of the attempt.
    attempt: int
    tenant: str
    #: "interactive" or "batch".
    priority: str
    #: Whether it has waited in line for its lane, and its turn has come.
    has_waited: bool = False
    #: The most that the whole run may spend on models, in dollars; 0: no limit of its own.
    budget_usd: float = 0.0
    #: Whether a person is asked when this answer cannot be used either.
    is_last_repair: bool = False
    #: When the run must be done; None: whenever it is.
    deadline_at: datetime | None = None


_caller: ContextVar[Caller | None] = ContextVar("aiops_caller", default=None)


def caller() -> Caller | None:
    """The step that runs now in this thread; None outside of the engine (an author's own test).

    A thread that a step starts by itself inherits it only through `contextvars.copy_context()`.
    """
    return _caller.get()


@contextmanager
def calling(who: Caller) -> Iterator[None]:
    """Let `who` be the caller while the block runs."""
    token = _caller.set(who)
    try:
        yield
    finally:
        _caller.reset(token)
