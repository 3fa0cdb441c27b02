"""What a step takes: the run's input and the results of earlier steps, loaded once a segment."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from typing import Any
from uuid import UUID

from aiops.execution import claim as claims
from aiops.execution.catalog import plan_of
from aiops.execution.payloads import check_out
from aiops.flow import data
from aiops.flow.plan import Plan
from aiops.models import Run, Step


@dataclass(slots=True)
class RunInfo:
    """What a worker needs to know of a run; read once per message."""

    id: UUID
    workflow: str
    version_id: int
    tenant: str
    priority: str
    metadata: dict[str, Any]
    input: Any
    input_ref: str
    deadline_at: datetime | None = None

    @classmethod
    def of(cls, run: Run) -> RunInfo:
        return cls(*(getattr(run, name) for name in _COLUMNS))


#: In the order of RunInfo's fields.
_COLUMNS = (
    "id",
    "workflow",
    "version_id",
    "tenant",
    "priority",
    "metadata",
    "input",
    "input_ref",
    "deadline_at",
)


@lru_cache(maxsize=256)
def run_info(run_id: UUID) -> RunInfo:
    """Read a run; raises Run.DoesNotExist. None of this ever changes, so a process reads it once."""
    return RunInfo(*Run.objects.values_list(*_COLUMNS).get(id=run_id))


@dataclass(slots=True)
class Values:
    """JSON by source name ("input", or a node's name); what is not there yet is loaded."""

    run: RunInfo
    plan: Plan
    known: dict[str, Any] = field(default_factory=dict)

    def get(self, names: Iterable[str]) -> dict[str, Any]:
        """The values of these sources; a skipped step's is None."""
        missing = [name for name in names if name not in self.known]
        if "input" in missing:
            self.known["input"] = check_out(self.run.input, self.run.input_ref)
        if steps := [name for name in missing if name in self.plan.by_name]:
            self.known.update(results(self.run.id, self.plan, steps))
        return {name: self.known[name] for name in names if name in self.known}


def results(run_id: UUID, plan: Plan, names: Iterable[str]) -> dict[str, Any]:
    """Load the results of nodes; a map's is the list of its items' results, in order."""
    names = list(names)
    maps = [name for name in names if plan.by_name[name].kind == "map"]
    found: dict[str, Any] = dict.fromkeys(names)
    for name, (result, ref) in claims.results(run_id, names).items():
        found[name] = check_out(result, ref)
    for name in maps:
        found[name] = _items(run_id, name)
    return found


def _items(run_id: UUID, name: str) -> list[Any] | None:
    """The results of a map's items; None for one that failed. None when the map was skipped.

    A map that a person went on without (it has an error) keeps what its items brought.
    """
    container = Step.objects.filter(run_id=run_id, name=name, map__isnull=True).first()
    if container is None:
        return None
    is_skipped = container.state == "skipped"
    if is_skipped and container.error is None:
        return None
    rows = Step.objects.filter(map=container).exclude(state="cancelled").order_by("item")
    found = [check_out(result, ref) for result, ref in rows.values_list("result", "result_ref")]
    return None if is_skipped and not found else found


def output(run: Run) -> Any:
    """What a run has produced: its last node's result, or a dict of several. Derived, not stored."""
    plan = plan_of(run.version_id)
    return data.output(plan, results(run.id, plan, plan.output))
