"""Data at the borders of steps: what goes in and what comes out, checked against the types."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from pydantic import TypeAdapter, ValidationError
from pydantic_core import PydanticSerializationError

from aiops.flow.answers import Decision
from aiops.flow.errors import BadOutput, PermanentInput
from aiops.flow.plan import Plan, PlanNode
from aiops.flow.steps import Step
from aiops.flow.workflows import Workflow

_DECISION = TypeAdapter(Decision)
_MISSING = object()


def accepted_input(workflow: Workflow, value: Any) -> Any:
    """Check what a run is started with, and make it JSON-able; PermanentInput when it is wrong."""
    return _received(f"the input of {workflow.name!r}", workflow.input, value)


def received_event(workflow: Workflow, node: PlanNode, payload: Any) -> Any:
    """Check what came with an event against the `gives` of its wait."""
    return _received(f"the event {node.event!r}", workflow.types[node.name], payload)


def decision(value: Decision | Mapping[str, Any]) -> Any:
    """Make a person's decision JSON-able."""
    return _DECISION.dump_python(_DECISION.validate_python(value), mode="json")


def arguments(node: PlanNode, step: Step, values: Mapping[str, Any]) -> dict[str, Any]:
    """Build the arguments of a step.

    `values` holds JSON-able data under "input", "item" and the names of earlier nodes, and the
    StepContext under "context". A node that was skipped has no value, and is None here.
    """
    readers = step.readers
    given: dict[str, Any] = {}
    for name, source in node.takes.items():
        if source == "context":
            given[name] = values["context"]
            continue
        try:
            # JSON has no dates and no tuples, so a strict model would refuse its own dump.
            given[name] = readers[name].validate_python(
                values.get(source), strict=False, by_alias=True, by_name=True
            )
        except (ValidationError, KeyError) as error:
            raise PermanentInput(_unfit(node, name, source, error)) from error
    return given


def result(step: Step, value: Any) -> Any:
    """Check a step's result and make it JSON-able; BadOutput when it is not what was announced."""
    try:
        kept = step.validate_result(value)
    except ValidationError as error:
        raise BadOutput(f"the result of {step.name!r} is not right: {_problems(error)}") from error
    except PydanticSerializationError as error:
        raise BadOutput(f"the result of {step.name!r} cannot be kept: {error}") from error
    refuse_unkeepable(step.name, kept)
    return kept


def supplied(step: Step, value: Any) -> Any:
    """Check a result that a person gives by hand, as strictly; BadOutput when it does not fit."""
    try:
        return result(step, step.read_result(value))
    except ValidationError as error:
        raise BadOutput(f"it is no result of {step.name!r}: {_problems(error)}") from error


def select(path: str, values: Mapping[str, Any]) -> Any:
    """Follow a source such as "input", "listing" or "listing.rows"."""
    name, *parts = path.split(".")
    found = values.get(name)
    for part in parts:
        found = found.get(part, _MISSING) if isinstance(found, Mapping) else _MISSING
        if found is _MISSING:
            raise PermanentInput(f"{path!r} has no {part!r}: correct the source, or the data")
    return found


def items(node: PlanNode, values: Mapping[str, Any]) -> list[Any]:
    """The items of a map, as a list."""
    found = select(node.items, values)
    if not isinstance(found, list):
        given = type(found).__name__
        raise PermanentInput(f"{node.name!r} needs a list at {node.items!r}, and got {given}")
    return found


def event_key(node: PlanNode, values: Mapping[str, Any]) -> str:
    """What tells this run's event from the same event of others."""
    found = select(node.match, values)
    if isinstance(found, dict | list) or found is None or found == "":
        raise PermanentInput(f"{node.match!r} must be a text or a number to match {node.event!r}")
    return str(found)


def holds(node: PlanNode, values: Mapping[str, Any]) -> bool:
    """Whether the branches chosen so far lead to this node; otherwise it is skipped."""
    return all(values.get(choice) == key for choice, key in node.when)


def output(plan: Plan, values: Mapping[str, Any]) -> Any:
    """A run's output: the result of its last node, or a dict where several are last."""
    if len(plan.output) == 1:
        return values.get(plan.output[0])
    return {name: values.get(name) for name in plan.output}


def _received(what: str, annotation: Any, value: Any) -> Any:
    """Check data from outside by JSON's rules, also where a Python caller hands in objects."""
    adapter = _adapter(annotation)
    try:
        checked = adapter.validate_python(value, by_alias=True, by_name=True)
    except ValidationError:
        checked = _from_json(what, adapter, value)
    kept = adapter.dump_python(checked, mode="json", by_alias=False, round_trip=True)
    try:
        refuse_unkeepable(what, kept)
    except BadOutput as error:
        raise PermanentInput(error.message) from None
    return kept


@lru_cache(maxsize=512)
def _adapter(annotation: Any) -> TypeAdapter[Any]:
    return TypeAdapter(annotation)


def _from_json(what: str, adapter: TypeAdapter[Any], value: Any) -> Any:
    try:
        return adapter.validate_json(json.dumps(value, default=str), by_alias=True, by_name=True)
    except ValidationError as error:
        raise PermanentInput(f"{what} is not right: {_problems(error)}") from error
    except (TypeError, ValueError) as error:
        raise PermanentInput(f"{what} cannot be read as JSON: {error}") from error


def _unfit(node: PlanNode, name: str, source: str, error: ValidationError | KeyError) -> str:
    if isinstance(error, KeyError):
        return f"{node.name!r} has no parameter {name!r} any more: put it back, or start a new run"
    return f"{node.name!r} cannot take {source!r} as its parameter {name!r}: {_problems(error)}"


def _problems(error: ValidationError) -> str:
    """Name each problem by its place, without the data itself (it may be private)."""
    found = [
        f"{'.'.join(str(part) for part in problem['loc']) or 'value'}: {problem['msg']}"
        for problem in error.errors(include_url=False, include_input=False, include_context=False)
    ]
    more = f" (and {len(found) - 5} more)" if len(found) > 5 else ""
    return "; ".join(found[:5]) + more


def refuse_unkeepable(what: str, kept: Any) -> None:
    """PostgreSQL's JSON has no NaN, no infinity, no NUL and no half characters."""
    try:
        text = json.dumps(kept, allow_nan=False, ensure_ascii=False)
        text.encode()
    except ValueError as error:
        raise BadOutput(f"{what!r} gave what cannot be kept ({error}): clean it first") from None
    if "\\u0000" in text and _has_nul(kept):
        raise BadOutput(f'{what!r} gave a text with a NUL character: remove it ("\\x00") first')


def depth(value: Any) -> int:
    """How deep lists and objects lie in each other; 0 for a plain value."""
    deepest, waiting = 0, [(value, 0)]
    while waiting:
        one, above = waiting.pop()
        if isinstance(one, dict | list):
            deepest = max(deepest, above + 1)
            inner = one.values() if isinstance(one, dict) else one
            waiting += [(part, above + 1) for part in inner]
    return deepest


def _has_nul(kept: Any) -> bool:
    match kept:
        case str():
            return "\x00" in kept
        case dict():
            return any(_has_nul(key) or _has_nul(value) for key, value in kept.items())
        case list():
            return any(_has_nul(value) for value in kept)
        case _:
            return False
