"""Makes the plan of a flow: every node checked against what it takes its data from."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import BaseModel

from aiops.flow.answers import Decision
from aiops.flow.assignable import accepts, element_of, type_name, with_none
from aiops.flow.flatten import Flat, Placed, flatten
from aiops.flow.nodes import Approval, Choose, ForEach, Node, RunWorkflow, Sleep, Source, WaitFor
from aiops.flow.plan import PlanNode
from aiops.flow.refusals import BadNode, BadStep, DuplicateName, WrongType
from aiops.flow.scope import Scope
from aiops.flow.steps import Step
from aiops.flow.takes import takes, takes_with_item


@dataclass(frozen=True, slots=True)
class Compiled:
    """The nodes of a plan, the names of the last ones, and the types of all results."""

    nodes: tuple[PlanNode, ...]
    output: tuple[str, ...]
    types: dict[str, Any]


def compile_flow(workflow: str, input_model: type[BaseModel], flow: Node) -> Compiled:
    """Flatten a flow and check it; raises a WorkflowError that says where and why."""
    flat = flatten(flow, workflow)
    scope = Scope(workflow, input_model, {placed.name: placed for placed in flat.placed})
    _check_names(flat, scope)
    nodes = []
    for placed in flat.placed:
        node, result = _Compiler(placed, flat, scope).node()
        scope.add(placed, result)
        nodes.append(node)
    types = {
        p.name: with_none(scope.types[p.name]) if p.when else scope.types[p.name]
        for p in flat.placed
    }
    return Compiled(tuple(nodes), flat.exits, types)


def _check_names(flat: Flat, scope: Scope) -> None:
    """A node named like the input would make a parameter of that name mean two things."""
    for placed in flat.placed:
        if placed.name in scope.input_names:
            raise DuplicateName(
                f"a node of workflow {scope.workflow!r} is named {placed.name!r}, as its input is: "
                "rename the node",
                placed.where,
            )


@dataclass(frozen=True, slots=True)
class _Compiler:
    """One node: its entry in the plan, and the type of its result."""

    placed: Placed
    flat: Flat
    scope: Scope

    def node(self) -> tuple[PlanNode, Any]:
        match self.placed.leaf:
            case Step() as leaf:
                return self._step(leaf)
            case ForEach() as leaf:
                return self._map(leaf)
            case Choose() as leaf:
                return self._choose(leaf)
            case Approval() as leaf:
                return self._approval(leaf)
            case WaitFor() as leaf:
                return self._wait_for(leaf)
            case Sleep() as leaf:
                return self._entry("sleep", sleep_s=float(leaf.sleep_s), says=leaf.says), None
            case RunWorkflow() as leaf:
                return self._child(leaf)

    def _step(self, leaf: Step) -> tuple[PlanNode, Any]:
        found = takes(leaf, self.placed, self.scope)
        return self._entry("step", takes=found, **_worked(leaf)), leaf.returns

    def _map(self, leaf: ForEach) -> tuple[PlanNode, Any]:
        items = self._path(leaf.items)
        given = self.scope.type_at(items, self.placed, leaf.where)
        item = element_of(given)
        if item is None:
            raise WrongType(
                f"for_each over {leaf.do.name!r} needs a list, and {items!r} is "
                f"{type_name(given)}: name the field that holds the list, as in 'input.tickets'",
                leaf.where,
            )
        found = takes_with_item(leaf.do, self.placed, self.scope, item)
        entry = self._entry(
            "map",
            takes=found,
            items=items,
            max_parallel=leaf.max_parallel,
            tolerate=leaf.tolerate,
            **_worked(leaf.do),
        )
        result = with_none(leaf.do.returns) if leaf.tolerate else leaf.do.returns
        return entry, list[result]  # type: ignore[valid-type]  # built at run time

    def _choose(self, leaf: Choose) -> tuple[PlanNode, Any]:
        found = takes(leaf.by, self.placed, self.scope)
        keys = tuple(leaf.branches)
        return self._entry("choose", takes=found, branches=keys, **_worked(leaf.by)), Literal[keys]

    def _approval(self, leaf: Approval) -> tuple[PlanNode, Any]:
        shows = tuple(self._path(source) for source in leaf.shows)
        for source in shows:
            self.scope.type_at(source, self.placed, leaf.where)
        entry = self._entry(
            "approval",
            question=leaf.question,
            shows=shows,
            due_h=float(leaf.due_h),
            if_nobody=leaf.if_nobody,
            on_reject=leaf.on_reject,
            people=leaf.people,
            not_by_starter=leaf.not_by_starter,
            group=leaf.group,
            severity=leaf.severity,
            says=leaf.says,
        )
        return entry, Decision

    def _wait_for(self, leaf: WaitFor) -> tuple[PlanNode, Any]:
        key = self.scope.type_at(leaf.match, self.placed, leaf.where)
        if key is not Any and not _is_key(key):
            raise WrongType(
                f"wait_for({leaf.event!r}) matches by {leaf.match!r}, which is {type_name(key)}: "
                "match by a text or a whole number, such as an id",
                leaf.where,
            )
        entry = self._entry(
            "wait_for",
            event=leaf.event,
            match=leaf.match,
            timeout_h=float(leaf.timeout_h),
            says=leaf.says,
        )
        return entry, leaf.gives

    def _child(self, leaf: RunWorkflow) -> tuple[PlanNode, Any]:
        source = self._path(leaf.input)
        given = self.scope.type_at(source, self.placed, leaf.where)
        name = leaf.child if isinstance(leaf.child, str) else leaf.child.name
        if name == self.scope.workflow:
            raise BadNode(f"workflow {name!r} runs itself, without an end: run another", leaf.where)
        entry = self._entry("child", workflow=name, input=source, says=leaf.says)
        if isinstance(leaf.child, str):
            return entry, Any
        if not accepts(leaf.child.input, given):
            raise WrongType(
                f"workflow {name!r} takes {type_name(leaf.child.input)}, and {source!r} gives "
                f"{type_name(given)}: add a step that returns what it takes",
                leaf.where,
            )
        return entry, leaf.child.output

    def _entry(self, kind: Any, **fields: Any) -> PlanNode:
        placed = self.placed
        return PlanNode(placed.name, kind, needs=placed.needs, when=placed.when, **fields)

    def _path(self, source: Source) -> str:
        """A source as text: a node stands for its name."""
        if isinstance(source, str):
            return source
        for placed in self.flat.placed:
            if placed.leaf is source or (
                isinstance(placed.leaf, ForEach) and placed.leaf.do is source
            ):
                return placed.name
        name = getattr(source, "name", None)
        known = repr(name) if name else f"a {type(source).__name__.lower()} without a name"
        raise BadNode(
            f"{self.placed.name!r} takes its data from {known}, which is no node of workflow "
            f"{self.scope.workflow!r}: put it into the flow before {self.placed.name!r}",
            self.placed.where,
        )


def _worked(step: Step) -> dict[str, Any]:
    """What a worker needs to know to run a step."""
    _check_findable(step)
    return {
        "says": step.options.says,
        "code": step.code,
        "pool": step.options.pool,
        "effect": step.options.effect,
        "timeout_s": float(step.options.timeout_s),
        "retry": step.options.retry,
        "has_reconcile": step.reconcile is not None,
        "has_undo": step.undo is not None,
        "checks": tuple(check.__name__ for check in step.checks),
        "has_cancel": step.cancel is not None,
        "streams": step.options.streams,
    }


def _check_findable(step: Step) -> None:
    """Refuse a step whose name in its module means something else by now."""
    module, _, qualname = step.code.partition(":")
    found: Any = sys.modules.get(module)
    for part in qualname.split("."):
        found = getattr(found, part, None)
    if found is not step and found is not step.fn:
        raise BadStep(
            f"workers look for {step.name!r} as {qualname!r} in {module}, and would find something "
            "else: keep the step under the name of its function, with @step as its outermost "
            "decorator",
            step.where,
        )


def _is_key(annotation: Any) -> bool:
    return accepts(str | int, annotation)
