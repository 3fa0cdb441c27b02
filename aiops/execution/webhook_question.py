"""The one question about a receiver that takes nothing, whatever the number of messages that wait for it."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from aiops.execution import escalate, notify
from aiops.models import (
    DeliveryState,
    Escalation,
    EscalationKind,
    EscalationState,
    WebhookDelivery,
    WebhookEndpoint,
    transitions,
    webhook_moves,
)

#: A run has one open question of this kind: others are asked on behalf of another of their runs.
_MOST_RUNS = 20


def ask(endpoint: WebhookEndpoint, error: str) -> bool:
    """Ask what to do about an endpoint that was disabled; False when somebody is asked already."""
    waiting = WebhookDelivery.objects.filter(endpoint=endpoint, state=DeliveryState.WAITING)
    number = waiting.count()
    question = (
        f"The webhook {endpoint.name} was disabled: {error.rstrip('. ')}. {_many(number)} for it. "
        "Mend its receiver, then send them again, or let it be."
    )
    return _ask(endpoint, question, _runs(waiting), {"waiting": number, "error": error})


def ask_about_one(endpoint: WebhookEndpoint, one: WebhookDelivery, error: str) -> bool:
    """Ask what to do about a message that an endpoint, which takes others, has not taken for days."""
    question = (
        f"The webhook {endpoint.name} takes other messages, but not one {one.kind}: "
        f"{error.rstrip('. ')}. Mend its receiver, then send it again, or let it be."
    )
    runs = [one.run_id] if one.run_id else []
    return _ask(endpoint, question, runs, {"delivery": one.pk, "error": error})


def close(endpoint: WebhookEndpoint, *, why: str) -> None:
    """Close the question about an endpoint: its cause is gone."""
    asked = endpoint.question
    if asked is not None and transitions.close_escalation(asked, why=why):
        notify.tell(asked, "closed")
    webhook_moves.ask_about(endpoint.id, None)


def carry_out(asked: Escalation, choice: str, *, actor: str, note: str) -> None:
    """Do what was answered."""
    for endpoint in WebhookEndpoint.objects.filter(question=asked):
        webhook_moves.ask_about(endpoint.id, None)
        if choice == "send_again":
            webhook_moves.resume(endpoint, actor=actor, reason=note)
        elif choice == "let_it_be":
            webhook_moves.let_be(endpoint)
    if choice == "send_again":
        webhook_moves.replay(_given_up(asked), actor=actor, reason=note)


def stands(asked: Escalation) -> tuple[list[str], int]:
    """The names of the endpoints that a question is about, and how many messages wait for them."""
    found = WebhookEndpoint.objects.filter(question=asked).order_by("name")
    waiting = WebhookDelivery.objects.filter(endpoint__in=found, state=DeliveryState.WAITING)
    return list(found.values_list("name", flat=True)), waiting.count()


def _given_up(asked: Escalation) -> list[WebhookDelivery]:
    """The one message that the question is about, if it is about one."""
    number = asked.shows.get("delivery") if isinstance(asked.shows, dict) else None
    if not isinstance(number, int):
        return []
    return list(WebhookDelivery.objects.filter(id=number, state=DeliveryState.FAILED))


def _runs(waiting: Any) -> list[UUID]:
    """The runs whose messages wait, the oldest message first."""
    found = waiting.filter(run__isnull=False).order_by("id").values_list("run_id", flat=True)
    return list(dict.fromkeys(found[: 10 * _MOST_RUNS]))[:_MOST_RUNS]


def _ask(endpoint: WebhookEndpoint, question: str, runs: list[UUID], shows: dict[str, Any]) -> bool:
    asked = endpoint.question
    if asked is not None and asked.state == EscalationState.OPEN:
        return False
    told = {"webhook": endpoint.name, "endpoint": str(endpoint.id), **shows}
    for run_id in runs:
        is_new = escalate.ask_of_run(run_id, EscalationKind.WEBHOOK, question, shows=told)
        # Where every run is asked about another endpoint already, that question is about both.
        if is_new or run_id == runs[-1]:
            webhook_moves.ask_about(endpoint.id, _open_one(run_id))
            return is_new
    return False


def _open_one(run_id: UUID) -> UUID:
    found = Escalation.objects.filter(
        run=run_id, step=None, kind=EscalationKind.WEBHOOK, state=EscalationState.OPEN
    )
    return found.values_list("id", flat=True).get()


def _many(number: int) -> str:
    return "1 message waits" if number == 1 else f"{number:,} messages wait"
