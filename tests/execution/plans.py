"""Plans made by hand, for the decisions that need no database."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from aiops.execution.canvas import StepView
from aiops.flow.plan import Plan, PlanNode


def node(name: str, *needs: str, kind: Any = "step", pool: str = "io", **fields: Any) -> PlanNode:
    return PlanNode(name, kind, needs=needs, pool=pool, **fields)


def plan(*nodes: PlanNode) -> Plan:
    return Plan("made_by_hand", 1, nodes, output=(nodes[-1].name,))


def line(*names: str, pools: str = "") -> Plan:
    """A series of steps; `pools` has a word for each, without it they share one."""
    found = pools.split() or ["io"] * len(names)
    return plan(
        *(node(name, *names[max(0, i - 1) : i], pool=found[i]) for i, name in enumerate(names))
    )


def views(made: Plan, **states: str) -> dict[str, StepView]:
    """The steps of a plan, pending unless said otherwise."""
    return {
        entry.name: StepView(UUID(int=number), states.get(entry.name, "pending"))
        for number, entry in enumerate(made.nodes, 1)
    }
