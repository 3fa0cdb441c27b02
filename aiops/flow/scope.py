"""What a node can see from its place: the run's input, and what has finished before it."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, get_args, get_origin, get_type_hints, is_typeddict

from pydantic import BaseModel

from aiops.flow.assignable import type_name, with_none, without_none
from aiops.flow.flatten import Placed
from aiops.flow.names import snake_case
from aiops.flow.refusals import BadNode, NotFinishedYet, UnknownName, did_you_mean
from aiops.flow.where import Where


@dataclass
class Scope:
    """The names of one workflow; grows node by node, in the order of the plan."""

    workflow: str
    input: type[BaseModel]
    #: Every node of the flow, so that one that comes too late is told from one that is not there.
    all_nodes: Mapping[str, Placed]
    types: dict[str, Any] = field(default_factory=dict)
    _before: dict[str, frozenset[str]] = field(default_factory=dict)

    @property
    def input_names(self) -> tuple[str, str]:
        return "input", snake_case(self.input.__name__)

    def add(self, node: Placed, result: Any) -> None:
        """Make a node's result known to those that come after it."""
        self.types[node.name] = result
        self._before[node.name] = self.before(node)

    def before(self, node: Placed) -> frozenset[str]:
        """All nodes that are finished for certain when this one begins."""
        return frozenset(node.needs).union(*(self._before[need] for need in node.needs))

    def names(self, node: Placed) -> list[str]:
        """What a parameter at this node may be named after."""
        earlier = [name for name in self.types if name in self.before(node)]
        return [*earlier, *self.input_names, "context"]

    def result_of(self, name: str, node: Placed) -> Any:
        """The type of an earlier result; None is in it where its branch may be skipped."""
        certain = set(self.all_nodes[name].when) <= set(node.when)
        return self.types[name] if certain else with_none(self.types[name])

    def check_before(self, name: str, node: Placed, where: Where) -> None:
        """Refuse a name that is a node, but not one that has finished before `node`."""
        if name not in self.before(node):
            raise NotFinishedYet(
                f"{node.name!r} takes {name!r}, which may not have finished before it in workflow "
                f"{self.workflow!r}: put {name!r} before {node.name!r} in a series",
                where,
            )

    def type_at(self, path: str, node: Placed, where: Where) -> Any:
        """The type of a source such as "input.tickets" or "listing.rows"."""
        name, *parts = path.split(".")
        if name == "input":
            found: Any = self.input
        elif name in self.all_nodes and name != node.name:
            self.check_before(name, node, where)
            found = self.result_of(name, node)
        else:
            raise UnknownName(
                f"{node.name!r} takes its data from {path!r}, and {name!r} is no earlier node of "
                f"workflow {self.workflow!r}; {did_you_mean(name, self.names(node))}",
                where,
            )
        for part in parts:
            found = _part_of(found, part, path, node, where)
        return found


def _part_of(annotation: Any, part: str, path: str, node: Placed, where: Where) -> Any:
    """The type of one field of a model, a dataclass or a dict."""
    if annotation is Any:
        return Any
    plain = without_none(annotation)
    if plain is not annotation:
        raise BadNode(
            f"{node.name!r} takes its data from {path!r}, and what comes before {part!r} may be "
            f"None ({type_name(annotation)}): take it in a step that returns what is needed",
            where,
        )
    fields = _fields(plain)
    if fields is None:
        raise BadNode(
            f"{node.name!r} takes its data from {path!r}, and {type_name(plain)} has no fields",
            where,
        )
    if part in fields or ANY_KEY in fields:
        return fields.get(part, fields.get(ANY_KEY))
    raise UnknownName(
        f"{node.name!r} takes its data from {path!r}, and {type_name(plain)} has no {part!r}; "
        f"{did_you_mean(part, fields)}",
        where,
    )


#: Stands for every key of a plain dict.
ANY_KEY = "*"


def _fields(annotation: Any) -> dict[str, Any] | None:
    """The fields of a type and their types; None when it has none."""
    origin = get_origin(annotation) or annotation
    if isinstance(origin, type) and issubclass(origin, BaseModel):
        return {name: info.annotation for name, info in origin.model_fields.items()}
    if is_typeddict(origin) or dataclasses.is_dataclass(origin):
        return get_type_hints(origin)
    if isinstance(origin, type) and issubclass(origin, Mapping):
        arguments = get_args(annotation)
        return {ANY_KEY: arguments[1] if len(arguments) == 2 else Any}
    return None
