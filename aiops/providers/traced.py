"""A model call as a span, after the GenAI conventions of OpenTelemetry. What was said is left out unless a setting asks for it."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from django.conf import settings

from aiops.models.model_call import CallOutcome, ModelCall
from aiops.providers.exchange import RawAnswer
from aiops.telemetry import ids, spans
from aiops.telemetry.spans import Happened, Span, Value

if TYPE_CHECKING:
    from aiops.providers.calling import Call, Raw

#: Of a map, the successful calls of so many items are traced; of failures all are.
MOST_ITEMS = 200
#: A shorter wait for the lane is none.
IN_LINE_S = 0.005

_OPERATIONS = {"chat": "chat", "embed": "embeddings"}
_FINE = frozenset({CallOutcome.ANSWERED, CallOutcome.REUSED})
#: Providers by what their host ends with; any other speaks the same protocol as the first.
_PROVIDERS = {
    "openai.com": "openai",
    "anthropic.com": "anthropic",
    "azure.com": "azure.ai.openai",
    "googleapis.com": "gcp.gemini",
    "mistral.ai": "mistral_ai",
    "groq.com": "groq",
    "deepseek.com": "deepseek",
}


def called(row: ModelCall, asked: Call, raw: Raw | None) -> None:
    """Write the span of a call that has ended."""
    if not spans.is_on():
        return
    is_fine = row.outcome in _FINE
    if is_fine and row.item is not None and row.item >= MOST_ITEMS:
        return
    operation = _OPERATIONS[row.kind]
    spans.write(
        Span(
            name=f"{operation} {row.asked_model}",
            run_id=row.run_id,
            span_id=ids.call_span(row.pk),
            parent_id=ids.attempt_span(row.step_id, row.attempt),
            begin=row.started_at,
            end=row.finished_at or row.started_at,
            attributes={
                **_request(row, asked, operation),
                **_response(row),
                **(_content(asked, raw) if settings.AIOPS_TRACE_CONTENT else {}),
            },
            events=_waited(row),
            error="" if is_fine else row.outcome,
            kind="client",
        )
    )


def of_lost_worker(row: ModelCall) -> None:
    """Write the span of a call from its row alone: nobody knows what its worker still handed over.

    What it did is there twice then, under one id.
    """
    operation = _OPERATIONS[row.kind]
    spans.write(
        Span(
            name=f"{operation} {row.asked_model}",
            run_id=row.run_id,
            span_id=ids.call_span(row.pk),
            parent_id=ids.attempt_span(row.step_id, row.attempt),
            begin=row.started_at,
            end=row.finished_at or row.started_at,
            attributes={
                "gen_ai.operation.name": operation,
                "gen_ai.request.model": row.asked_model,
                **_place(row),
                **_response(row),
            },
            error="" if row.outcome in _FINE else row.outcome,
            kind="client",
        )
    )


def _request(row: ModelCall, asked: Call, operation: str) -> dict[str, Value | None]:
    address = urlsplit(asked.address.base_url)
    question = asked.question
    return {
        "gen_ai.operation.name": operation,
        "gen_ai.provider.name": _provider(address.hostname or ""),
        "gen_ai.request.model": row.asked_model,
        "gen_ai.request.max_tokens": None if question is None else question.max_tokens,
        "gen_ai.request.temperature": None if question is None else question.temperature,
        "gen_ai.output.type": None
        if question is None
        else ("json" if question.output is not None else "text"),
        "server.address": address.hostname,
        "server.port": address.port,
        **_place(row),
    }


def _place(row: ModelCall) -> dict[str, Value | None]:
    return {
        "aiops.run.id": str(row.run_id),
        "aiops.workflow": row.workflow,
        "aiops.step": row.step_name,
        "aiops.attempt": row.attempt,
        "aiops.lane": row.lane,
        "aiops.alias": row.alias,
        "aiops.call.purpose": row.purpose,
        "aiops.prompt.template": row.template or None,
    }


def _response(row: ModelCall) -> dict[str, Value | None]:
    return {
        "gen_ai.response.model": row.model or None,
        "gen_ai.response.id": row.request_id or None,
        "gen_ai.response.finish_reasons": [row.finish_reason] if row.finish_reason else None,
        "gen_ai.usage.input_tokens": row.tokens_in,
        "gen_ai.usage.output_tokens": row.tokens_out,
        "gen_ai.usage.cache_read.input_tokens": row.tokens_cached,
        "aiops.call.outcome": row.outcome,
        "aiops.call.is_reused": row.outcome == CallOutcome.REUSED,
        "aiops.call.is_uncertain": row.is_uncertain,
        "aiops.call.queue_s": row.queue_s,
        "aiops.cost_usd": None if row.cost_microusd is None else row.cost_microusd / 1e6,
    }


def _waited(row: ModelCall) -> list[Happened]:
    """When it was let through by its lane."""
    if not row.queue_s or row.queue_s < IN_LINE_S:
        return []
    at = row.started_at + timedelta(seconds=row.queue_s)
    return [Happened("lane.entered", at, {"aiops.lane": row.lane, "aiops.waited_s": row.queue_s})]


def _content(asked: Call, raw: Raw | None) -> dict[str, Value | None]:
    """The question and the answer, in the form that the conventions give."""
    question = asked.question
    if question is None:
        return {}
    turns: list[tuple[str, str]] = [
        (turn["role"], turn["content"]) for turn in question.conversation
    ]
    answer = raw.text if isinstance(raw, RawAnswer) else None
    return {
        "gen_ai.system_instructions": json.dumps(_parts(question.system))
        if question.system
        else None,
        "gen_ai.input.messages": _messages(turns),
        "gen_ai.output.messages": None if answer is None else _messages([("assistant", answer)]),
    }


def _messages(turns: list[tuple[str, str]]) -> str:
    return json.dumps([{"role": role, "parts": _parts(text)} for role, text in turns])


def _parts(text: str) -> list[dict[str, str]]:
    return [{"type": "text", "content": text}]


def _provider(host: str) -> str:
    return next((name for end, name in _PROVIDERS.items() if host.endswith(end)), "openai")
