"""A person's verbs: what is sent, the plan that is told, and what was done."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from pydantic import BaseModel, Field, StrictBool, StringConstraints

from aiops.api.schemas import State, UserReads, Verdict, example
from aiops.api.texts import Name, Reason

#: The fingerprint of a plan.
Version = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{32}$")]

_VERSION = Field(
    None,
    description="The version of the plan that you looked at: refused when the run has moved since.",
)
_WHY = Field("", description="Why: it is kept with the run.")


class Cancel(BaseModel):
    """Stopping a run."""

    model_config = example(reason="The order was cancelled.")

    reason: Reason = _WHY
    now: StrictBool = Field(
        False, description="Take running steps away at once, instead of asking them to stop."
    )
    version: Version | None = _VERSION


class RetryWanted(BaseModel):
    """Running what has failed again: all of it, one step, or everything from a step on."""

    model_config = example(reason="The provider is back.")

    reason: Reason = _WHY
    step: Name | None = Field(None, description="Only this step that has failed.")
    from_step: Name | None = Field(None, description="This step and everything after it.")
    version: Version | None = _VERSION


class Skip(BaseModel):
    """Leaving a step out."""

    model_config = example(reason="The attachment is not needed.")

    reason: Reason
    version: Version | None = _VERSION


class Supply(BaseModel):
    """Giving a step's result by hand."""

    model_config = example(result="delivered by hand", reason="The customer was called.")

    result: Any = Field(description="It must be of the type that the step returns.")
    reason: Reason
    version: Version | None = _VERSION


class AgainTold(BaseModel):
    """A step that runs again, and whether it may."""

    step: str
    items: int = Field(description="Of a map: how many of its items run again.")
    verdict: Verdict


class StoppedTold(BaseModel):
    step: str
    word: str


class PlanTold(BaseModel):
    """What a verb does: the same plan that the console shows before a click."""

    verb: str
    step: str | None
    title: str
    is_possible: bool
    refused: str = Field(description="Why it cannot be done, and what to do instead.")
    must_look: str = Field(
        description="What somebody must have looked at first; only the console takes their word."
    )
    needs_reason: bool
    runs_again: list[AgainTold]
    stopped: list[StoppedTold]
    kept: list[str]
    already_sent: list[str] = Field(description="What has gone out and is not undone.")
    notes: list[str]
    lasts_s: float | None
    cost_microusd: int | None = Field(description="null is unknown, never 0.")
    user_reads: UserReads | None
    version: str


class Done(BaseModel):
    """What was done, or what would be (dry run)."""

    run_id: UUID
    verb: str
    is_done: bool = Field(description="False for a dry run, and where there was nothing to do.")
    state: State = Field(description="The state of the run now.")
    plan: PlanTold
