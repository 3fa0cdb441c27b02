"""Finding what a request names, among what exists for its caller."""

from __future__ import annotations

from uuid import UUID

from aiops.access.caller import Caller
from aiops.api.problems import not_found
from aiops.execution.catalog import plan_of
from aiops.models import Run


def run_of(who: Caller, run_id: UUID, *columns: str) -> Run:
    """The run, with these columns; a Problem unless it exists for this caller."""
    run = who.runs().only("id", *columns).filter(id=run_id).first()
    if run is None:
        raise not_found(f"There is no run {run_id} for this key.")
    return run


def refuse_unknown_step(run: Run, name: str) -> None:
    """A Problem unless the run's plan has a step of this name."""
    names = plan_of(run.version_id).by_name
    if name not in names:
        raise not_found(f"The run has no step {name!r}; its steps are {', '.join(names)}.")
