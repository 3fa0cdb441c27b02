"""Asking a person: what is asked, what may be answered, by whom and by when; and taking it back."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from django.conf import settings
from django.utils import timezone

from aiops.execution import notify, urgency
from aiops.execution.catalog import plan_of
from aiops.execution.payloads import dumps
from aiops.flow.plan import Plan, PlanNode
from aiops.models import Escalation, Run, Step, transitions
from aiops.models.step import UNDO

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
    "webhook": ("send_again", "let_it_be"),
    "promise": ("send_again", "let_it_be"),
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

    `answers` narrows what may be answered to questions of this kind. Who may answer it, how many
    must, and how urgent it is, the plan says.
    """
    step = Step.objects.select_related("run").get(id=step_id)
    wanted = ANSWERS[kind] if answers is None else tuple(answers)
    now = timezone.now()
    due_at = due_at or urgency.due(kind, now)
    return _open(
        Escalation(
            run_id=run_id,
            step_id=step_id,
            kind=kind,
            question=question[:500],
            shows=shows,
            shown_hash=fingerprint(shows),
            answers=list(allowed(wanted, kind, step.effect, sent(step.error))),
            due_at=due_at,
            remind_at=urgency.first_reminder(now, due_at),
            if_nobody=if_nobody,
            **_declared(step.run, step, kind),
        )
    )


def ask_of_run(
    run_id: UUID, kind: str, question: str, *, shows: Any = None, due_at: datetime | None = None
) -> bool:
    """Open an escalation that no step waits for; False when the run has an open one of its kind."""
    now = timezone.now()
    due_at = due_at or urgency.due(kind, now)
    groups = settings.AIOPS_ESCALATION_GROUPS
    return _open(
        Escalation(
            run_id=run_id,
            kind=kind,
            question=question[:500],
            shows=shows,
            shown_hash=fingerprint(shows),
            answers=list(ANSWERS[kind]),
            due_at=due_at,
            remind_at=urgency.first_reminder(now, due_at),
            group=groups[0] if groups else "",
        )
    )


def ask_again(last: Escalation) -> bool:
    """Open a question anew that was lost; what was approved of it stays approved."""
    return _open(
        Escalation(
            **{
                name: getattr(last, name)
                for name in (
                    *("run_id", "step_id", "kind", "question", "shows", "shown_hash", "answers"),
                    *("severity", "owner", "group", "people", "approvals", "not_by"),
                    *("due_at", "remind_at", "level", "if_nobody"),
                )
            }
        )
    )


def close(run_id: UUID, steps: Sequence[UUID] | None = None, *, why: str) -> None:
    """Close open questions whose cause is gone: of the given steps, or of the whole run."""
    for asked in transitions.close_escalations(run_id, steps, why=why):
        notify.tell(asked, "closed")


def allowed(wanted: Sequence[str], kind: str, effect: str, sent: str) -> tuple[str, ...]:
    """What may be answered, as far as it depends on what went out. Pure.

    Of an effect that happens once, first whether it has happened; what did go out is never
    answered by doing it again. "" (nobody knows) counts as "maybe" where a person asks.
    """
    may_have_gone_out = sent in ("maybe", "yes") or (kind == "by_hand" and sent != "no")
    if effect != "once" or not may_have_gone_out:
        return tuple(wanted)
    repeats = {"retry", "it_did_not"} if sent == "yes" else {"retry"}
    found = ANSWERS["in_doubt"] if "retry" in wanted else wanted
    return tuple(answer for answer in found if answer not in repeats)


def sent(error: Any) -> str:
    """Whether anything went out, by a step's error: "no", "maybe", "yes"; "" when nobody knows."""
    return str((error or {}).get("sent") or "")


def fingerprint(shows: Any) -> str:
    """SHA-256 of what a person is shown: an approval is bound to it."""
    return hashlib.sha256(dumps(shows).encode()).hexdigest()


def _open(asked: Escalation) -> bool:
    is_new = transitions.open_escalation(asked)
    if is_new:
        notify.tell(asked, "opened")
    return is_new


def _declared(run: Run, step: Step, kind: str) -> dict[str, Any]:
    """Whom it is for, how many must agree, and how much depends on it."""
    plan = plan_of(run.version_id)
    node = plan.by_name.get(step.name.removeprefix(UNDO))
    is_approval = node is not None and kind == "approval"
    said = node if is_approval else plan
    return {
        "group": _said(said, plan, "group") or next(iter(settings.AIOPS_ESCALATION_GROUPS), ""),
        "severity": urgency.severity(
            kind,
            effect=step.effect,
            priority=run.priority,
            declared=_said(said, plan, "severity"),
        ),
        "people": node.people if node is not None and is_approval else 1,
        "not_by": run.started_by if node is not None and node.not_by_starter else "",
    }


def _said(first: PlanNode | Plan | None, plan: Plan, name: str) -> str:
    return str(getattr(first, name, "") or getattr(plan, name))
