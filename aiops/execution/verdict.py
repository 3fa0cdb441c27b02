"""The verdict: may this be retried? One pure function, read by every surface."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from aiops.models import LaneState, Outcome, Reason, StepState

#: The worst first: of several failed steps, this one speaks for the run.
ORDER: tuple[str, ...] = (
    *("unsafe", "check", "fix", "decide", "keyed", "safe"),
    *("wait", "live", "blocked", "done"),
)

WORDS: dict[str, str] = {
    "safe": "Safe to retry",
    "keyed": "Safe, deduplicated",
    "fix": "Fix first",
    "check": "Check first",
    "unsafe": "Do not retry",
    "decide": "Needs a decision",
    "wait": "Wait",
    "live": "In progress",
    "blocked": "Waits for upstream",
    "done": "–",
}

#: Errors that the same input, credential, budget and code will bring again.
PERMANENT: frozenset[str] = frozenset(
    {"permanent_input", "lane_stopped", "budget_spent", "code_gone"}
)

#: Kinds of nodes that no worker runs: a retry asks or waits again.
_WAITS: frozenset[str] = frozenset({"approval", "wait_for", "sleep", "child"})


@dataclass(frozen=True, slots=True)
class LaneFacts:
    """The lane that a parked step waits for."""

    name: str
    state: str
    #: Why it is not open, in a few words.
    cause: str


@dataclass(frozen=True, slots=True)
class StepFacts:
    """What a verdict needs to know of a step. Words are those of the record; "" is unknown."""

    effect: str
    state: str
    kind: str = "step"
    reason: str = ""
    #: How its last attempt ended, with the error's word; "" when nobody has tried it.
    outcome: str = ""
    word: str = ""
    #: Whether anything went out: "no", "maybe", "yes", "".
    sent: str = ""
    in_doubt: bool = False
    has_reconcile: bool = False
    #: Until when its lane is held.
    held_until: datetime | None = None
    lane: LaneFacts | None = None
    #: The idempotency key, where the step's code takes it.
    key: str = ""
    #: Whether a worker holds a lease on it now.
    is_leased: bool = False


@dataclass(frozen=True, slots=True)
class Verdict:
    """May it be retried: the key for programs, the word for a chip, the sentence for a person."""

    key: str
    word: str
    sentence: str


@dataclass(frozen=True, slots=True)
class Price:
    """What a retry would cost, and the finished work that it keeps. None is unknown, never 0."""

    cost_microusd: int | None
    runs_again: int
    keeps_steps: int
    keeps_items: int
    keeps_cost_microusd: int | None


def verdict(facts: StepFacts) -> Verdict:
    """Judge one step."""
    key, sentence = _judge(facts)
    return Verdict(key, WORDS[key], sentence)


def worst(verdicts: Iterable[Verdict]) -> Verdict | None:
    """The verdict that speaks for several; None for none."""
    return min(verdicts, key=lambda one: ORDER.index(one.key), default=None)


def of_run(failed: Iterable[Verdict], others: Iterable[Verdict]) -> Verdict:
    """A run's verdict: the worst of its failed steps; without any, of those that are on the way."""
    return worst(failed) or worst(others) or Verdict("done", WORDS["done"], "Everything is done.")


def _judge(facts: StepFacts) -> tuple[str, str]:
    match facts.state:
        case StepState.SUCCEEDED:
            return "done", "Result stored."
        case StepState.SKIPPED:
            return "done", "Left out."
        case StepState.CANCELLED:
            return "done", _stopped(facts)
        case StepState.PENDING:
            return "blocked", "Starts when the steps before it are done."
        case StepState.FAILED | StepState.ATTENTION:
            return _judge_stopped(facts)
        case _:
            return _judge_moving(facts)


def _stopped(facts: StepFacts) -> str:
    if facts.effect == "once" and facts.outcome and facts.sent != "no":
        return "Stopped on request while it ran: it may have gone out."
    return "Stopped on request."


