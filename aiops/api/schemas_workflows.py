"""The workflows that can be started."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, Field

from aiops.api.schemas_runs import StepAhead


class WorkflowListed(BaseModel):
    """A workflow in the list."""

    name: str
    version: int
    about: str
    says: str = Field(description="The user's words for the whole of it.")


class WorkflowList(BaseModel):
    workflows: list[WorkflowListed]


class WorkflowTold(WorkflowListed):
    """A workflow, with what it takes."""

    hash: str = Field(description="Equal plans have equal hashes.")
    input_schema: dict[str, Any] = Field(description="A JSON schema.")
    steps: list[StepAhead]
    deadline_h: float = Field(description="0: none of its own.")
