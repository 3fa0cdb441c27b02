"""Finds the source of each parameter by its name, and refuses types that do not fit."""

from __future__ import annotations

from typing import Any

from aiops.flow.assignable import accepts, type_name
from aiops.flow.flatten import Placed
from aiops.flow.refusals import UnknownName, WrongType, did_you_mean
from aiops.flow.scope import Scope
from aiops.flow.signature import is_context
from aiops.flow.steps import Step


def takes(step: Step, node: Placed, scope: Scope) -> dict[str, str]:
    """For each parameter of a step, where its value comes from."""
    return {name: _source(name, asked, step, node, scope) for name, asked in step.params.items()}


def takes_with_item(step: Step, node: Placed, scope: Scope, item: Any) -> dict[str, str]:
    """The same inside a `for_each`, where one parameter receives the item."""
    taker = _item_parameter(step, node, scope)
    asked = step.params[taker]
    if not accepts(asked, item):
        raise WrongType(
            f"{step.name!r} takes each item as {taker}: {type_name(asked)}, and the items of "
            f"workflow {scope.workflow!r} are {type_name(item)}: correct one of the two types",
            step.where,
        )
    others = {name: asked for name, asked in step.params.items() if name != taker}
    found = {name: _source(name, asked, step, node, scope) for name, asked in others.items()}
    return {name: "item" if name == taker else found[name] for name in step.params}


def _item_parameter(step: Step, node: Placed, scope: Scope) -> str:
    if "item" in step.params:
        return "item"
    unnamed = [
        name
        for name, asked in step.params.items()
        if not is_context(name, asked)
        and name not in scope.input_names
        and (name not in scope.all_nodes or name == node.name)
    ]
    # The input may be taken under any name by its type; what else is left over is the item.
    left_over = [name for name in unnamed if step.params[name] is not scope.input] or unnamed
    if len(left_over) == 1:
        return left_over[0]
    could = (
        f"{' and '.join(map(repr, left_over))} could" if left_over else "no parameter is left to"
    )
    raise UnknownName(
        f"{step.name!r} runs once for each item in workflow {scope.workflow!r}, and {could} take "
        "it: name one parameter 'item'",
        step.where,
    )


def _source(name: str, asked: Any, step: Step, node: Placed, scope: Scope) -> str:
    if is_context(name, asked):
        return "context"
    if name in scope.all_nodes and name != node.name:
        scope.check_before(name, node, step.where)
        _check_type(name, asked, name, scope.result_of(name, node), step, scope)
        return name
    if name in scope.input_names:
        _check_type(name, asked, "input", scope.input, step, scope)
        return "input"
    if asked is scope.input:
        return "input"
    raise UnknownName(
        f"{step.name!r} has the parameter {name!r}, and workflow {scope.workflow!r} has nothing of "
        f"that name before it; {did_you_mean(name, scope.names(node))}",
        step.where,
    )


def _check_type(name: str, asked: Any, source: str, given: Any, step: Step, scope: Scope) -> None:
    if accepts(asked, given):
        return
    hint = "correct one of the two types"
    if source != "input" and accepts(asked, scope.types[source]):
        hint = f"{source!r} is in a branch that may be skipped, so say {name}: {type_name(given)}"
    raise WrongType(
        f"{step.name!r} takes {name}: {type_name(asked)}, and {source!r} gives {type_name(given)} "
        f"in workflow {scope.workflow!r}: {hint}",
        step.where,
    )
