"""What became of events that were sent."""

from __future__ import annotations

from typing import Any, Literal
from uuid import UUID

from pydantic import BaseModel, Field


class TriggerError(BaseModel):
    """Why a trigger started nothing."""

    trigger: str
    message: str


class Taken(BaseModel):
    """An event that is kept, whatever came of it."""

    place: int | None = Field(default=None, description="Its place in a batch, from 0.")
    id: str = Field(description="The sender's id of it.")
    source: str
    event_id: UUID = Field(description="Ours.")
    is_new: bool = Field(description="False: it was known already, and nothing was done.")
    outcome: Literal["kept", "woke", "started", "failed", "duplicate"]
    became: Literal["kept", "woke", "started", "failed"] = Field(
        description="What became of it; of a duplicate, what became of the first."
    )
    run_ids: list[UUID]
    started: list[UUID]
    woke: list[UUID]
    duplicates: int = Field(description="How often it has come again.")
    errors: list[TriggerError]
    told: str


class Refused(BaseModel):
    """An event of a batch that was not taken; the others were."""

    place: int
    id: Any = Field(default=None, description="What was sent as its id.")
    outcome: Literal["refused"]
    problem: dict[str, Any]
