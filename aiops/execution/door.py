"""The door for other programs: plain data in, plain data out, errors that say what to do."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from aiops.execution.answers import five_answers
from aiops.execution.cancel import cancel as cancel_run
from aiops.execution.resume import NotPossible
from aiops.execution.start import StartRefused, start_run
from aiops.flow.errors import StepError
from aiops.flow.refusals import WorkflowError
from aiops.models import Run


def start(workflow: str, input: Any, options: Mapping[str, Any]) -> dict[str, Any]:
    """Start a run. What is wrong with the request comes back as data: it is not worth a retry."""
    try:
        run = start_run(workflow, input, **options)
    except (StartRefused, WorkflowError, StepError) as error:
        return {"ok": False, "error": type(error).__name__, "message": str(error)}
    return {"ok": True, "run_id": str(run.id), "is_new": run.is_new}


def cancel(run_id: str, *, reason: str, actor: str) -> dict[str, Any]:
    """Cancel a run."""
    try:
        run = cancel_run(UUID(run_id), reason=reason, actor=actor)
    except (NotPossible, ValueError) as error:
        return {"ok": False, "error": type(error).__name__, "message": str(error)}
    return {"ok": True, "run_id": str(run.id), "state": run.state}


def status(run_id: str) -> dict[str, Any]:
    """The five answers about a run."""
    try:
        return {"ok": True, **five_answers(UUID(run_id))}
    except (Run.DoesNotExist, ValueError):
        return {"ok": False, "error": "UnknownRun", "message": f"there is no run {run_id}"}
