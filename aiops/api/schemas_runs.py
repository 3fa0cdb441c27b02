"""Starting runs and listing them: what is sent and what is answered."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, StrictBool, StrictInt, StringConstraints

from aiops.access.run_token import DAYS
from aiops.api.schemas import Links, State, example
from aiops.api.texts import NO_NUL, Key, MailAddress, Moment, Name
from aiops.execution.start import IfExists
from aiops.models import Priority

Title = Annotated[str, StringConstraints(max_length=200, pattern=NO_NUL)]


class Start(BaseModel):
    """What a run is started with."""

    model_config = example(
        workflow="support_reply",
        input={"sender": "ada@example.org", "subject": "Hello", "body": "Where is my order?"},
        key="ticket-4711",
        title="Reply to ticket 4711",
    )

    workflow: Name
    input: dict[str, Any] = Field(description="As the workflow's input schema says.")
    key: Key | None = Field(
        None, description="Your name for this piece of work: one key is one run."
    )
    tenant: Name | None = Field(None, description="Only for a key that serves every tenant.")
    title: Title = Field("", description="What the user reads above the status.")
    priority: Priority = Priority.INTERACTIVE
    deadline_at: Moment | None = Field(
        None, description="It is stopped when it is not done by then."
    )
    metadata: dict[str, Any] = Field(default_factory=dict)
    if_exists: IfExists = Field("return", description="What a second start of the same key does.")
    notify_email: MailAddress | None = Field(
        None, description="Promise to write to this address when the run is done."
    )
    dry_run: StrictBool = Field(
        False, description="Only tell what would happen. Nothing is written."
    )


class Started(BaseModel):
    """A run that was accepted, or that its key had already."""

    run_id: UUID
    is_new: bool
    links: Links


class StepAhead(BaseModel):
    """A step of the plan that a run would begin with."""

    name: str
    kind: str
    says: str = Field(description="The user's words for it; empty for a step that is not shown.")
    needs: list[str] = Field(description="The steps that must be finished before it.")
    effect: str = Field(description="What repeating it may do: pure, idempotent or once.")


class Usual(BaseModel):
    """How your runs of this workflow went lately. null is unknown, never 0."""

    runs: int = Field(description="How many were looked at.")
    lasts_s: float | None
    cost_microusd: int | None


class WouldStart(BaseModel):
    """What a start would do."""

    dry_run: Literal[True]
    would: Literal["start", "return", "replace", "queue"]
    run_id: UUID | None = Field(description="The run that the key has already.")
    workflow: str
    workflow_version: int
    steps: list[StepAhead]
    usual: Usual


class Token(BaseModel):
    """What a token of a run is to allow, and for how long."""

    model_config = example(allows=["see"], lasts_s=86_400)

    allows: list[Literal["see", "cancel"]] = Field(["see"], min_length=1, max_length=2)
    lasts_s: StrictInt = Field(DAYS * 86_400, ge=60, le=DAYS * 86_400)


class TokenMade(BaseModel):
    """A token of one run, for a browser. Whoever has it sees the run's status."""

    token: str
    allows: list[str]
    expires_at: datetime
    links: Links


class ListedRun(BaseModel):
    """A run in a list."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID
    workflow: str
    tenant: str
    key: str | None
    title: str
    priority: str
    state: State
    reason: str
    since: datetime
    started_by: str
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    deadline_at: datetime | None


class RunPage(BaseModel):
    """The newest runs first."""

    runs: list[ListedRun]
    next: str | None = Field(description="The cursor of the page that follows; null at the end.")


class EventTold(BaseModel):
    """A fact about a run. What runs are about is left out."""

    id: int
    kind: str
    at: datetime
    actor: str = Field(description="Who did it; empty for the engine itself.")
    step: str | None = Field(description='Such as "send", or "fetch[3]" for an item of a map.')
    data: dict[str, Any]


class EventPage(BaseModel):
    """The earliest events first."""

    events: list[EventTold]
    next: str = Field(description="The cursor from which later events are read; always there.")
    has_more: bool


class Result(BaseModel):
    """What a run has produced."""

    run_id: UUID
    state: State
    result: Any
