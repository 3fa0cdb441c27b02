"""The five answers about a run, as the API's document describes them."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from pydantic import BaseModel, Field

from aiops.api.schemas import Price, State, UserReads, Verdict


class Held(BaseModel):
    """The pause of a pool or a workflow that keeps a run from going on."""

    what: str
    name: str
    by: str
    reason: str
    at: str


class Wait(BaseModel):
    """The live reason of an unfinished step."""

    step: str
    state: str
    word: str
    waits_for: str
    since: datetime
    until: datetime | None
    is_overdue: bool
    worker: str
    child: UUID | None
    held: Held | None
    items: dict[str, int] = Field(description="Only of a map: its items by state.", default={})


class Standing(BaseModel):
    """Answer 1: where it stands, and what it waits for, since when, until when at the latest."""

    key: State
    word: str
    reason: str
    since: datetime
    until: datetime | None
    is_ended: bool
    paused_at: datetime | None
    held: Held | None
    cancel_requested_at: datetime | None
    deadline_at: datetime | None
    behind: UUID | None
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    waits: list[Wait]


class Success(BaseModel):
    name: str
    state: str
    at: datetime | None
    took_s: float | None
    attempts: int
    cost_microusd: int | None
    items: dict[str, int] = Field(description="Only of a map: its items by state.", default={})


class Successes(BaseModel):
    """Answer 2: what is finished for good, and what it cost."""

    steps_done: int
    steps_total: int
    cost_microusd: int | None
    steps: list[Success]


class Error(BaseModel):
    word: str
    type: str
    message: str
    code: str
    fingerprint: str


class OpenStep(BaseModel):
    name: str
    state: str
    verdict: Verdict
    price: Price
    error: Error | None
    attempts: int
    cost_microusd: int | None


class FailedItem(BaseModel):
    name: str
    item: int
    state: str
    verdict: Verdict
    attempts: int
    error: Error | None


class Retryable(BaseModel):
    """Answer 3: what can be retried safely, why, and what it would cost."""

    is_possible: bool
    why_not: str
    verdict: Verdict
    price: Price
    steps: list[OpenStep]
    failed_items: list[FailedItem]
    failed_items_total: int


class OpenQuestion(BaseModel):
    id: UUID
    kind: str
    question: str
    answers: list[str]
    owner: str
    step: str
    item: int | None
    opened_at: datetime
    due_at: datetime | None
    is_overdue: bool
    if_nobody: str


class Person(BaseModel):
    """Answer 4: what needs a person, who has it, and by when."""

    total: int
    questions: list[OpenQuestion]


class FiveAnswers(BaseModel):
    """The five answers about a run."""

    run_id: UUID
    workflow: str
    workflow_version: int
    title: str
    tenant: str
    key: str | None
    started_by: str
    version: int
    asked_at: datetime
    state: Standing
    succeeded: Successes
    retry: Retryable
    person: Person
    user: UserReads
