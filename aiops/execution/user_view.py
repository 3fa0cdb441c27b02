"""The user's view of a run, as plain JSON: what the API, the stream, the page and webhooks tell."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from aiops.execution.answers import user
from aiops.execution.facts import StepRow, load


def user_view(run_id: UUID, *, language: str = "en") -> dict[str, Any]:
    """What the user sees of a run. Raises Run.DoesNotExist."""
    facts = load(run_id)
    return {
        "run_id": str(facts.run.id),
        "title": facts.run.title,
        "version": facts.newest_event,
        "is_final": facts.run.is_ended,
        "partial": next((_partial(step) for step in facts.steps if _partial(step)), ""),
        **user(facts),
    }


def _partial(step: StepRow) -> str:
    return str((step.progress or {}).get("partial", ""))
