"""What goes to a model and what comes back, as plain data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol, TypedDict

from pydantic import BaseModel


class Message(TypedDict):
    """One turn of a conversation, oldest first; the last one is the user's."""

    role: Literal["user", "assistant"]
    content: str


class Listener(Protocol):
    """Who follows an answer while it is written; a step's context is one."""

    def partial(self, text: str) -> None:
        """Show all that is there so far."""

    def is_cancelled(self) -> bool:
        """Whether nobody wants the rest any more."""


@dataclass(frozen=True, slots=True)
class Question:
    """One request, whole: nothing is added to it on the way."""

    conversation: Sequence[Message]
    system: str
    #: The class whose JSON schema the answer must fit; None for plain text.
    output: type[BaseModel] | None
    max_tokens: int
    temperature: float
    #: For everything: connecting, waiting, reading.
    timeout_s: float


@dataclass(frozen=True, slots=True)
class RawAnswer:
    """An answer as it came, before the port judges it."""

    text: str
    model: str
    tokens_in: int
    tokens_out: int
    #: The provider's own word; empty when it said none.
    finish_reason: str
    seconds: float
    request_id: str
    #: What a reader of this model's answers must know; empty for most.
    caveat: str = ""
    #: Parts of `tokens_in` and `tokens_out`.
    tokens_cached: int = 0
    tokens_reasoning: int = 0
    #: What it cost, where the provider says so itself.
    cost_microusd: int | None = None


@dataclass(frozen=True, slots=True)
class RawVectors:
    """Vectors as they came, one for each text."""

    vectors: list[list[float]]
    model: str
    tokens_in: int
    seconds: float
    request_id: str
    #: What it cost, where the provider says so itself.
    cost_microusd: int | None = None
