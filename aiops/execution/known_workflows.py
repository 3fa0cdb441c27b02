"""The workflows that there are: those of the code, and those that have had runs."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from datetime import datetime
from inspect import cleandoc

from django.conf import settings

from aiops.flow.plan import Plan
from aiops.flow.registry import registry
from aiops.flow.workflows import Workflow
from aiops.models import WorkflowVersion

#: A page shows so many versions of a workflow.
MOST_VERSIONS = 12


@dataclass(frozen=True, slots=True)
class Version:
    """A version that has had a run."""

    id: int
    version: int
    hash: str
    #: When the first run of it began.
    first_at: datetime


@dataclass(frozen=True, slots=True)
class Known:
    """A workflow."""

    name: str
    #: Its file's docstring; "" for one whose code is gone.
    about: str
    #: None: its code is gone.
    workflow: Workflow | None
    #: The newest first.
    versions: tuple[Version, ...]

    @property
    def plan(self) -> Plan | None:
        """The plan of the next run."""
        return self.workflow.plan if self.workflow else None

    @property
    def current(self) -> Version | None:
        """The version of the next run; the newest one of a workflow whose code is gone.

        None: it has not had a run yet.
        """
        if self.workflow is None:
            return self.versions[0]
        hash_ = self.workflow.plan.hash
        return next((one for one in self.versions if one.hash == hash_), None)


def known_workflows() -> list[Known]:
    """Every workflow, by name."""
    coded = _coded()
    rows = WorkflowVersion.objects.order_by("-created_at", "-id")
    versions: dict[str, list[Version]] = {}
    for row in rows.values_list("name", "id", "version", "hash", "created_at"):
        versions.setdefault(row[0], []).append(Version(*row[1:]))
    return [
        _known(name, coded.get(name), versions.get(name, ()))
        for name in sorted({*coded, *versions})
    ]


def known_workflow(name: str) -> Known | None:
    """One workflow with its newest versions; None when there is none of this name."""
    rows = WorkflowVersion.objects.filter(name=name).order_by("-created_at", "-id")
    columns = ("id", "version", "hash", "created_at")
    versions = [Version(*row) for row in rows.values_list(*columns)[:MOST_VERSIONS]]
    workflow = _coded().get(name)
    return _known(name, workflow, versions) if workflow or versions else None


def _coded() -> dict[str, Workflow]:
    """Those of this process's code; a file that is refused is left out."""
    registry.load(settings.AIOPS_WORKFLOWS)
    return {workflow.name: workflow for workflow in registry.all()}


def _known(
    name: str, workflow: Workflow | None, versions: list[Version] | tuple[Version, ...]
) -> Known:
    module = sys.modules.get(workflow.where.module) if workflow else None
    return Known(name, cleandoc(module.__doc__ or "") if module else "", workflow, tuple(versions))


def startable() -> list[str]:
    """The names of the workflows of the code."""
    registry.load(settings.AIOPS_WORKFLOWS)
    return sorted(workflow.name for workflow in registry.all())
