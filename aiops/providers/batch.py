"""A provider's batch: many questions at once, cheaper, answered within a day. OpenAI's /files and /batches.

Made for a step that returns `Later` (docs/workflows.md): `submit` gives the handle, `look` says how far it is,
`collect` fetches the answers, `find` and `cancel` are what its reconcile and cancel need. Each is one
request or two, never retried here; every failure is one of `aiops.flow.errors`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Coroutine, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeVar, overload

from pydantic import BaseModel, ValidationError

from aiops.flow.caller import caller
from aiops.flow.errors import PermanentInput, StepError
from aiops.providers.exchange import Message, Question, RawAnswer
from aiops.providers.models import Address, address_of
from aiops.providers.prompt import template_of
from aiops.providers.sdk_errors import classify

if TYPE_CHECKING:
    from openai import AsyncOpenAI

V = TypeVar("V")
T = TypeVar("T", bound=BaseModel)
R = TypeVar("R")

#: A provider gives a batch this long.
WINDOW_S = 86_400
#: So many of the newest batches are looked through for a reference.
MOST_LISTED = 1_000
_REFERENCE = "aiops_reference"

_OVER = frozenset({"completed", "failed", "expired", "cancelled"})
_CAME_TO_NOTHING = frozenset({"failed", "expired", "cancelled"})


@dataclass(frozen=True, slots=True)
class Seen:
    """How far a batch is."""

    #: The provider's word.
    status: str
    done: int
    failed: int
    total: int

    @property
    def is_over(self) -> bool:
        return self.status in _OVER

    @property
    def share(self) -> float:
        return (self.done + self.failed) / self.total if self.total else 0.0

    @property
    def text(self) -> str:
        return f"{self.done + self.failed:,} of {self.total:,}" if self.total else self.status


@dataclass(frozen=True, slots=True)
class Got(Generic[V]):
    """What one question of a batch came to."""

    #: The answer; with `output` its text was validated, and `value` is what it says.
    text: str = ""
    value: V | None = None
    #: Why there is none; "" for an answer that can be used.
    error: str = ""


def submit(
    prompts: Sequence[str],
    *,
    reference: str,
    model: str = "fast",
    system: str = "",
    output: type[BaseModel] | None = None,
    max_tokens: int = 1024,
    temperature: float = 0.0,
    timeout_s: float = 120.0,
) -> str:
    """Submit one question for each prompt; returns the handle.

    `reference` is what `find` finds the batch by: give it `context.idempotency_key`. What it may cost at
    most is held back from the budgets before it leaves.
    """
    if not prompts:
        raise PermanentInput("A batch of nothing cannot be submitted: skip the step instead.")
    address = address_of(model)
    questions = [
        Question(
            [Message(role="user", content=p)], system, output, max_tokens, temperature, WINDOW_S
        )
        for p in prompts
    ]
    lines = "\n".join(_line(place, one, address) for place, one in enumerate(questions)).encode()

    async def send(client: AsyncOpenAI) -> str:
        file = await client.files.create(
            file=("batch.jsonl", lines, "application/jsonl"), purpose="batch"
        )
        made = await client.batches.create(
            input_file_id=file.id,
            endpoint="/v1/chat/completions",
            completion_window="24h",
            metadata={_REFERENCE: reference[:512]},
        )
        return made.id

    entry = _ledger().open_batch(
        caller(), model, address, questions, template=template_of(*prompts, system)
    )
    try:
        handle = _do(model, address, send, timeout_s)
    except StepError as error:
        entry.failed(error)
        raise
    entry.submitted(handle)
    return handle


def find(reference: str, *, model: str = "fast", timeout_s: float = 60.0) -> str | None:
    """The batch that was submitted under this reference and may still bring something; None: there is none."""

    async def search(client: AsyncOpenAI) -> str | None:
        number = 0
        async for one in client.batches.list(limit=100):
            number += 1
            is_it = (one.metadata or {}).get(_REFERENCE) == reference[:512]
            if is_it and one.status not in _CAME_TO_NOTHING:
                return str(one.id)
            if number >= MOST_LISTED:
                break
        return None

    found = _do(model, address_of(model), search, timeout_s)
    if found is None:
        _ledger().forget_batch(caller())
    return found


def look(handle: str, *, model: str = "fast", timeout_s: float = 60.0) -> Seen:
    """How far a batch is. Raises PermanentInput for one that is over and brought nothing at all."""

    async def ask(client: AsyncOpenAI) -> Any:
        return await client.batches.retrieve(handle)

    found = _do(model, address_of(model), ask, timeout_s)
    counts = found.request_counts
    numbers = (counts.completed, counts.failed, counts.total) if counts else (0, 0, 0)
    seen = Seen(found.status, *numbers)
    if seen.status in _CAME_TO_NOTHING and not (found.output_file_id or found.error_file_id):
        _ledger().settle_batch(caller(), handle, [], 0)
        raise PermanentInput(
            f"The batch {handle} of {model!r} {_WORDS[seen.status]} without an answer. "
            "A retry submits another one.",
            code=seen.status,
        )
    return seen


_WORDS = {
    "failed": "was refused",
    "expired": "was not done within its time",
    "cancelled": "was stopped",
}


@overload
def collect(
    handle: str, count: int, *, model: str = ..., output: None = ..., timeout_s: float = ...
) -> list[Got[None]]: ...


@overload
def collect(
    handle: str, count: int, *, model: str = ..., output: type[T], timeout_s: float = ...
) -> list[Got[T]]: ...


def collect(
    handle: str,
    count: int,
    *,
    model: str = "fast",
    output: type[BaseModel] | None = None,
    timeout_s: float = 300.0,
) -> Any:
    """The answers of a batch that is over, in the order of the `count` prompts; each may have failed by itself.

    Books what they used, at the price of a batch. Fetching them again changes nothing.
    """
    address = address_of(model)

    async def fetch(client: AsyncOpenAI) -> list[str]:
        found = await client.batches.retrieve(handle)
        files = [found.output_file_id, found.error_file_id]
        return [(await client.files.content(id_)).text for id_ in files if id_]

    texts = _do(model, address, fetch, timeout_s)
    raws: dict[int, RawAnswer] = {}
    got: dict[int, Got[Any]] = {}
    for place, entry in _entries(texts):
        raw = _raw(entry)
        if raw is not None:
            raws[place] = raw
        got[place] = _got(raw, entry, output)
    _ledger().settle_batch(caller(), handle, [raws[place] for place in sorted(raws)], count)
    missing: Got[Any] = Got(error="The batch brought no answer to it.")
    return [got.get(place, missing) for place in range(count)]


def cancel(handle: str, *, model: str = "fast", timeout_s: float = 60.0) -> None:
    """Stop a batch; one that is over already stays as it is. What was answered by then is billed."""

    async def stop(client: AsyncOpenAI) -> None:
        found = await client.batches.retrieve(handle)
        if found.status not in _OVER and found.status != "cancelling":
            await client.batches.cancel(handle)

    _do(model, address_of(model), stop, timeout_s)


def _ledger() -> Any:
    # Outside of the engine there is no record; then it does nothing.
    from aiops.providers import batch_ledger

    return batch_ledger


def _do(
    alias: str,
    address: Address,
    act: Callable[[AsyncOpenAI], Coroutine[Any, Any, R]],
    timeout_s: float,
) -> R:
    from aiops.providers.session import current

    try:
        return current().do(address, act, timeout_s)
    except Exception as error:
        found = classify(error, alias)
        if found is None or found is error:
            raise
        # The SDK's own words may hold a prompt or a key, and records keep messages.
        raise found from None


def _line(place: int, question: Question, address: Address) -> str:
    system = [{"role": "system", "content": question.system}] if question.system else []
    body: dict[str, Any] = {
        "model": address.model,
        "messages": [*system, *question.conversation],
        "max_completion_tokens": question.max_tokens,
        "temperature": question.temperature,
    }
    if question.output is not None:
        schema = {"name": question.output.__name__, "schema": question.output.model_json_schema()}
        body["response_format"] = {"type": "json_schema", "json_schema": schema}
    line = {"custom_id": str(place), "method": "POST", "url": "/v1/chat/completions", "body": body}
    return json.dumps(line)


def _entries(texts: Sequence[str]) -> Iterator[tuple[int, dict[str, Any]]]:
    """The lines of the files that say which question they are about."""
    for text in texts:
        for line in filter(str.strip, text.splitlines()):
            try:
                entry = json.loads(line)
                yield int(entry["custom_id"]), entry
            except (ValueError, KeyError, TypeError):
                continue  # its question is told as unanswered


def _raw(entry: dict[str, Any]) -> RawAnswer | None:
    """What a question used, where it was answered at all."""
    response = entry.get("response") or {}
    body = response.get("body") or {}
    if response.get("status_code") != 200 or not body.get("choices"):
        return None
    usage = body.get("usage") or {}
    details = usage.get("prompt_tokens_details") or {}
    choice = body["choices"][0]
    return RawAnswer(
        text=str((choice.get("message") or {}).get("content") or ""),
        model=str(body.get("model") or ""),
        tokens_in=int(usage.get("prompt_tokens") or 0),
        tokens_out=int(usage.get("completion_tokens") or 0),
        finish_reason=str(choice.get("finish_reason") or ""),
        seconds=0.0,
        request_id=str(body.get("id") or ""),
        tokens_cached=int(details.get("cached_tokens") or 0),
    )


def _got(raw: RawAnswer | None, entry: dict[str, Any], output: Any) -> Got[Any]:
    """Judge one answer as the port does: whole, and fitting its schema."""
    if raw is None:
        status = (entry.get("response") or {}).get("status_code")
        code = (entry.get("error") or {}).get("code") or (
            f"status {status}" if status else "no answer"
        )
        return Got(error=f"The provider refused it: {str(code)[:100]}.")
    if raw.finish_reason != "stop":
        return Got(text=raw.text, error=f"It was cut: {raw.finish_reason or 'no finish reason'}.")
    if output is None:
        return Got(text=raw.text)
    try:
        return Got(text=raw.text, value=output.model_validate_json(raw.text))
    except ValidationError as error:
        return Got(
            text=raw.text,
            error=f"It does not fit {output.__name__}: {len(error.errors())} problems.",
        )
