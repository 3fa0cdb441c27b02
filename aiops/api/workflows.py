"""The workflows that can be started, and what each takes."""

from __future__ import annotations

import sys
from inspect import cleandoc
from typing import Any

from django.conf import settings
from django.http import HttpRequest
from ninja import Router

from aiops.api.auth import caller
from aiops.api.problems import not_found
from aiops.api.schemas_runs import StepAhead
from aiops.api.schemas_workflows import WorkflowList, WorkflowListed, WorkflowTold
from aiops.api.texts import NameInPath
from aiops.flow.plan import Plan
from aiops.flow.refusals import UnknownWorkflow
from aiops.flow.registry import registry
from aiops.flow.workflows import Workflow
from aiops.models import Scope

router = Router(tags=["workflows"])


@router.get("", response=WorkflowList)
def list_workflows(request: HttpRequest) -> dict[str, Any]:
    """What can be started (scope start or read)."""
    caller(request, Scope.START, Scope.READ)
    registry.load(settings.AIOPS_WORKFLOWS)
    found = sorted(registry.all(), key=lambda one: one.name)
    return {"workflows": [WorkflowListed(**_listed(one)) for one in found]}


@router.get("/{name}", response=WorkflowTold)
def show_workflow(request: HttpRequest, name: NameInPath) -> WorkflowTold:
    """What a workflow takes, and its steps (scope start or read)."""
    caller(request, Scope.START, Scope.READ)
    workflow = _named(name)
    return WorkflowTold(
        **_listed(workflow),
        hash=workflow.plan.hash,
        input_schema=workflow.input.model_json_schema(),
        steps=steps_of(workflow.plan),
        deadline_h=workflow.plan.deadline_h,
    )


def steps_of(plan: Plan) -> list[StepAhead]:
    """The steps of a plan, in its order."""
    return [
        StepAhead(
            name=node.name,
            kind=node.kind,
            says=node.says,
            needs=list(node.needs),
            effect=node.effect,
        )
        for node in plan.nodes
    ]


def _named(name: str) -> Workflow:
    registry.load(settings.AIOPS_WORKFLOWS)
    try:
        return registry.get(name)
    except UnknownWorkflow as error:
        raise not_found(f"{error}.") from None


def _listed(workflow: Workflow) -> dict[str, Any]:
    module = sys.modules.get(workflow.where.module)
    return {
        "name": workflow.name,
        "version": workflow.version,
        "about": cleandoc(module.__doc__ or "") if module else "",
        "says": workflow.plan.says,
    }
