"""What the user sees: derived from live facts, in the user's words, never an internal one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from aiops.models import RunState
from aiops.models.run import ENDED

#: Why a part of the work stands still, as far as a user may know.
Waits = Literal["", "person", "event", "time"]

#: Before the end, the bar never shows all of it.
MOST_BEFORE_THE_END = 0.99


@dataclass(frozen=True, slots=True)
class Part:
    """One step, as the user's status sees it."""

    #: The author's words for it; "" for a step that is not shown.
    says: str = ""
    is_done: bool = False
    is_left_out: bool = False
    has_failed: bool = False
    #: A worker holds a live lease on it (or on an item, or on a step of its child) now.
    works: bool = False
    #: It will be tried again by itself, its provider is slow, or its worker has gone silent.
    comes_again: bool = False
    #: A person must decide about it.
    asks: bool = False
    waits: Waits = ""
    #: The finished share of its items.
    share: float = 0.0


@dataclass(frozen=True, slots=True)
class UserStatus:
    """The status page, in a value."""

    state: str
    headline: str
    sentence: str
    #: 0.0 to 1.0; grows only, short of a rerun that a person asked for.
    progress: float
    is_cancellable: bool
    #: The parts that have words, each with "done", "now", "next", "left_out" or "stopped".
    parts: tuple[tuple[str, str], ...]


def user_status(
    run_state: str, parts: Sequence[Part], *, is_stopping: bool = False, is_paused: bool = False
) -> UserStatus:
    """Derive what the user is told. `run_state` counts only once the run has ended."""
    state = _state(run_state, parts, is_stopping=is_stopping, is_paused=is_paused)
    return UserStatus(
        state=state,
        headline=_HEADLINES[state],
        sentence=_sentence(state, parts, is_paused=is_paused),
        progress=_progress(state, parts),
        is_cancellable=state in _CANCELLABLE,
        parts=tuple((part.says, _place(part, state)) for part in parts if part.says),
    )


_HEADLINES: dict[str, str] = {
    RunState.QUEUED: "In line",
    RunState.RUNNING: "Working on it",
    RunState.RETRYING: "Taking longer than usual",
    RunState.WAITING: "Waiting",
    RunState.ATTENTION: "Being checked by our team",
    RunState.FAILED: "We could not finish this",
    RunState.CANCELLING: "Stopping",
    RunState.CANCELLED: "Cancelled",
    RunState.SUCCEEDED: "Done",
    RunState.PARTIAL: "Done",
}

_SENTENCES: dict[str, str] = {
    RunState.QUEUED: "In line. We will start soon.",
    RunState.RUNNING: "We are working on it.",
    RunState.RETRYING: "A service we depend on is slow. We are trying again by ourselves.",
    RunState.WAITING: "We will carry on by ourselves.",
    RunState.ATTENTION: (
        "This needs a quick check by our team. We'll carry on as soon as it's done."
    ),
    RunState.FAILED: "Our team has been told; you don't need to do anything.",
    RunState.CANCELLING: "Nothing more will happen.",
    RunState.CANCELLED: "Nothing more will happen.",
    RunState.SUCCEEDED: "Your result is ready.",
    RunState.PARTIAL: "Your result is ready. A part of it was left out.",
}

_WAITS: dict[str, str] = {
    "person": "A person is checking this.",
    "event": "We are waiting for news from outside.",
    "time": "We will carry on when the time has come.",
}

_CANCELLABLE = frozenset(
    {
        RunState.QUEUED,
        RunState.RUNNING,
        RunState.RETRYING,
        RunState.WAITING,
        RunState.ATTENTION,
    }
)


def _state(run_state: str, parts: Sequence[Part], *, is_stopping: bool, is_paused: bool) -> str:
    """Where it stands; "working" only when something works now."""
    if run_state in ENDED:
        return run_state
    if is_stopping:
        return RunState.CANCELLING
    if any(part.asks for part in parts):
        return RunState.ATTENTION
    if any(part.works for part in parts):
        return RunState.RUNNING
    if is_paused:
        return RunState.WAITING
    if any(part.comes_again for part in parts):
        return RunState.RETRYING
    if any(part.waits for part in parts):
        return RunState.WAITING
    return RunState.QUEUED


def _sentence(state: str, parts: Sequence[Part], *, is_paused: bool) -> str:
    match state:
        case RunState.RUNNING:
            told = next((part.says for part in parts if part.works and part.says), "")
            return f"{told.rstrip('. …')}…" if told else _SENTENCES[state]
        case RunState.WAITING if is_paused:
            return "This is on hold. We'll carry on as soon as we can."
        case RunState.WAITING:
            found = next(part for part in parts if part.waits)
            return found.says or _WAITS[found.waits]
        case RunState.QUEUED if any(part.is_done for part in parts):
            return "In line. We will carry on soon."
        case _:
            return _SENTENCES[state]


def _progress(state: str, parts: Sequence[Part]) -> float:
    if state in (RunState.SUCCEEDED, RunState.PARTIAL):
        return 1.0
    if not parts:
        return 0.0
    done = sum(1.0 if part.is_done or part.is_left_out else part.share for part in parts)
    return round(min(done / len(parts), MOST_BEFORE_THE_END), 4)


def _place(part: Part, state: str) -> str:
    if part.is_left_out:
        return "left_out"
    if part.is_done:
        return "done"
    if part.has_failed:
        return "stopped"
    if state in ENDED or state == RunState.CANCELLING:
        return "stopped" if part.asks or part.works else "next"
    is_now = part.works or part.comes_again or part.asks or part.waits
    return "now" if is_now else "next"
