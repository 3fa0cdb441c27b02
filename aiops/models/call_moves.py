"""Booking what nobody settled: a call whose worker is gone may have been billed."""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

from django.db import transaction
from django.db.models.functions import Now

from aiops.models import budget_moves
from aiops.models.model_call import CallOutcome, CostSource, ModelCall, PaidAnswer
from aiops.models.step import DONE, StepState

#: What the end of a call tells of it.
_ENDS = (
    *("outcome", "model", "tokens_in", "tokens_cached", "tokens_out", "tokens_reasoning"),
    *("cost_microusd", "cost_source", "reserved_microusd", "is_uncertain", "request_id"),
    *("finish_reason", "queue_s", "provider_s", "finished_at"),
)


def settle(call: ModelCall) -> bool:
    """Write how an open call ended; False when it was booked as lost meanwhile."""
    found = ModelCall.objects.filter(id=call.id, outcome=CallOutcome.OPEN)
    return found.update(**{name: getattr(call, name) for name in _ENDS}) == 1


def correct(call: ModelCall) -> int:
    """Write the end of a call whose worker was only thought lost. Returns what was booked for it."""
    found = ModelCall.objects.select_for_update().filter(id=call.id)
    booked = found.values_list("cost_microusd", flat=True).first()
    found.update(**{name: getattr(call, name) for name in _ENDS})
    return booked or 0


def book_lost(step_id: UUID, attempt: int) -> int:
    """Book the open calls of an attempt whose worker was lost, as uncertain spend. Returns how many."""
    return _book(ModelCall.objects.filter(step=step_id, attempt=attempt, outcome=CallOutcome.OPEN))


def book_abandoned(most: int = 200) -> int:
    """The same for calls that must be over by now, whatever became of their step."""
    found = ModelCall.objects.filter(outcome=CallOutcome.OPEN, over_at__lt=Now())
    return _book(found.order_by("over_at")[:most])


def _book(found: Iterable[ModelCall]) -> int:
    return sum(_book_one(call) for call in found)


@transaction.atomic
def _book_one(call: ModelCall) -> bool:
    reserved = call.reserved_microusd
    moved = ModelCall.objects.filter(id=call.id, outcome=CallOutcome.OPEN).update(
        outcome=CallOutcome.LOST,
        is_uncertain=reserved != 0,
        cost_microusd=reserved,
        cost_source=CostSource.UNKNOWN if reserved is None else CostSource.ESTIMATED,
        reserved_microusd=None,
        finished_at=Now(),
    )
    if moved:
        budget_moves.settle(call.budgets, reserved=reserved or 0, spent=reserved or 0)
    return moved == 1


def drop_answers(most: int = 1000) -> int:
    """Drop the paid answers of steps that need them no more. Returns how many."""
    over = PaidAnswer.objects.filter(step__state__in=(*DONE, StepState.CANCELLED))
    found = list(over.values_list("call_id", flat=True)[:most])
    if found:
        PaidAnswer.objects.filter(call_id__in=found).delete()
    return len(found)
