"""Work that only pretends: it takes its time, and goes wrong in the way that its input asks for."""

from __future__ import annotations

import os
import signal
import time
from typing import Literal

from pydantic import BaseModel, Field

from aiops.flow import (
    Ambiguous,
    BadOutput,
    LaneStopped,
    NeedsHuman,
    PermanentInput,
    RateLimited,
    StepContext,
    Transient,
)

#: Names of what can go wrong, as `_error` and `pretend` bring it about.
Trouble = Literal[
    "late",
    "away",
    "lost_answer",
    "went_out",
    "nonsense",
    "too_long",
    "refused",
    "asks",
    "bug",
    "slow",
    "killed",
]


class Case(BaseModel):
    """One piece of pretended work."""

    title: str
    #: What goes wrong, by the step's name; an item of a map is named "step[3]".
    trouble: dict[str, Trouble] = {}
    #: How many attempts it goes wrong for; then all is well, as after a repair outside.
    times: int = 99
    #: How long each step takes, about.
    pace_s: float = Field(default=0.4, ge=0, le=60)
    #: How many things a map finds.
    size: int = Field(default=12, ge=0, le=10_000)


def pretend(case: Case, context: StepContext, *, share: float = 1.0) -> None:
    """Take `share` of the case's pace, then end as the case asks for."""
    _pass_time(case.pace_s * share, context)
    name = context.step if context.item is None else f"{context.step}[{context.item}]"
    trouble = case.trouble.get(name)
    if trouble is None or context.attempt > case.times:
        return
    if trouble == "slow":
        _pass_time(3600, context)
    elif trouble == "killed":
        os.kill(os.getpid(), signal.SIGKILL)
    else:
        raise _error(trouble, context.step)


def _pass_time(seconds: float, context: StepContext) -> None:
    """Wait, telling how far it is, until the step should stop."""
    end = time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0:
        context.raise_if_cancelled()
        if seconds > 5:
            context.progress(1 - left / seconds, "Still at it")
        time.sleep(min(left, 0.25))


def _error(trouble: str, step: str) -> Exception:
    match trouble:
        case "late":
            return RateLimited("429: too many requests", after_s=600, code="429")
        case "away":
            return Transient("The server refused the connection", code="503")
        case "lost_answer":
            return Ambiguous("The server closed the connection before it answered")
        case "went_out":
            return Ambiguous("It was accepted, and the confirmation was lost", sent="yes")
        case "nonsense":
            return BadOutput("The answer does not fit its schema: total: field required")
        case "too_long":
            return PermanentInput("The input is longer than the model's context of 8,192 tokens")
        case "refused":
            return LaneStopped("401: the key is not valid any more", kind="auth", code="401")
        case "asks":
            return NeedsHuman("Two orders match this invoice: which one is it?")
    return KeyError(f"{step}: 'currency'")
