"""What can be run: the workflows of this process's code, and the plans of the record."""

from __future__ import annotations

from functools import lru_cache

from django.conf import settings
from django.db import transaction

from aiops.flow.plan import Plan
from aiops.flow.registry import registry
from aiops.flow.workflows import Workflow
from aiops.models import WorkflowVersion


def load_workflows() -> None:
    """Import every workflow file; raises with file and line of whatever is wrong in any of them."""
    registry.load(settings.AIOPS_WORKFLOWS)
    registry.check()


def workflow_named(name: str) -> Workflow:
    """The current definition; raises UnknownWorkflow with the nearest names."""
    registry.load(settings.AIOPS_WORKFLOWS)
    return registry.get(name)


def version_of(workflow: Workflow) -> WorkflowVersion:
    """The stored version of a definition; written on its first start."""
    return _version(workflow.plan)


@lru_cache(maxsize=1024)
def plan_of(version_id: int) -> Plan:
    """The plan behind a version. Versions never change, so a process reads each once."""
    return Plan.from_json(WorkflowVersion.objects.values_list("plan", flat=True).get(id=version_id))


_versions: dict[str, WorkflowVersion] = {}


def _version(plan: Plan) -> WorkflowVersion:
    if plan.hash in _versions:
        return _versions[plan.hash]
    version, _ = WorkflowVersion.objects.get_or_create(
        name=plan.workflow,
        hash=plan.hash,
        defaults={"version": plan.version, "plan": plan.to_json()},
    )
    # The caller's transaction may yet be rolled back, and the row with it.
    transaction.on_commit(lambda: _versions.update({plan.hash: version}))
    return version


def forget_versions() -> None:
    """Forget which versions are stored: for tests, whose database is emptied."""
    _versions.clear()
    plan_of.cache_clear()