def _judge_moving(facts: StepFacts) -> tuple[str, str]:
    """A step that goes on by itself, or waits on purpose."""
    if facts.state == StepState.RUNNING:
        if facts.is_leased:
            return "live", "A worker is on it."
        return "live", "Its worker has gone silent. It is taken back by itself, within seconds."
    if facts.state == StepState.QUEUED:
        return "live", "In line for a worker."
    if facts.reason == Reason.BUDGET:
        return "decide", "Its budget is used up. It goes on when somebody raises it."
    if facts.reason == Reason.LANE:
        return "wait", _in_line(facts)
    if facts.state == StepState.RETRYING:
        if facts.in_doubt:
            return "live", "It may have gone out. The outside world is asked by itself."
        return "live", "It is tried again by itself."
    if facts.reason == Reason.APPROVAL:
        return "decide", "Waiting for a person, not for a retry."
    return "live", _ON_PURPOSE.get(facts.reason, "It goes on by itself.")


_ON_PURPOSE: dict[str, str] = {
    Reason.ITEMS: "Its items are being worked on.",
    Reason.EVENT: "Waits for an event, and goes on when it comes.",
    Reason.TIMER: "Waits for its time, and goes on then.",
    Reason.JOB: "Its job runs outside. It is looked at again by itself.",
    Reason.CHILD: "Waits for its child run, and goes on when it ends.",
}


def _judge_stopped(facts: StepFacts) -> tuple[str, str]:
    """A step that will not go on without a retry or a person."""
    if facts.kind in _WAITS:
        return "decide", _asked_again(facts)
    if facts.effect == "once" and (went_out := _judge_once(facts)):
        return went_out
    if facts.word in PERMANENT:
        return "fix", (
            "The same input will fail the same way. "
            "Change the input, the credential or the code first."
        )
    if facts.word == "needs_human":
        return "decide", "Waiting for a person, not for a retry."
    if facts.held_until is not None:
        return "wait", _held(facts.held_until)
    return _judge_effect(facts)


def _asked_again(facts: StepFacts) -> str:
    match facts.kind:
        case "approval":
            return "It was not approved. A retry asks again."
        case "wait_for":
            return "The event did not come. A retry waits for it again."
        case "child":
            return "Its child run did not succeed: look at that first. A retry starts another."
        case _:
            return "Waiting for a person, not for a retry."


def _judge_once(facts: StepFacts) -> tuple[str, str] | None:
    """What a `once` effect left outside; None when certainly nothing."""
    if facts.sent == "yes":
        return "unsafe", (
            "It did go out. A retry would do it a second time; mark it as done instead."
        )
    if not facts.in_doubt and (facts.sent == "no" or not facts.outcome):
        return None
    asked = " Its own look-up could not tell." if facts.has_reconcile else ""
    return "check", (
        "It may have gone out: the call had started when it broke off."
        f"{asked} Look for it before retrying."
    )


def _judge_effect(facts: StepFacts) -> tuple[str, str]:
    # Three lost workers are no danger to the outside world, and a reason to look first.
    also = " But its workers were lost: look at why first." if _was_lost(facts) else ""
    if facts.effect == "pure":
        return "safe", f"Reads and computes only.{also}"
    if facts.sent == "no" or facts.effect == "once":
        return "safe", "It failed before anything was sent."
    if facts.key:
        return "keyed", f"The other side drops a second call with key {facts.key}.{also}"
    return "safe", f"Writing twice gives the same result.{also}"


def _was_lost(facts: StepFacts) -> bool:
    return facts.outcome == Outcome.LOST or facts.word == "lost"


def _in_line(facts: StepFacts) -> str:
    """What a step that is parked waits for: the state of its lane, in words."""
    lane, until = facts.lane, facts.held_until
    if lane is None:
        return _held(until)
    cause = f" ({lane.cause[0].lower()}{lane.cause[1:]})" if lane.cause else ""
    match lane.state:
        case LaneState.STOPPED:
            return f"The lane {lane.name} is stopped{cause}. It goes on when a person resumes it."
        case LaneState.HELD:
            when = f" until {until:%Y-%m-%d %H:%M} UTC" if until else ""
            return f"The lane {lane.name} is held{when}{cause}. It goes on by itself."
        case LaneState.PROBING:
            return f"The lane {lane.name} is being tried out{cause}. It goes on by itself."
        case LaneState.RAMPING:
            return f"The lane {lane.name} is picking up again. It goes on when its turn comes."
        case _:
            return f"It waits in line for the lane {lane.name}, and goes on when its turn comes."


def _held(until: datetime | None) -> str:
    if until is None:
        return "Its provider holds it up. It goes on by itself."
    return f"Its provider is held until {until:%Y-%m-%d %H:%M} UTC. A retry before that would be held up too."
