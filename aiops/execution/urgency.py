"""How urgent a question is: its severity, when its answer is due, who hears of it next. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from aiops.models import SEVERITIES, EscalationKind, EscalationState, Priority, Severity

#: Hours until an answer is due, where the workflow does not say: every question has its time.
DUE_H: dict[str, float] = {
    EscalationKind.APPROVAL: 24,
    EscalationKind.IN_DOUBT: 1,
    EscalationKind.RETRIES_USED_UP: 8,
    EscalationKind.BUG: 8,
    EscalationKind.BAD_OUTPUT: 8,
    EscalationKind.WAITED_TOO_LONG: 4,
    EscalationKind.ITEMS_FAILED: 8,
    EscalationKind.EVENT_MISSING: 24,
    EscalationKind.CHILD_FAILED: 8,
    EscalationKind.LOST: 4,
    EscalationKind.LANE: 1,
    EscalationKind.BUDGET: 4,
    EscalationKind.QUESTION: 24,
    EscalationKind.CODE_GONE: 4,
    EscalationKind.BY_HAND: 8,
    EscalationKind.WEBHOOK: 8,
    EscalationKind.PROMISE: 4,
}

#: Kinds that are urgent by themselves: money or mail in doubt, or many runs that stand still.
_HIGH = frozenset(
    {
        EscalationKind.IN_DOUBT,
        EscalationKind.LANE,
        EscalationKind.BUDGET,
        EscalationKind.CODE_GONE,
    }
)

#: Somebody is reminded when this share of the time has passed.
_REMINDED_AT = 0.75
#: It is handed up when it is late by this share of the time, within these bounds.
_LATE_BY = 0.25
_LATE_LEAST, _LATE_MOST = timedelta(minutes=5), timedelta(hours=4)
#: Afterwards somebody is reminded once in each such time, within these bounds.
_AGAIN_LEAST, _AGAIN_MOST = timedelta(minutes=15), timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class Nudge:
    """What happens when a question's `remind_at` has come."""

    about: Literal["reminder", "handed_up"]
    group: str
    level: int
    #: None: nobody is reminded any more.
    remind_at: datetime | None


def severity(kind: str, *, effect: str, priority: str, declared: str = "") -> str:
    """What the workflow says; else by the kind, one less where nobody waits for the run.

    A step that goes out once raises a plain failure: what comes after it may have been promised.
    """
    if declared:
        return declared
    is_high = kind in _HIGH or (kind != EscalationKind.APPROVAL and effect == "once")
    found = Severity.HIGH if is_high else Severity.NORMAL
    return _less(found) if priority == Priority.BATCH else found


def _less(than: str) -> str:
    return SEVERITIES[min(SEVERITIES.index(than) + 1, len(SEVERITIES) - 1)]


def due(kind: str, opened_at: datetime) -> datetime:
    """When an answer is due, where the workflow does not say."""
    return opened_at + timedelta(hours=DUE_H[kind])


def first_reminder(opened_at: datetime, due_at: datetime) -> datetime:
    return opened_at + _REMINDED_AT * max(due_at - opened_at, timedelta(0))


def above(group: str, ladder: Sequence[str]) -> str:
    """The group that a late question is handed up to; the same when there is none above it.

    A group that is not on the ladder (a team's own) stands below its first rung.
    """
    if group not in ladder:
        return ladder[0] if ladder else group
    return ladder[min(ladder.index(group) + 1, len(ladder) - 1)]


def nudge(
    *,
    opened_at: datetime,
    due_at: datetime,
    group: str,
    level: int,
    if_nobody: str,
    now: datetime,
    ladder: Sequence[str],
) -> Nudge:
    """Remind before and at the due time; hand up what is late; then remind again and again.

    A question that silence answers is only reminded of beforehand: at its due time it is over.
    """
    is_answered_by_silence = if_nobody != "wait"
    if now < due_at:
        return Nudge("reminder", group, level, None if is_answered_by_silence else due_at)
    if is_answered_by_silence:
        return Nudge("reminder", group, level, None)
    lasts = due_at - opened_at
    late_at = due_at + _within(_LATE_BY * lasts, _LATE_LEAST, _LATE_MOST)
    if now < late_at:
        return Nudge("reminder", group, level, late_at)
    again = now + _within(lasts, _AGAIN_LEAST, _AGAIN_MOST)
    up = above(group, ladder)
    if up == group:
        return Nudge("reminder", group, level, again)
    return Nudge("handed_up", up, level + 1, again)


def _within(value: timedelta, least: timedelta, most: timedelta) -> timedelta:
    return min(max(value, least), most)


#: What happens when nobody answers in time, as a person reads it.
IF_NOBODY: dict[str, str] = {
    "wait": "it waits on, and is handed up",
    "approve": "it is approved",
    "reject": "it is rejected",
}

#: States of a question that nobody has to answer any more.
OVER: tuple[str, ...] = (EscalationState.ANSWERED, EscalationState.CLOSED)
