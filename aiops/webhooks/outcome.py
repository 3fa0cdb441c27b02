"""What becomes of a message after a try, and of the endpoint that did or did not take it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from django.db import transaction
from django.utils import timezone

from aiops.execution import webhook_question
from aiops.execution.posting import Answer
from aiops.models import WebhookDelivery, WebhookEndpoint, webhook_moves
from aiops.models.webhook_kinds import TEST
from aiops.providers.redact import redacted
from aiops.webhooks import backoff

#: So much is kept of an answer, and so many tries of each message.
MOST_EXCERPT = 500
MOST_ATTEMPTS = 20

_GONE = 410
#: Answers whose Retry-After is about the receiver as a whole.
_BUSY = frozenset({429, 503})

#: What follows a try that failed: tried again; given up, and the endpoint goes on; the endpoint is
#: disabled, and the message waits.
Follows = Literal["again", "give_up", "disable"]


@dataclass(frozen=True, slots=True)
class Tried:
    """One try."""

    #: None: nothing was answered.
    status: int | None = None
    #: "" when it was taken.
    error: str = ""
    took_ms: int = 0
    excerpt: str = ""
    asked_s: float = 0.0

    @classmethod
    def answered(cls, answer: Answer, took_ms: int, now: datetime) -> Tried:
        is_busy = answer.status in _BUSY
        retry_after = answer.headers.get("retry-after", "") if is_busy else ""
        return cls(
            status=answer.status,
            error="" if answer.is_taken else answer.told(),
            took_ms=took_ms,
            excerpt=excerpt(answer.body),
            asked_s=backoff.asked(retry_after, now),
        )


def excerpt(body: bytes) -> str:
    """The beginning of an answer as a person may read it: no control characters, no keys. Pure."""
    text = body[: 4 * MOST_EXCERPT].decode(errors="replace")
    plain = "".join(letter if letter.isprintable() or letter == "\n" else " " for letter in text)
    return redacted(plain).strip()[:MOST_EXCERPT]


def follows(
    endpoint: WebhookEndpoint, one: WebhookDelivery, tried: Tried, now: datetime
) -> Follows:
    """What a failure leads to. Pure.

    An endpoint that takes other messages is not disabled for one that it never takes.
    """
    if one.kind == TEST:
        return "give_up"
    if tried.status == _GONE or backoff.is_over(endpoint.failing_since, now):
        return "disable"
    return "give_up" if backoff.is_over(one.trying_since, now) else "again"


def record(endpoint: WebhookEndpoint, one: WebhookDelivery, tried: Tried) -> bool:
    """Write down a try and what follows; returns whether the message was taken."""
    now = timezone.now()
    said = _said(one, tried, now)
    if not tried.error:
        if webhook_moves.sent(one, **said):
            webhook_moves.took(endpoint.id, was_away=backoff.AWAY_AFTER)
        return True
    with transaction.atomic():
        _failed(endpoint, one, tried, said, now)
    return False


def _failed(
    endpoint: WebhookEndpoint,
    one: WebhookDelivery,
    tried: Tried,
    said: dict[str, Any],
    now: datetime,
) -> None:
    if one.kind == TEST:
        # It is about nothing, and somebody looks at how it went: no reason to change the endpoint.
        webhook_moves.give_up(one, **said)
        return
    endpoint = webhook_moves.did_not_take(endpoint.id, error=tried.error)
    wait = backoff.wait(one.tries, tried.asked_s)
    held = wait if tried.asked_s else backoff.held_back(endpoint.failures)
    if held is not None:
        webhook_moves.hold_back(endpoint.id, now + held)
    match follows(endpoint, one, tried, now):
        case "again":
            webhook_moves.put_off(one, now + wait, **said)
        case "give_up":
            if webhook_moves.give_up(one, **said):
                webhook_question.ask_about_one(endpoint, one, tried.error)
        case "disable":
            webhook_moves.put_off(one, now + wait, **said)
            if webhook_moves.disable(endpoint.id, why=tried.error):
                webhook_question.ask(endpoint, tried.error)


def _said(one: WebhookDelivery, tried: Tried, now: datetime) -> dict[str, Any]:
    attempt = {
        "at": now.isoformat(timespec="milliseconds"),
        "took_ms": tried.took_ms,
        "status": tried.status,
        "error": tried.error[:300],
    }
    return {
        "status": tried.status,
        "excerpt": tried.excerpt,
        "error": tried.error[:300],
        "attempts": [*one.attempts, attempt][-MOST_ATTEMPTS:],
    }
