"""A workflow: its definition, and the plan that was made of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import BaseModel

from aiops.flow.nodes import Node
from aiops.flow.plan import Plan
from aiops.flow.where import Where


@dataclass(frozen=True, eq=False)
class Workflow:
    """What `workflow(...)` returns: declared, checked, and known by its name."""

    name: str
    version: int
    input: type[BaseModel]
    flow: Node = field(repr=False)
    plan: Plan = field(repr=False)
    #: The type of each node's result, None included where its branch may be skipped.
    types: Mapping[str, Any] = field(repr=False)
    where: Where

    @property
    def output(self) -> Any:
        """The type of a run's output."""
        names = self.plan.output
        return self.types[names[0]] if len(names) == 1 else dict[str, Any]
