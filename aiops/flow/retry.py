"""What to do after a failure: a policy, a history, and the pure function that decides."""

from __future__ import annotations

import math
import random
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Literal, TypeAlias

from aiops.flow.errors import ErrorRecord

#: What repeating a step may do in the outside world.
Effect = Literal["pure", "idempotent", "once"]

EscalationKind = Literal[
    "retries_used_up",
    "waited_too_long",
    "bad_output",
    "bug",
    "lane",
    "budget",
    "question",
    "in_doubt",
    "code_gone",
]


@dataclass(frozen=True, slots=True)
class Retry:
    """How often, and how patiently, a step is tried again. `attempts` counts the first one too."""

    attempts: int = 3
    first_s: float = 1.0
    factor: float = 2.0
    max_s: float = 300.0
    #: Spread the waits over 0..wait, so that what failed together does not come back together.
    jitter: bool = True
    #: Repeats after an answer was lost; each may cost money twice.
    max_ambiguous: int = 1
    #: The longest that rate limits may hold a step up, all of them together.
    max_wait_s: float = 86_400.0
    #: New tries after an unusable answer, each told what was wrong with it; the last one goes to a
    #: stronger model where a route says so. A check or a cut is mended once.
    repairs: int = 2

    def __post_init__(self) -> None:
        _within("attempts", self.attempts, 1, 100)
        _within("first_s", self.first_s, 0, 86_400)
        _within("factor", self.factor, 1, 100)
        _within("max_s", self.max_s, self.first_s, 7 * 86_400)
        _within("max_ambiguous", self.max_ambiguous, 0, 100)
        _within("max_wait_s", self.max_wait_s, 0, 366 * 86_400)
        _within("repairs", self.repairs, 0, 100)

    def backoff_s(self, tries: int, rng: random.Random | None = None) -> float:
        """Seconds to wait after the failure number `tries`; without `rng`, the longest wait."""
        longest = min(self.max_s, self.first_s * self.factor ** max(0, min(tries, 100) - 1))
        return rng.uniform(0, longest) if self.jitter and rng else longest


@dataclass(frozen=True, slots=True)
class History:
    """What a step went through. Every count includes the attempt that failed just now."""

    #: Attempts burnt by failures; parking and asking a person burn none.
    tries: int = 0
    #: Of these, how many lost their answer.
    ambiguous: int = 0
    #: How many ended in bad output; of these, how many failed a check, or were cut.
    repairs: int = 0
    checks: int = 0
    cuts: int = 0
    bugs: int = 0
    #: Workers that were lost while they ran this step.
    losses: int = 0
    #: Seconds spent parked by rate limits.
    waited_s: float = 0.0
    #: Since when it waits in line for its lane, which is not in `waited_s` yet; "" when it does not.
    parked_at: str = ""

    def after(self, error: ErrorRecord) -> History:
        """The history with this failure added to it."""
        return replace(
            self,
            tries=self.tries + (error.word not in _BURNS_NO_ATTEMPT),
            ambiguous=self.ambiguous + (error.word == "ambiguous"),
            repairs=self.repairs + (error.word == "bad_output"),
            checks=self.checks + _is_bad(error, "check"),
            cuts=self.cuts + _is_bad(error, "truncated"),
            bugs=self.bugs + (error.word == "bug"),
        )

    def all_waited_s(self, now: datetime) -> float:
        """Seconds spent parked until now, the present wait included."""
        if not self.parked_at:
            return self.waited_s
        return self.waited_s + (now - datetime.fromisoformat(self.parked_at)).total_seconds()

    def in_line(self, now: datetime) -> History:
        """The history of a step that waits for its lane; one that did already keeps its place."""
        return replace(self, parked_at=self.parked_at or now.isoformat())

    def out_of_line(self, now: datetime) -> History:
        """The history of a step that has had its turn."""
        return replace(self, waited_s=self.all_waited_s(now), parked_at="")


_BURNS_NO_ATTEMPT = frozenset(
    {
        *("rate_limited", "lane_held", "lane_stopped", "budget_spent"),
        *("needs_human", "code_gone", "cancelled"),
    }
)


@dataclass(frozen=True, slots=True)
class RetryAt:
    """Run it again at `at`."""

    at: datetime


@dataclass(frozen=True, slots=True)
class Park:
    """Hold it until `until`; no attempt is used up.

    With a lane, it waits in line for that, and `until` is the end of its patience.
    """

    until: datetime
    reason: str
    lane: str = ""


@dataclass(frozen=True, slots=True)
class Repair:
    """Run it again at `at`, and tell the step what was wrong with its last answer."""

    at: datetime


@dataclass(frozen=True, slots=True)
class Escalate:
    """Ask a person."""

    kind: EscalationKind
    question: str


@dataclass(frozen=True, slots=True)
class Fail:
    """Stop here: no retry can help."""

    reason: str


Reaction: TypeAlias = RetryAt | Park | Repair | Escalate | Fail


#: What a model will not do with this input: another model, or a person, may.
_FOR_A_PERSON = frozenset({"content_filter", "context_length"})

#: A step whose lane is stopped waits for a person, however long that takes.
STOPPED_FOR = timedelta(days=366)


