"""What a flow is made of, as the author wrote it. The functions that make these check first."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, Protocol, TypeAlias

from pydantic import BaseModel

from aiops.flow.steps import Step
from aiops.flow.where import Where


class Child(Protocol):
    """A declared workflow, as one that runs it sees it."""

    @property
    def name(self) -> str: ...

    @property
    def input(self) -> type[BaseModel]: ...

    @property
    def output(self) -> Any: ...


@dataclass(frozen=True, eq=False)
class Series:
    """One after the other."""

    nodes: tuple[Node, ...]
    where: Where


@dataclass(frozen=True, eq=False)
class Parallel:
    """All at once; what follows waits for all of them."""

    nodes: tuple[Node, ...]
    where: Where


@dataclass(frozen=True, eq=False)
class ForEach:
    """One step, once for each item of a list."""

    items: Source
    do: Step
    max_parallel: int
    tolerate: float
    where: Where


@dataclass(frozen=True, eq=False)
class Approval:
    """A person says yes or no."""

    question: str
    shows: tuple[Source, ...]
    due_h: float
    if_nobody: Literal["wait", "approve", "reject"]
    on_reject: Literal["stop", "continue"]
    #: How many different people must approve, and whether one of them may have started the run.
    people: int
    not_by_starter: bool
    group: str
    severity: str
    name: str | None
    #: What the user reads meanwhile.
    says: str
    where: Where


@dataclass(frozen=True, eq=False)
class WaitFor:
    """Something happens outside, and tells us."""

    event: str
    match: str
    gives: Any
    timeout_h: float
    name: str | None
    #: What the user reads meanwhile.
    says: str
    where: Where


@dataclass(frozen=True, eq=False)
class Sleep:
    """Time passes; nothing is held meanwhile."""

    sleep_s: float
    name: str | None
    #: What the user reads meanwhile.
    says: str
    where: Where


@dataclass(frozen=True, eq=False)
class Choose:
    """One of several branches."""

    by: Step
    branches: Mapping[str, Node | None]
    name: str | None
    where: Where


@dataclass(frozen=True, eq=False)
class RunWorkflow:
    """Another workflow, as one step of this."""

    child: Child | str
    input: Source
    name: str | None
    #: What the user reads meanwhile.
    says: str
    where: Where


Node: TypeAlias = (
    Step | Series | Parallel | ForEach | Approval | WaitFor | Sleep | Choose | RunWorkflow
)
#: Where data comes from: "input", "input.tickets", "listing.rows", or the node itself.
Source: TypeAlias = str | Node
