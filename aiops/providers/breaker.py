"""The breaker of a lane: what a failure says about the provider, and when that is enough. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal, TypeAlias

from aiops.flow.errors import (
    Ambiguous,
    BadOutput,
    Cancelled,
    LaneHeld,
    LaneStopped,
    RateLimited,
    StepError,
    Transient,
)

#: It opens when so many calls failed within the window, and at least this share of all.
FAILURES = 5
SHARE = 0.5
WINDOW_S = 60
#: How long it stays open before a few calls are let through.
OPEN_S = 30.0
#: A rate limit without a stated end is tried again after this.
UNSTATED_S = 15.0
#: So many answers in a row that no model gave mean a wrong address.
STRANGERS = 2

#: What a finished call says about its provider: it works, it fails, something else answered there,
#: or nothing.
Sign = Literal["ok", "bad", "stranger", "none"]

#: Codes of failures by which the provider was not there at all: no step is to blame for them.
ABSENT = frozenset({"overloaded", "unreachable"})


def sign_of(error: BaseException) -> Sign:
    """What a failure says about the provider."""
    match error:
        case LaneHeld() | LaneStopped() | RateLimited() | Cancelled():
            return "none"
        case Transient() | Ambiguous():
            return "bad"
        case BadOutput(kind="gateway"):
            return "stranger"
        case StepError():
            return "ok"  # it answered; what it said is another matter
        case _:
            return "none"


@dataclass(frozen=True, slots=True)
class Tally:
    """Calls of a lane within the window, and how many strangers answered without a break."""

    ok: int = 0
    bad: int = 0
    strangers: int = 0


def is_open(tally: Tally) -> bool:
    """Whether so many calls failed that no more should be made for a while."""
    return tally.bad >= FAILURES and tally.bad >= SHARE * (tally.bad + tally.ok)


@dataclass(frozen=True, slots=True)
class Hold:
    """Let nothing through until then."""

    until: datetime
    cause: Literal["rate", "failing"]


@dataclass(frozen=True, slots=True)
class Stop:
    """Let nothing through until a person resumes it."""

    cause: Literal["auth", "quota", "config"]


Reaction: TypeAlias = Hold | Stop | None


def react(error: StepError, tally: Tally, *, is_probe: bool, now: datetime) -> Reaction:
    """Decide what a failure does to its lane."""
    match error:
        case LaneHeld():
            return None
        case LaneStopped():
            return Stop(error.kind)
        case RateLimited():
            return Hold(rate_reset(error, now), "rate")
        case BadOutput(kind="gateway") if tally.strangers >= STRANGERS:
            return Stop("config")
        case _ if sign_of(error) == "bad" and (is_probe or is_open(tally)):
            return Hold(now + timedelta(seconds=OPEN_S), "failing")
        case _:
            return None


def rate_reset(error: RateLimited, now: datetime) -> datetime:
    """When a rate limit ends, as the provider said; a time that is past already is no end."""
    after_s = error.after_s if error.after_s is not None else UNSTATED_S
    until = error.until or now + timedelta(seconds=after_s)
    return max(until, now + timedelta(seconds=1))


def burns_none(error: StepError, *, is_probe: bool) -> bool:
    """Whether the step only waits: the provider was not there, or it was a probe that did no harm."""
    if not isinstance(error, Transient) or error.sent != "no":
        return False
    return is_probe or error.code in ABSENT
