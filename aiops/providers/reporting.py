"""The second adapter: code that uses a provider's SDK itself reports what it used, and is classified too.

    with reporting("claude-sonnet", base_url="https://api.anthropic.com", max_tokens=500) as report:
        answer = client.messages.create(...)          # a client with max_retries=0
        report.answer(answer)

The call has its row in the ledger, is kept within the budgets, and its failures are those of
`aiops.flow.errors`. It is not held by a lane, and is asked again when the step is: only
`aiops.providers.port` knows what it would answer.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from aiops.flow.caller import caller
from aiops.providers.calling import Call
from aiops.providers.exchange import Message, Question, RawAnswer
from aiops.providers.lane import name_of
from aiops.providers.models import Address
from aiops.providers.sdk_errors import classify


@dataclass(slots=True)
class Report:
    """What a call says that it used."""

    asked_model: str
    told: RawAnswer | None = None

    def usage(
        self,
        *,
        tokens_in: int,
        tokens_out: int = 0,
        tokens_cached: int = 0,
        model: str = "",
        request_id: str = "",
        finish_reason: str = "",
        cost_usd: float | None = None,
    ) -> None:
        """Say it in numbers; `cost_usd` only where the provider itself says so."""
        self.told = RawAnswer(
            text="",
            model=model or self.asked_model,
            tokens_in=tokens_in,
            tokens_out=tokens_out,
            finish_reason=finish_reason,
            seconds=0.0,
            request_id=request_id,
            tokens_cached=tokens_cached,
            cost_microusd=None if cost_usd is None else round(cost_usd * 1_000_000),
        )

    def answer(self, answer: Any) -> None:
        """Read it from an answer of openai's or anthropic's SDK."""
        usage = answer.usage
        details = getattr(usage, "prompt_tokens_details", None)
        cached = getattr(details, "cached_tokens", None)
        read = getattr(usage, "cache_read_input_tokens", None)
        first = (getattr(answer, "choices", None) or [None])[0]
        self.usage(
            # Anthropic counts what was cached apart from the rest.
            tokens_in=_first(usage, "prompt_tokens", "input_tokens") + (read or 0),
            tokens_out=_first(usage, "completion_tokens", "output_tokens"),
            tokens_cached=cached or read or 0,
            model=str(getattr(answer, "model", "")),
            request_id=str(getattr(answer, "id", "")),
            finish_reason=str(
                getattr(answer, "stop_reason", None) or getattr(first, "finish_reason", "") or ""
            ),
        )


@contextmanager
def reporting(
    model: str,
    *,
    base_url: str,
    prompt: str = "",
    max_tokens: int = 1024,
    timeout_s: float = 60.0,
    alias: str = "",
) -> Iterator[Report]:
    """Record the one call that the block makes. `prompt` and `max_tokens` bound what is reserved for it.

    A block that ends without a report is booked with what it may have used at most.
    """
    report = Report(model)
    who = caller()
    if who is None:
        with _classified(model):
            yield report
        return
    from aiops.providers import ledger  # outside of the engine there is no record

    address = Address(base_url=base_url, model=model, lane=name_of(base_url, model, ""))
    question = Question(
        [Message(role="user", content=prompt)], "", None, max_tokens, 0.0, timeout_s
    )
    asked = Call(who, alias or model, address, "chat", question, (), timeout_s, fresh=True)
    with ledger.opened(asked) as entry, _classified(model):
        entry.left_at = time.monotonic()
        yield report
        entry.answered(report.told or _silent(model))


@contextmanager
def _classified(model: str) -> Iterator[None]:
    try:
        yield
    except Exception as error:
        found = classify(error, model)
        if found is None or found is error:
            raise
        found.add_note(f"Translated from {type(error).__name__}.")
        # The SDK's own words may hold the prompt, and records keep tracebacks.
        raise found from None


def _silent(model: str) -> RawAnswer:
    """An answer of which nothing was said."""
    return RawAnswer("", model, 0, 0, "", 0.0, "")


def _first(usage: Any, *names: str) -> int:
    return next(
        (int(n) for n in (getattr(usage, name, None) for name in names) if n is not None), 0
    )
