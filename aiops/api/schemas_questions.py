"""Questions that only a person can answer: what is told of them, and what an answer is."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from pydantic import BaseModel, Field, StringConstraints

from aiops.api.schemas import RUN_ID, State, example
from aiops.api.texts import Note

Hash = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
Choice = Annotated[str, StringConstraints(pattern=r"^[a-z_]{1,20}$")]


class Question(BaseModel):
    """An open question."""

    id: UUID
    run_id: UUID
    run_title: str
    workflow: str
    tenant: str
    step: str = Field(description="Empty for a question about the run as a whole.")
    item: int | None
    kind: str
    question: str
    answers: list[str] = Field(description="What this key may answer.")
    severity: str
    owner: str
    group: str
    people: int = Field(description="How many different people must approve.")
    approved_by: list[str]
    opened_at: datetime
    due_at: datetime | None
    is_overdue: bool
    if_nobody: str = Field(description="What happens when nobody answers in time.")
    has_content: bool = Field(description="Whether it shows something to who decides.")
    shown_hash: str = Field(description="Send it with the answer: it binds it to what was seen.")


class QuestionShown(Question):
    """A question with what it shows."""

    shows: Any = Field(description="null without the scope content.")


class QuestionPage(BaseModel):
    """The oldest questions first."""

    questions: list[Question]
    next: str | None = Field(description="The cursor of the page that follows; null at the end.")


class Answer(BaseModel):
    """An answer to a question."""

    model_config = example(answer="approve", note="Checked with the customer.")

    answer: Choice = Field(description="One of the question's `answers`.")
    note: Note = Field("", description="It is kept with the run; some answers need one.")
    result: Any = Field(None, description='For "supply" and "it_happened": the step\'s result.')
    shown_hash: Hash | None = Field(
        None, description="That of what was seen: an answer to something else is refused."
    )


class Answered(BaseModel):
    """What became of an answer."""

    question_id: UUID = Field(examples=[RUN_ID])
    run_id: UUID
    answer: str
    is_open: bool = Field(description="Whether more people must approve.")
    state: State = Field(description="The state of the run now.")
