"""Declares a workflow: checks it, makes its plan, registers it."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel

from aiops.flow.build import NODES
from aiops.flow.compile import compile_flow
from aiops.flow.names import check_name
from aiops.flow.nodes import Node
from aiops.flow.options import Severity, check_asking, is_number
from aiops.flow.plan import Plan
from aiops.flow.refusals import BadNode, did_you_mean
from aiops.flow.registry import registry
from aiops.flow.tells import Tells
from aiops.flow.where import Where, caller
from aiops.flow.workflows import Workflow


def workflow(
    name: str,
    *,
    version: int = 1,
    input: type[BaseModel],
    flow: Node,
    says: str = "",
    on_failure: Literal["keep", "undo"] = "keep",
    deadline_h: float = 0,
    budget_usd: float = 0,
    group: str = "",
    severity: Severity | Literal[""] = "",
    tells: Tells | None = None,
) -> Workflow:
    """Declare a workflow. It is checked here: a wrong one raises, with the file and the line.

    version: raise it when the meaning changes; runs in flight keep the plan they began with.
    says: what the user reads about the whole.
    on_failure: "undo" takes finished steps back (those with an `undo`), the last one first.
    deadline_h: hours after which a run is stopped as overdue; 0: never.
    budget_usd: the most that a run may spend on model calls; then a person is asked; 0: no limit.
    group, severity: whom questions about its runs are for, and how much depends on the answers.
    tells: what the user reads instead of the plain sentences, and in the mail that was promised.
    """
    where = caller()
    check_name(name, "a workflow", where, BadNode)
    _check(name, version, input, flow, on_failure, deadline_h, where)
    _check_budget(name, budget_usd, where)
    check_asking(f"workflow {name!r}", group, severity, where)
    told = tells or Tells()
    told.check(name, where)
    compiled = compile_flow(name, input, flow)
    plan = Plan(
        workflow=name,
        version=version,
        nodes=compiled.nodes,
        output=compiled.output,
        on_failure=on_failure,
        deadline_h=float(deadline_h),
        budget_usd=float(budget_usd),
        says=says,
        group=group,
        severity=severity,
        tells=told,
    )
    declared = Workflow(name, version, input, flow, plan, compiled.types, where)
    registry.register(declared)
    return declared


def _check(
    name: str,
    version: object,
    input: object,
    flow: object,
    on_failure: object,
    deadline_h: object,
    where: Where,
) -> None:
    """Refuse arguments of the wrong kind."""
    if not isinstance(version, int) or isinstance(version, bool) or version < 1:
        raise BadNode(f"workflow {name!r} has version={version!r}: count from 1", where)
    if not isinstance(input, type) or not issubclass(input, BaseModel):
        raise BadNode(f"workflow {name!r} has input={input!r}: give a pydantic model", where)
    if not isinstance(flow, NODES):
        raise BadNode(f"workflow {name!r} has flow={flow!r}: give a step or series(...)", where)
    if on_failure not in ("keep", "undo"):
        hint = did_you_mean(str(on_failure), ("keep", "undo"))
        raise BadNode(f"workflow {name!r} has on_failure={on_failure!r}; {hint}", where)
    if not is_number(deadline_h) or not _is_deadline(deadline_h):
        raise BadNode(
            f"workflow {name!r} has deadline_h={deadline_h!r}: hours, or 0 for none", where
        )


def _check_budget(name: str, budget_usd: object, where: Where) -> None:
    if not is_number(budget_usd) or not 0 <= budget_usd <= 1_000_000:  # type: ignore[operator]  # a number
        raise BadNode(
            f"workflow {name!r} has budget_usd={budget_usd!r}: dollars for a run, or 0 for no limit",
            where,
        )


def _is_deadline(deadline_h: Any) -> bool:
    return bool(0 <= deadline_h <= 24 * 366)
