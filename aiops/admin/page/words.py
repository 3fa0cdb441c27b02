"""One table: the word, the icon and the tone of every state, verdict, outcome and event."""

from __future__ import annotations

from dataclasses import dataclass

from aiops.execution.undo import undone
from aiops.execution.verdict import WORDS
from aiops.models import Outcome, RunState, StepState


@dataclass(frozen=True, slots=True)
class Look:
    """How something is shown: never by its colour alone."""

    word: str
    #: The name of a Material Symbol, which unfold's font draws.
    icon: str
    #: A colour of console.css: `tone-…`.
    tone: str


_RUN: dict[str, tuple[str, str]] = {
    RunState.QUEUED: ("schedule", "slate"),
    RunState.RUNNING: ("play_circle", "blue"),
    RunState.RETRYING: ("autorenew", "amber"),
    RunState.WAITING: ("hourglass_top", "violet"),
    RunState.ATTENTION: ("flag", "orange"),
    RunState.FAILED: ("error", "red"),
    RunState.CANCELLING: ("cancel_schedule_send", "slate"),
    RunState.CANCELLED: ("block", "slate"),
    RunState.SUCCEEDED: ("check_circle", "green"),
    RunState.PARTIAL: ("rule", "teal"),
}
_STEP: dict[str, tuple[str, str]] = {
    StepState.PENDING: ("radio_button_unchecked", "slate"),
    StepState.QUEUED: ("schedule", "slate"),
    StepState.RUNNING: ("play_circle", "blue"),
    StepState.RETRYING: ("autorenew", "amber"),
    StepState.WAITING: ("hourglass_top", "violet"),
    StepState.ATTENTION: ("flag", "orange"),
    StepState.FAILED: ("error", "red"),
    StepState.SKIPPED: ("skip_next", "teal"),
    StepState.CANCELLED: ("block", "slate"),
    StepState.SUCCEEDED: ("check_circle", "green"),
}
_VERDICT: dict[str, tuple[str, str]] = {
    "safe": ("verified_user", "green"),
    "keyed": ("key", "teal"),
    "fix": ("build", "amber"),
    "check": ("policy", "orange"),
    "unsafe": ("gpp_bad", "red"),
    "decide": ("front_hand", "violet"),
    "wait": ("hourglass_top", "slate"),
    "live": ("sync", "slate"),
    "blocked": ("arrow_upward", "slate"),
    "done": ("task_alt", "slate"),
}
_OUTCOME: dict[str, tuple[str, str]] = {
    Outcome.SUCCEEDED: ("check_circle", "green"),
    Outcome.FAILED: ("error", "red"),
    Outcome.PARKED: ("hourglass_top", "slate"),
    Outcome.LOST: ("link_off", "orange"),
    Outcome.TIMED_OUT: ("timer_off", "red"),
    Outcome.CANCELLED: ("block", "slate"),
    Outcome.RECONCILED: ("task_alt", "teal"),
}

RUN: dict[str, Look] = {key: Look(str(RunState(key).label), *how) for key, how in _RUN.items()}
STEP: dict[str, Look] = {key: Look(str(StepState(key).label), *how) for key, how in _STEP.items()}
VERDICT: dict[str, Look] = {key: Look(WORDS[key], *how) for key, how in _VERDICT.items()}
OUTCOME: dict[str, Look] = {
    key: Look(str(Outcome(key).label), *how) for key, how in _OUTCOME.items()
}

#: Verdicts that tell a person something to do, or to leave alone; the others only say that it moves.
TELLING: frozenset[str] = frozenset({"safe", "keyed", "fix", "check", "unsafe", "decide", "wait"})

#: What repeating a step may do outside.
EFFECT: dict[str, str] = {
    "pure": "no side effects",
    "idempotent": "may be repeated",
    "once": "goes out once",
}

#: Whether an attempt reached the outside world.
SENT: dict[str, str] = {
    "no": "nothing was sent",
    "maybe": "it may have gone out",
    "yes": "it went out",
}

_KIND_ICONS: dict[str, str] = {
    "approval": "front_hand",
    "wait_for": "notifications_active",
    "sleep": "timer",
    "child": "account_tree",
    "choose": "alt_route",
    "map": "stacks",
}
_POOL_ICONS: dict[str, str] = {"llm": "neurology", "effects": "send", "cpu": "memory"}


def kind_icon(name: str, kind: str, pool: str) -> str:
    """What sort of work a step is, as an icon."""
    if undone(name) is not None:
        return "undo"
    return _KIND_ICONS.get(kind) or _POOL_ICONS.get(pool, "public")


#: What a verb does, as an icon.
VERB_ICONS: dict[str, str] = {
    **dict.fromkeys(("retry", "retry_step", "retry_from", "it_did_not"), "replay"),
    **dict.fromkeys(("mark_done", "it_happened"), "task_alt"),
    **dict.fromkeys(("cancel", "cancel_now"), "block"),
    "skip": "skip_next",
    "supply": "edit_note",
    "pause": "pause",
    "resume": "play_arrow",
    "resume_lane": "play_arrow",
    "replay": "restart_alt",
    "escalate": "flag",
    "raise_budget": "savings",
    "claim": "person",
    "send_again": "send",
    "let_it_be": "block",
    "approve": "thumb_up",
    "reject": "thumb_down",
}
