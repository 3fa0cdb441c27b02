"""How questions to people are shown: severity, due time, waiting, what became of them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from aiops.admin.page.amounts import rough
from aiops.admin.page.words import Look
from aiops.execution.offers import ANSWER_LABELS
from aiops.models import EscalationState, Severity

SEVERITY: dict[str, Look] = {
    Severity.CRITICAL: Look("Critical", "emergency_home", "red"),
    Severity.HIGH: Look("High", "keyboard_double_arrow_up", "red"),
    Severity.NORMAL: Look("Normal", "drag_handle", "amber"),
    Severity.LOW: Look("Low", "keyboard_arrow_down", "slate"),
}

#: In the last quarter of its time a question is pressing: that is when people are reminded too.
_PRESSING = 0.25


@dataclass(frozen=True, slots=True)
class Due:
    """When an answer is due, as a cell: "22 min late", "in 14 min"."""

    text: str
    #: "late", "pressing" or "".
    urgency: str


def due(opened_at: datetime, due_at: datetime | None, now: datetime) -> Due:
    if due_at is None:
        return Due("–", "")
    left = due_at - now
    if left < timedelta(0):
        return Due(f"{rough(-left.total_seconds())} late", "late")
    is_pressing = left <= _PRESSING * (due_at - opened_at)
    return Due(f"in {rough(left.total_seconds())}", "pressing" if is_pressing else "")


def outcome(state: str, answer: str, by: str, closed_why: str) -> str:
    """What became of a question, in one line."""
    if state == EscalationState.ANSWERED:
        return f"{ANSWER_LABELS.get(answer, answer)}, by {by}"
    return f"Closed: {closed_why}" if closed_why else "Closed: its cause is gone"
