"""What the user sees: derived from live facts, in the user's words, never an internal one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from django.utils.translation import gettext, gettext_noop

from aiops.flow.tells import Tells
from aiops.models import RunState
from aiops.models.run import ENDED

#: Why a part of the work stands still, as far as a user may know.
Waits = Literal["", "person", "event", "time"]

#: Before the end, the bar never shows all of it.
MOST_BEFORE_THE_END = 0.99

GOOD: tuple[str, ...] = (RunState.SUCCEEDED, RunState.PARTIAL)


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
    #: How much of the whole it is, beside the others.
    weight: float = 1.0
    since: datetime | None = None


@dataclass(frozen=True, slots=True)
class UserStatus:
    """What is told, in the reader's language."""

    state: str
    headline: str
    sentence: str
    #: 0.0 to 1.0; grows only, short of a rerun that a person asked for.
    progress: float
    is_cancellable: bool
    #: The parts that have words, each with "done", "now", "next", "left_out" or "stopped".
    parts: tuple[tuple[str, str], ...]
    #: Of an open run, since when the part that decides stands as it does; None: as the run says.
    since: datetime | None = None


def user_status(
    run_state: str,
    parts: Sequence[Part],
    *,
    is_stopping: bool = False,
    is_paused: bool = False,
    is_closing: bool = False,
    tells: Tells | None = None,
) -> UserStatus:
    """Derive what the user is told. `run_state` counts only once the run has ended.

    `is_closing`: all parts are done, and the end was not written yet. `tells`: the workflow's words.
    """
    state = _state(
        run_state, parts, is_stopping=is_stopping, is_paused=is_paused, is_closing=is_closing
    )
    return UserStatus(
        state=state,
        headline=gettext(_HEADLINES[state]),
        sentence=_sentence(state, parts, is_paused=is_paused, tells=tells or Tells()),
        progress=_progress(state, parts),
        is_cancellable=state in _CANCELLABLE,
        parts=tuple((gettext(part.says), _place(part, state)) for part in parts if part.says),
        since=_since(state, parts),
    )


_HEADLINES: dict[str, str] = {
    RunState.QUEUED: gettext_noop("In line"),
    RunState.RUNNING: gettext_noop("Working on it"),
    RunState.RETRYING: gettext_noop("Taking longer than usual"),
    RunState.WAITING: gettext_noop("Waiting"),
    RunState.ATTENTION: gettext_noop("Being checked by our team"),
    RunState.FAILED: gettext_noop("We could not finish this"),
    RunState.CANCELLING: gettext_noop("Stopping"),
    RunState.CANCELLED: gettext_noop("Cancelled"),
    RunState.SUCCEEDED: gettext_noop("Done"),
    RunState.PARTIAL: gettext_noop("Done"),
}

_SENTENCES: dict[str, str] = {
    RunState.QUEUED: gettext_noop("In line. We will start soon."),
    RunState.RUNNING: gettext_noop("We are working on it."),
    RunState.RETRYING: gettext_noop(
        "A service we depend on is slow. We are trying again by ourselves."
    ),
    RunState.WAITING: gettext_noop("We will carry on by ourselves."),
    RunState.ATTENTION: gettext_noop(
        "This needs a quick check by our team. We'll carry on as soon as it's done."
    ),
    RunState.FAILED: gettext_noop("Our team has been told; you don't need to do anything."),
    RunState.CANCELLING: gettext_noop("Nothing new will begin."),
    RunState.CANCELLED: gettext_noop("Nothing more will happen."),
    RunState.SUCCEEDED: gettext_noop("Your result is ready."),
    RunState.PARTIAL: gettext_noop("Your result is ready."),
}

_LEFT_OUT = gettext_noop("A part of it was left out.")
_ON_HOLD = gettext_noop("This is on hold. We'll carry on as soon as we can.")
_CARRY_ON = gettext_noop("In line. We will carry on soon.")
_CLOSING = gettext_noop("Almost done.")

_WAITS: dict[str, str] = {
    "person": gettext_noop("A person is checking this."),
    "event": gettext_noop("We are waiting for news from outside."),
    "time": gettext_noop("We will carry on when the time has come."),
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


def _state(
    run_state: str,
    parts: Sequence[Part],
    *,
    is_stopping: bool,
    is_paused: bool,
    is_closing: bool,
) -> str:
    """Where it stands; "working" only when something works now."""
    if run_state in ENDED:
        return run_state
    if is_stopping:
        return RunState.CANCELLING
    if any(part.asks for part in parts):
        return RunState.ATTENTION
    if any(part.works for part in parts) or is_closing:
        return RunState.RUNNING
    if is_paused:
        return RunState.WAITING
    if any(part.comes_again for part in parts):
        return RunState.RETRYING
    if any(part.waits for part in parts):
        return RunState.WAITING
    return RunState.QUEUED


def _sentence(state: str, parts: Sequence[Part], *, is_paused: bool, tells: Tells) -> str:
    plain = gettext(_SENTENCES[state])
    match state:
        case RunState.RUNNING:
            return _at_work(parts) or plain
        case RunState.WAITING if is_paused:
            return gettext(_ON_HOLD)
        case RunState.WAITING:
            found = next(part for part in parts if part.waits)
            return gettext(found.says or tells.waiting or _WAITS[found.waits])
        case RunState.QUEUED if any(part.is_done for part in parts):
            return gettext(_CARRY_ON)
        case RunState.SUCCEEDED:
            return _own(tells.done) or plain
        case RunState.PARTIAL:
            return f"{_own(tells.done) or plain} {gettext(_LEFT_OUT)}"
        case _:
            return _own(str(getattr(tells, state, ""))) or plain


def _at_work(parts: Sequence[Part]) -> str:
    told = next((gettext(part.says) for part in parts if part.works and part.says), "")
    if told:
        return f"{told.rstrip('. …')}…"
    return "" if any(part.works for part in parts) else gettext(_CLOSING)


def _own(text: str) -> str:
    """A workflow's own words; the catalogue's entry for nothing is its head."""
    return gettext(text) if text else ""


def _progress(state: str, parts: Sequence[Part]) -> float:
    if state in GOOD:
        return 1.0
    whole = sum(part.weight for part in parts)
    if not whole:
        return 0.0
    done = sum(
        part.weight * (1.0 if part.is_done or part.is_left_out else part.share) for part in parts
    )
    return round(min(done / whole, MOST_BEFORE_THE_END), 4)


def _since(state: str, parts: Sequence[Part]) -> datetime | None:
    """Since when what decides has been so."""
    decides = {
        RunState.ATTENTION: lambda part: part.asks,
        RunState.RUNNING: lambda part: part.works,
        RunState.RETRYING: lambda part: part.comes_again,
        RunState.WAITING: lambda part: bool(part.waits),
    }.get(RunState(state))
    if decides is None:
        return None
    return min((part.since for part in parts if decides(part) and part.since), default=None)


def _place(part: Part, state: str) -> str:
    if part.is_left_out:
        return "left_out"
    if part.is_done:
        return "done"
    if part.has_failed:
        return "stopped"
    if state == RunState.CANCELLING:
        return "now" if part.works else "next"
    if state in ENDED:
        return "stopped" if part.asks or part.works else "next"
    is_now = part.works or part.comes_again or part.asks or part.waits
    return "now" if is_now else "next"
