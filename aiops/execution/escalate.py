"""Asking a person: what is asked, what may be answered, by when."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from aiops.execution.payloads import dumps
from aiops.models import Escalation, transitions

#: The answers that make sense for each kind of question; the verbs behind them are in `resume`.
ANSWERS: dict[str, tuple[str, ...]] = {
    "approval": ("approve", "reject"),
    "in_doubt": ("it_happened", "it_did_not", "cancel"),
    "retries_used_up": ("retry", "supply", "skip", "cancel"),
    "waited_too_long": ("retry", "supply", "skip", "cancel"),
    "bad_output": ("retry", "supply", "skip", "cancel"),
    "bug": ("retry", "supply", "skip", "cancel"),
    "lost": ("retry", "supply", "skip", "cancel"),
    "lane": ("retry", "cancel"),
    "budget": ("retry", "cancel"),
    "question": ("supply", "retry", "cancel"),
    "code_gone": ("retry", "supply", "skip", "cancel"),
    "items_failed": ("retry", "skip", "cancel"),
    "event_missing": ("supply", "skip", "cancel"),
    "child_failed": ("retry", "supply", "skip", "cancel"),
    "by_hand": ("retry", "supply", "skip", "cancel"),
}


def ask(
    *,
    run_id: UUID,
    step_id: UUID,
    kind: str,
    question: str,
    shows: Any = None,
    due_at: datetime | None = None,
    if_nobody: str = "wait",
    answers: Sequence[str] | None = None,
) -> bool:
    """Open an escalation on a step; False when it has an open one already.

    `answers` narrows what may be answered to questions of this kind.
    """
    return transitions.open_escalation(
        Escalation(
            run_id=run_id,
            step_id=step_id,
            kind=kind,
            question=question[:500],
            shows=shows,
            shown_hash=fingerprint(shows),
            answers=list(ANSWERS[kind] if answers is None else answers),
            due_at=due_at,
            if_nobody=if_nobody,
        )
    )


def fingerprint(shows: Any) -> str:
    """SHA-256 of what a person is shown: an approval is bound to it."""
    return hashlib.sha256(dumps(shows).encode()).hexdigest()
