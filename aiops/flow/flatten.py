"""Unrolls the tree an author wrote into nodes with names, predecessors and branches."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from aiops.flow.names import as_name
from aiops.flow.nodes import (
    Approval,
    Choose,
    ForEach,
    Node,
    Parallel,
    RunWorkflow,
    Series,
    Sleep,
    WaitFor,
)
from aiops.flow.refusals import DuplicateName
from aiops.flow.steps import Step
from aiops.flow.where import Where

Leaf = Step | ForEach | Approval | WaitFor | Sleep | Choose | RunWorkflow
Names = tuple[str, ...]
When = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Placed:
    """A node at its place in the flow."""

    leaf: Leaf
    name: str
    needs: Names
    when: When

    @property
    def where(self) -> Where:
        return self.leaf.where


@dataclass(frozen=True, slots=True)
class Flat:
    """A whole flow: its nodes in the order of the document, and the last ones."""

    placed: tuple[Placed, ...]
    exits: Names


def flatten(flow: Node, workflow: str) -> Flat:
    """Give each node its name, and what must be finished before it."""
    names = _Names(workflow, flow)
    placed: list[Placed] = []
    exits = _place(flow, (), (), names, placed)
    return Flat(tuple(placed), exits)


def _place(node: Node, after: Names, when: When, names: _Names, placed: list[Placed]) -> Names:
    """Append a node and all inside it; returns the names that what follows must wait for."""
    match node:
        case Series():
            for part in node.nodes:
                after = _place(part, after, when, names, placed)
            return after
        case Parallel():
            ends = [_place(part, after, when, names, placed) for part in node.nodes]
            return _union(ends)
        case _:
            name = names.take(node)
            placed.append(Placed(node, name, after, when))
            if isinstance(node, Choose):
                return _place_branches(node, name, when, names, placed)
            return (name,)


def _place_branches(
    node: Choose, name: str, when: When, names: _Names, placed: list[Placed]
) -> Names:
    """An empty branch ends where the choice was made."""
    ends: list[Names] = []
    for key, branch in node.branches.items():
        inside = (*when, (name, key))
        ends.append(_place(branch, (name,), inside, names, placed) if branch else (name,))
    return _union(ends)


def _union(ends: list[Names]) -> Names:
    return tuple(dict.fromkeys(name for names in ends for name in names))


class _Names:
    """Hands out the names of one workflow, each once."""

    def __init__(self, workflow: str, flow: Node) -> None:
        self._workflow = workflow
        self._given = {name for leaf in _leaves(flow) if (name := _own_name(leaf))}
        self._taken: dict[str, Where] = {}

    def take(self, leaf: Leaf) -> str:
        name = _own_name(leaf) or self._free(_default_name(leaf))
        if name in self._taken:
            raise DuplicateName(
                f"workflow {self._workflow!r} has two nodes named {name!r} (the other: "
                f"{self._taken[name]}): {_cure(leaf)}",
                leaf.where,
            )
        self._taken[name] = leaf.where
        return name

    def _free(self, base: str) -> str:
        """The base, or base_2, base_3, ..."""
        name, number = base, 1
        while name in self._taken or name in self._given:
            number += 1
            name = f"{base}_{number}"
        return name


def _leaves(node: Node) -> Iterator[Leaf]:
    match node:
        case Series() | Parallel():
            for part in node.nodes:
                yield from _leaves(part)
        case Choose():
            yield node
            for branch in node.branches.values():
                if branch is not None:
                    yield from _leaves(branch)
        case _:
            yield node


def _own_name(leaf: Leaf) -> str | None:
    """The name the author gave; a map is named after the step it repeats."""
    match leaf:
        case ForEach():
            return leaf.do.name
        case _:
            return leaf.name


def _default_name(leaf: Leaf) -> str:
    match leaf:
        case Approval():
            return "approval"
        case Sleep():
            return "sleep"
        case WaitFor():
            return as_name(leaf.event)
        case Choose():
            return leaf.by.name
        case RunWorkflow():
            return leaf.child if isinstance(leaf.child, str) else leaf.child.name
        case _:
            raise AssertionError(f"{leaf!r} has a name of its own")


def _cure(leaf: Leaf) -> str:
    if isinstance(leaf, Step | ForEach):
        return "use a step once per workflow; for a second use write a second step"
    return "give one of them another name="
