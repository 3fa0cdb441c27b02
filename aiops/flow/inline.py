"""Runs a workflow in memory, in this process, one node after the other: for authors' unit tests."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from aiops.flow import data
from aiops.flow.answers import Decision
from aiops.flow.checking import demand
from aiops.flow.context import StepContext
from aiops.flow.errors import ErrorRecord, describe
from aiops.flow.later import Later
from aiops.flow.plan import PlanNode
from aiops.flow.registry import registry, step_for
from aiops.flow.workflows import Workflow

#: Jobs take no time here: one that is not done after so many looks never will be.
_MOST_POLLS = 1_000

#: What people answer: all the same, or by the approval's name.
Answers = bool | Mapping[str, bool | Decision]


@dataclass(frozen=True, slots=True)
class InlineResult:
    """How a run in memory ended. Results are as they would be kept: plain JSON."""

    output: Any = None
    results: Mapping[str, Any] = field(default_factory=dict)
    #: Nodes in branches that were not chosen.
    skipped: tuple[str, ...] = ()
    #: The first failure; nothing is tried twice here.
    error: ErrorRecord | None = None
    #: The node that failed, or the approval that was rejected and stopped the run.
    stopped_at: str = ""
    #: Steps taken back after the failure, in that order.
    undone: tuple[str, ...] = ()

    @property
    def succeeded(self) -> bool:
        return not self.stopped_at


def run_inline(
    workflow: Workflow,
    input: Any,
    *,
    approve: Answers = True,
    events: Mapping[str, Any] | None = None,
) -> InlineResult:
    """Run a workflow on `input`; sleeps take no time.

    approve: what people answer: True, False, or {"approval": Decision(...)}.
    events: what comes with the events waited for, by the event's name.
    A wrong input raises PermanentInput; a step that fails ends up in `error`.
    """
    run = _Run(workflow, approve, events or {})
    run.values["input"] = data.accepted_input(workflow, input)
    for node in workflow.plan.nodes:
        if not data.holds(node, run.values):
            run.skipped.append(node.name)
            continue
        try:
            run.values[node.name] = run.result_of(node)
        except Exception as error:  # as in the real runner: whatever a step raises is an outcome
            return run.ended(stopped_at=node.name, error=describe(error, node.name))
        if run.is_rejected(node):
            return run.ended(stopped_at=node.name)
    return run.ended()


@dataclass(slots=True)
class _Run:
    workflow: Workflow
    approve: Answers
    events: Mapping[str, Any]
    values: dict[str, Any] = field(default_factory=dict)
    skipped: list[str] = field(default_factory=list)

    def result_of(self, node: PlanNode) -> Any:
        match node.kind:
            case "step" | "choose":
                return self._call(node)
            case "map":
                return self._map(node)
            case "approval":
                return self._decision(node)
            case "wait_for":
                data.event_key(node, self.values)
                payload = _given(self.events, node.event, "events", node)
                return data.received_event(self.workflow, node, payload)
            case "sleep":
                return None
            case "child":
                return self._child(node)

    def is_rejected(self, node: PlanNode) -> bool:
        if node.kind != "approval" or node.on_reject == "continue":
            return False
        return not self.values[node.name]["approved"]

    def ended(self, *, stopped_at: str = "", error: ErrorRecord | None = None) -> InlineResult:
        plan = self.workflow.plan
        results = {n.name: self.values[n.name] for n in plan.nodes if n.name in self.values}
        return InlineResult(
            output=None if stopped_at else data.output(plan, self.values),
            results=results,
            skipped=tuple(self.skipped),
            error=error,
            stopped_at=stopped_at,
            undone=self._undo() if error and plan.on_failure == "undo" else (),
        )

    def _call(self, node: PlanNode, item: Any = None, index: int | None = None) -> Any:
        step = step_for(node)
        given = data.arguments(node, step, self._values_for(node, item, index))
        value = step.call(given, timeout_s=node.timeout_s)
        for _ in range(_MOST_POLLS):
            if not isinstance(value, Later):
                kept = data.result(step, value)
                demand(node, step, given, kept)
                return kept
            value = step.look(given, value.handle)
        raise RuntimeError(f"{node.name}: its job is not done after {_MOST_POLLS} looks at it")

    def _values_for(self, node: PlanNode, item: Any, index: int | None) -> dict[str, Any]:
        name = self.workflow.name
        key = f"inline:{node.name}" if index is None else f"inline:{node.name}:{index}"
        context = StepContext.sample(
            node.name, workflow=name, run_id="inline", item=index, idempotency_key=key
        )
        return {**self.values, "item": item, "context": context}

    def _map(self, node: PlanNode) -> list[Any]:
        results: list[Any] = []
        failures: list[Exception] = []
        for index, item in enumerate(data.items(node, self.values)):
            try:
                results.append(self._call(node, item, index))
            except Exception as error:  # an item that fails is counted, as in the real runner
                results.append(None)
                failures.append(error)
        if not node.tolerates(len(failures), len(results)):
            raise failures[0]
        return results

    def _decision(self, node: PlanNode) -> Any:
        answers = self.approve
        given = (
            answers if isinstance(answers, bool) else _given(answers, node.name, "approve", node)
        )
        if isinstance(given, bool):
            given = Decision(approved=given, by="inline", at=datetime.now(UTC))
        return data.decision(given)

    def _child(self, node: PlanNode) -> Any:
        child = registry.get(node.workflow)
        given = data.select(node.input, self.values)
        ended = run_inline(child, given, approve=self.approve, events=self.events)
        if ended.stopped_at:
            raise ChildStopped(node.workflow, ended)
        return ended.output

    def _undo(self) -> tuple[str, ...]:
        """Take finished steps back, the last one first."""
        undone = []
        for node in reversed(self.workflow.plan.nodes):
            if node.has_undo and node.name in self.values and node.kind == "step":
                step = step_for(node)
                given = data.arguments(node, step, self._values_for(node, None, None))
                step.take_back(given, self.values[node.name])
                undone.append(node.name)
        return tuple(undone)


class ChildStopped(Exception):
    """A workflow run by another did not come to its end."""

    def __init__(self, workflow: str, ended: InlineResult) -> None:
        why = f"{ended.error.type}: {ended.error.message}" if ended.error else "it was rejected"
        super().__init__(f"workflow {workflow!r} stopped at {ended.stopped_at!r}: {why}")
        self.ended = ended


def _given(given: Mapping[str, Any], name: str, argument: str, node: PlanNode) -> Any:
    if name not in given:
        raise KeyError(f"{node.name!r} waits: say run_inline(..., {argument}={{{name!r}: ...}})")
    return given[name]
