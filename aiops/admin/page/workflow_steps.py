"""The steps of a plan: as a graph, and as rows with their numbers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils.safestring import SafeString

from aiops.admin.page import graph, links, words
from aiops.admin.page.amounts import length, money
from aiops.admin.page.words import Look
from aiops.admin.page.workflow_numbers import NOT_KNOWN, lasts, slowest
from aiops.execution.workflow_numbers import StepNumbers
from aiops.flow.plan import Plan, PlanNode
from aiops.models import StepState

_KINDS: dict[str, str] = {
    "step": "step",
    "choose": "chooses a branch",
    "map": "for each item",
    "approval": "approval",
    "wait_for": "waits for an event",
    "sleep": "waits",
    "child": "runs another workflow",
}


def drawn(plan: Plan, numbers: Mapping[str, StepNumbers]) -> SafeString:
    """The plan as a picture; a node says how long it usually takes."""
    return graph.draw([_node(node, numbers.get(node.name)) for node in plan.nodes], whole=True)


def _node(node: PlanNode, numbers: StepNumbers | None) -> graph.Node:
    usual = f"{length(float(numbers.p50_s))} · " if numbers and numbers.p50_s is not None else ""
    look = Look(
        _KINDS[node.kind], words.kind_icon(node.name, node.kind, node.pool), _tone(node.kind)
    )
    return graph.Node(
        name=node.name,
        needs=node.needs,
        # Drawn with a full line: nothing of a plan has begun or has not.
        state=StepState.QUEUED,
        note=f"{usual}{node.pool or _KINDS[node.kind]}",
        look=look,
    )


def _tone(kind: str) -> str:
    return "violet" if kind in ("approval", "wait_for", "sleep") else "slate"


def rows(plan: Plan, numbers: Mapping[str, StepNumbers], workflow: str) -> list[dict[str, Any]]:
    """The steps in the plan's order."""
    longest = slowest([(name, one.p50_s) for name, one in numbers.items()])
    return [_row(node, numbers.get(node.name), workflow, longest) for node in plan.nodes]


def _row(
    node: PlanNode, numbers: StepNumbers | None, workflow: str, longest: str
) -> dict[str, Any]:
    return {
        "node": node,
        "icon": words.kind_icon(node.name, node.kind, node.pool),
        "notes": " · ".join(_notes(node)),
        "p50": lasts(numbers.p50_s) if numbers else "–",
        "p95": lasts(numbers.p95_s) if numbers else "–",
        "failures": numbers.failures if numbers else 0,
        "retries": numbers.retries if numbers else 0,
        "escalations": numbers.escalations if numbers else 0,
        "cost": money(numbers.cost_microusd) if numbers else NOT_KNOWN,
        "is_longest": node.name == longest,
        "failed_href": links.runs(workflow=workflow, view="failed"),
    }


def _notes(node: PlanNode) -> list[str]:
    kind = [] if node.kind == "step" else [_KINDS[node.kind]]
    effect = [words.EFFECT[node.effect]] if node.kind in ("step", "map") else []
    return [*kind, *effect, *([node.pool] if node.pool else [])]
