"""What is known about the step that a person is asked about."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from aiops.admin.page import words
from aiops.admin.page.steps import shown_verdict
from aiops.admin.page.words import Look
from aiops.execution import judge
from aiops.execution.facts import ItemRow, RunFacts
from aiops.execution.verdict import Verdict
from aiops.models import Attempt, Escalation, EscalationKind, EscalationState


@dataclass(frozen=True, slots=True)
class Evidence:
    """The verdict with its sentence, and the facts of the last attempt."""

    verdict: Look | None
    sentence: str
    #: (name, value, whether it is an id)
    rows: tuple[tuple[str, str, bool], ...]
    step_id: UUID | None
    attempt_id: int | None


def evidence(asked: Escalation, facts: RunFacts) -> Evidence:
    step = asked.step
    if step is None:
        return Evidence(None, "", (), None, None)
    judged = _judged(asked, facts)
    is_worked = asked.kind != EscalationKind.APPROVAL
    last = Attempt.objects.filter(step=step).order_by("-number").first() if is_worked else None
    return Evidence(
        verdict=shown_verdict(judged) if judged else None,
        sentence=judged.sentence if judged else "",
        rows=tuple(row for row in _rows(last, step.idempotency_key) if row[1]) if last else (),
        step_id=step.id,
        attempt_id=last.pk if last else None,
    )


def _judged(asked: Escalation, facts: RunFacts) -> Verdict | None:
    """The verdict of the step while somebody is asked; afterwards it speaks of something else."""
    step = asked.step
    if step is None or asked.state != EscalationState.OPEN:
        return None
    if step.item is not None:
        fields = ItemRow.__dataclass_fields__
        return judge.of_item(facts, ItemRow(**{name: getattr(step, name) for name in fields}))
    row = next((one for one in facts.steps if one.id == step.id), None)
    return judge.of_step(facts, row) if row is not None else None


def _rows(last: Attempt, key: str) -> list[tuple[str, str, bool]]:
    error = last.error or {}
    said = ": ".join(str(error[name]) for name in ("type", "message") if error.get(name))
    return [
        ("Last attempt", f"#{last.number}, {last.finished_at:%Y-%m-%d %H:%M:%S} UTC", False),
        ("Ended as", words.OUTCOME[last.outcome].word, False),
        ("Did it go out?", words.SENT.get(last.sent, ""), False),
        ("Error", said[:500], False),
        ("Worker", last.worker, True),
        ("Celery task", last.task_id, True),
        ("Key", key, True),
    ]