def decide(
    error: ErrorRecord,
    *,
    policy: Retry,
    effect: Effect,
    history: History,
    now: datetime,
    rng: random.Random | None = None,
    is_item: bool = False,
) -> Reaction:
    """Choose what follows a failure. Pure: without `rng` there is no jitter.

    An item of a map that can never work fails: one of ten thousand is nothing to ask about.
    """
    if error.word == "permanent_input" and (effect != "once" or error.sent == "no"):
        if error.code in _FOR_A_PERSON and not is_item:
            return Escalate(
                "question", f"{_short(error)} Give its result by hand, or stop the run?"
            )
        return Fail(error.message)
    if effect == "once" and (error.sent != "no" or error.word == "bug"):
        return Escalate("in_doubt", f"It may have happened already: {_short(error)} Did it happen?")
    match error.word:
        case "rate_limited" | "lane_held":
            return _park(error, policy, history, now)
        case "lane_stopped" if error.lane:
            # One question is asked about the lane; a person's time is nobody's patience.
            return Park(now + STOPPED_FOR, error.message, error.lane)
        case "lane_stopped":
            return Escalate(
                "lane", f"The provider refuses us: {_short(error)} Mend it, then resume."
            )
        case "budget_spent" if error.lane:
            # Likewise: one question is asked about the budget.
            return Park(error.until or now + STOPPED_FOR, error.message, error.lane)
        case "budget_spent":
            return Escalate("budget", f"{_short(error)} Raise the budget, or cancel the run?")
        case "needs_human":
            return Escalate("question", error.question or error.message)
        case "code_gone":
            return Escalate("code_gone", f"{_short(error)} Put the code back, or cancel the run?")
        case "cancelled":
            return Fail(error.message or "cancelled")
    return _again(error, policy, effect, history, now, rng)


def _again(
    error: ErrorRecord,
    policy: Retry,
    effect: Effect,
    history: History,
    now: datetime,
    rng: random.Random | None,
) -> Reaction:
    """React to a failure that a new attempt may mend."""
    used_up = history.tries >= policy.attempts
    backoff = RetryAt(now + timedelta(seconds=policy.backoff_s(history.tries, rng)))
    match error.word, error.kind:
        case "transient", _:
            return _ask_if(used_up, error, history) or backoff
        case "ambiguous", _:
            lost_too_many = history.ambiguous > policy.max_ambiguous
            return _ask_if(used_up or lost_too_many, error, history) or backoff
        case "bad_output", "gateway":
            stop = used_up or history.repairs > 1
            return _ask_if(stop, error, history, "bad_output") or backoff
        case "bad_output", _:
            # Repairs have a number of their own; only `once` also minds the attempts.
            stop = _is_beyond_repair(error, history, policy) or (effect == "once" and used_up)
            return _ask_if(stop, error, history, "bad_output") or Repair(now)
        case _:
            at_once = RetryAt(now + timedelta(seconds=policy.first_s))
            return _ask_if(used_up or history.bugs > 1, error, history, "bug") or at_once


def is_last_repair(repairs: int, policy: Retry) -> bool:
    """Whether a person is asked after one more unusable answer; `repairs` were given before."""
    return 0 < policy.repairs <= repairs


def _is_beyond_repair(error: ErrorRecord, history: History, policy: Retry) -> bool:
    same = {"check": history.checks, "truncated": history.cuts}.get(error.kind, 0)
    return history.repairs > policy.repairs or same > 1


def _is_bad(error: ErrorRecord, kind: str) -> bool:
    return error.word == "bad_output" and error.kind == kind


def _ask_if(
    stop: bool, error: ErrorRecord, history: History, kind: EscalationKind = "retries_used_up"
) -> Escalate | None:
    if not stop:
        return None
    times = "once" if history.tries <= 1 else f"{history.tries} times"
    return Escalate(
        kind, f"It failed {times}, last with: {_short(error)} Retry it, or stop the run?"
    )


def _park(error: ErrorRecord, policy: Retry, history: History, now: datetime) -> Park | Escalate:
    """Wait for the reset, as long as the policy's patience lasts."""
    stated_s = error.after_s if error.after_s is not None else policy.backoff_s(1)
    if error.lane and error.after_s is None:
        stated_s = 0.0  # its lane knows when
    until = error.until or now + timedelta(seconds=stated_s)
    # A reset that is past already (clocks differ) must not make a busy loop.
    until = max(until, now + timedelta(seconds=min(policy.first_s, 1.0)))
    waited_s = history.all_waited_s(now) + (until - now).total_seconds()
    if waited_s > policy.max_wait_s:
        question = f"Its rate limit would hold it for {waited_s / 3600:.1f} h in all. Keep waiting?"
        return Escalate("waited_too_long", question)
    if error.lane:
        patience_s = policy.max_wait_s - history.all_waited_s(now)
        until = max(until, now + timedelta(seconds=patience_s))
    return Park(until, error.message or "rate limited", error.lane)


def _short(error: ErrorRecord) -> str:
    message = " ".join((error.message or error.type).split())
    return message[:300].rstrip(".") + "."


def _within(name: str, value: float, low: float, high: float) -> None:
    """Refuse a number out of range; a policy is written by hand, so say what would be right."""
    if isinstance(value, bool) or not math.isfinite(value) or not low <= value <= high:
        raise ValueError(f"Retry({name}={value!r}): give {low:g} to {high:g}")
