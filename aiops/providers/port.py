"""The port: the two calls a step makes to a model. One call is one request, recorded or failed, never retried here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Generic, TypeVar, overload

from pydantic import BaseModel, ValidationError

from aiops.flow.caller import caller
from aiops.flow.errors import BadOutput
from aiops.providers.calling import call
from aiops.providers.exchange import Listener, Message, Question, RawAnswer, RawVectors
from aiops.providers.prompt import Prompt, template_of
from aiops.providers.routes import Way, travel

if TYPE_CHECKING:
    from aiops.providers.models import Address
    from aiops.providers.session import Session

__all__ = ["Answer", "Message", "Prompt", "complete", "embed"]

T = TypeVar("T", bound=BaseModel)
Value = TypeVar("Value")


@dataclass(frozen=True, slots=True)
class Answer(Generic[Value]):
    """What a model answered, and what it used."""

    text: str
    #: The validated object when `output` was given, else None.
    value: Value
    #: The name of the model that really answered, as the provider gave it.
    model: str
    tokens_in: int
    tokens_out: int
    #: The provider's own word: "stop", or "length" for a text that was cut at max_tokens.
    finish_reason: str
    seconds: float
    #: The provider's id of the answer, for questions to its support.
    request_id: str
    #: What a reader must know about this model's answers; empty for most.
    caveat: str


@overload
def complete(
    prompt: str | Sequence[Message],
    *,
    model: str = ...,
    system: str = ...,
    output: None = ...,
    max_tokens: int = ...,
    temperature: float = ...,
    timeout_s: float = ...,
    may_be_cut: bool = ...,
    fresh: bool = ...,
    template: str = ...,
    stream_to: Listener | None = ...,
) -> Answer[None]: ...


@overload
def complete(
    prompt: str | Sequence[Message],
    *,
    model: str = ...,
    system: str = ...,
    output: type[T],
    max_tokens: int = ...,
    temperature: float = ...,
    timeout_s: float = ...,
    may_be_cut: bool = ...,
    fresh: bool = ...,
    template: str = ...,
    stream_to: Listener | None = ...,
) -> Answer[T]: ...


def complete(
    prompt: str | Sequence[Message],
    *,
    model: str = "fast",
    system: str = "",
    output: type[T] | None = None,
    max_tokens: int = 1024,
    temperature: float = 0.0,
    timeout_s: float = 60.0,
    may_be_cut: bool = False,
    fresh: bool = False,
    template: str = "",
    stream_to: Listener | None = None,
) -> Answer[T] | Answer[None]:
    """Ask the model behind an alias, and return its answer within `timeout_s` seconds in all.

    With `output`, a pydantic model, the provider is held to its JSON schema and the answer is validated again.
    `may_be_cut` accepts a plain text that ended at `max_tokens`. When the step is run again, an answer that
    it has paid for is used again, unless `fresh`; an answer that could not be used is asked for anew, with what
    was wrong with it. A prompt that a `Prompt` has rendered brings the name of its template along; `template`
    names another.
    `stream_to`, such as the step's context, is shown the answer while it is written, and closes it when cancelled.
    Raises only the classes of aiops.flow.errors.
    """
    plain = Question(_conversation(prompt), system, output, max_tokens, temperature, timeout_s)
    asked = _asked(plain)
    named = template or template_of(prompt, system, *_contents(prompt))

    def ask(way: Way) -> RawAnswer:
        def send(address: Address) -> RawAnswer:
            return _session().complete(address, asked.question, stream_to)

        answer: RawAnswer = call(
            *(way.alias, "chat", send),
            question=asked.question,
            timeout_s=timeout_s,
            fresh=fresh,
            template=named,
            instead_of=model if way.why else "",
            because=way.why,
        )
        return answer

    raw, way = travel(
        *(model, ask), is_unusable=asked.wants_stronger, deadline_at=asked.deadline_at
    )
    limit = asked.question.max_tokens
    _demand_an_end(raw, way.alias, limit, may_be_cut=may_be_cut and output is None)
    value = None if output is None else _validated(raw.text, output, way.alias)
    return Answer(  # type: ignore[return-value]  # value is T exactly when output is type[T]
        text=raw.text,
        value=value,
        model=raw.model,
        tokens_in=raw.tokens_in,
        tokens_out=raw.tokens_out,
        finish_reason=raw.finish_reason,
        seconds=raw.seconds,
        request_id=raw.request_id,
        caveat=raw.caveat,
    )


def embed(
    texts: Sequence[str], *, model: str = "embed", timeout_s: float = 30.0, fresh: bool = False
) -> list[list[float]]:
    """Return one vector for each text, in order. No texts: no call."""
    if not texts:
        return []

    def ask(address: Address) -> RawVectors:
        return _session().embed(address, texts, timeout_s)

    raw: RawVectors = call(model, "embed", ask, texts=texts, timeout_s=timeout_s, fresh=fresh)
    vectors = raw.vectors
    if len(vectors) != len(texts):
        raise BadOutput(
            f"The model {model!r} gave {len(vectors)} vectors for {len(texts)} texts. "
            "Check that its address is an embeddings endpoint.",
            kind="gateway",
        )
    return vectors


@dataclass(frozen=True, slots=True)
class _Asked:
    """A question as this attempt of its step asks it."""

    question: Question
    wants_stronger: bool = False
    deadline_at: datetime | None = None


def _asked(question: Question) -> _Asked:
    """Tell a repair what was wrong with the last answer. Outside of the engine there is none."""
    who = caller()
    if who is None:
        return _Asked(question)
    if who.attempt <= 1:
        return _Asked(question, deadline_at=who.deadline_at)
    from aiops.providers.mending import mend

    found = mend(question, who)
    wants_stronger = found.calls_for_more(is_last=who.is_last_repair)
    return _Asked(found.question, wants_stronger, who.deadline_at)


def _session() -> Session:
    # Imported on the first call: pydantic-ai and openai cost about a second and 70 MB, which the web
    # process and the keeper, who never ask a model, should not pay.
    from aiops.providers.session import current

    return current()


def _conversation(prompt: str | Sequence[Message]) -> Sequence[Message]:
    return [Message(role="user", content=prompt)] if isinstance(prompt, str) else prompt


def _contents(prompt: str | Sequence[Message]) -> list[str]:
    return [] if isinstance(prompt, str) else [turn["content"] for turn in prompt]


def _demand_an_end(raw: RawAnswer, model: str, max_tokens: int, *, may_be_cut: bool) -> None:
    """Refuse an answer that did not come to its end: a dropped stream looks just like a short answer."""
    if not raw.finish_reason:
        raise BadOutput(
            f"The answer of the model {model!r} has no finish reason, so it may be cut anywhere. "
            "Ask again; if it stays so, the gateway in front of the model drops it.",
            kind="truncated",
            code="no_finish",
        )
    if raw.finish_reason == "length" and not may_be_cut:
        raise BadOutput(
            f"The answer of the model {model!r} was cut at max_tokens={max_tokens}. "
            "Allow more tokens, or ask for less in one call.",
            kind="truncated",
            code="length",
        )


def _validated(text: str, output: type[T], model: str) -> T:
    try:
        return output.model_validate_json(text)
    except ValidationError as error:
        # The answer itself stays out of the message: records keep messages, and answers may be private.
        problems = "; ".join(
            f"{'.'.join(map(str, problem['loc'])) or 'the whole answer'}: {problem['msg']}"
            for problem in error.errors(include_input=False, include_url=False)[:5]
        )
        raise BadOutput(
            f"The answer of the model {model!r} does not fit {output.__name__}: {problems}.",
            kind="schema",
        ) from None
