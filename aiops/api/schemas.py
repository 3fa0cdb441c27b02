"""What all answers are made of: problems, the user's view, verdicts, links."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

RUN_ID = "0199a6f2-7c1e-7bd0-9a54-3f1f6f0f2c11"

State = Literal[
    "queued",
    "running",
    "retrying",
    "waiting",
    "attention",
    "failed",
    "cancelling",
    "cancelled",
    "succeeded",
    "partial",
]


def example(**told: Any) -> ConfigDict:
    """The configuration of a request's body: nothing unknown, and one example."""
    return ConfigDict(extra="forbid", json_schema_extra={"examples": [told]})


class ProblemTold(BaseModel):
    """What is wrong with a request, and what to do (RFC 9457)."""

    model_config = ConfigDict(
        title="Problem",
        extra="allow",
        json_schema_extra={
            "examples": [
                {
                    "type": "/api/v1/problems#not-found",
                    "title": "There is nothing here",
                    "status": 404,
                    "detail": f"There is no run {RUN_ID} for this key.",
                    "instance": f"/api/v1/runs/{RUN_ID}",
                    "code": "not-found",
                }
            ]
        },
    )

    type: str = Field(description="Where this kind of problem is explained.")
    title: str
    status: int
    detail: str = Field(description="What is wrong with this request, and what to do.")
    instance: str
    code: str = Field(description="A short word that never changes.")


class Part(BaseModel):
    """A part of the work, in the user's words."""

    says: str
    place: str = Field(description="done, now, next, left_out or stopped")


class UserReads(BaseModel):
    """What the user reads."""

    # Words are only ever added; what this document does not know yet is passed on.
    model_config = ConfigDict(extra="allow")

    state: State
    headline: str
    sentence: str
    progress: float = Field(ge=0, le=1)
    is_cancellable: bool
    parts: list[Part]


class UserView(UserReads):
    """What the user sees of a run: the same on the page, in the stream and in webhooks."""

    run_id: str
    title: str
    version: int = Field(description="Grows with every change of the run.")
    is_final: bool = Field(description="Whether it is over: nothing changes any more by itself.")


class Verdict(BaseModel):
    """May it be retried: the key for programs, the word for a chip, the sentence for a person."""

    key: str = Field(
        description="safe, keyed, fix, check, unsafe, decide, wait, live, blocked, done"
    )
    word: str
    sentence: str


class Price(BaseModel):
    """What a retry would cost, and the finished work that it keeps. null is unknown, never 0."""

    cost_microusd: int | None
    runs_again: int
    keeps_steps: int
    keeps_items: int
    keeps_cost_microusd: int | None


class Links(BaseModel):
    """Where a run is found."""

    run: str = Field(description="The five answers about it (scope read).")
    status: str = Field(description="What the user sees of it, as JSON.")
    stream: str = Field(description="The same as server-sent events.")
    page: str = Field(description="The page for the user; it opens without a key, for 30 days.")
