"""Verdicts of whole lists: what `judge.verdicts_of` says of each run, as a query."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db.models import Case, IntegerField, Min, Q, QuerySet, Value, When

from aiops.execution.facts import STOPPED, told
from aiops.execution.verdict import ORDER, PERMANENT
from aiops.models import Step, StepState

#: Kinds of nodes that no worker runs: a retry asks or waits again.
_ASKED_AGAIN: tuple[str, ...] = ("approval", "wait_for", "sleep", "child")


def judged(keys: Iterable[str]) -> QuerySet[Step, Any]:
    """The ids of the runs whose verdict in a list is one of these.

    The steps are found by the index of what has stopped, which is as small as they are few.
    """
    places = [ORDER.index(key) for key in keys if key in ORDER]
    return (
        _stopped()
        .annotate(word=told("word"), sent=told("sent"))
        .values("run_id")
        .annotate(worst=Min(_place()))
        .filter(worst__in=places)
        .order_by()
        .values("run_id")
    )


def _stopped() -> QuerySet[Step]:
    """The steps that speak for their run: those that `judge.verdicts_of` reads."""
    return Step.objects.filter(state__in=STOPPED).filter(
        Q(map__isnull=True) & (~Q(kind="map") | ~Q(error__word="items_failed"))
        | Q(map__isnull=False, state=StepState.ATTENTION)
        | Q(map__state__in=STOPPED)
    )


def _place() -> Case:
    """A step's place in the order of verdicts: `verdict.verdict` for a step that has stopped."""
    is_unknown = Q(in_doubt=True) | ~Q(sent="no") & ~Q(word="")
    return Case(
        _when("decide", kind__in=_ASKED_AGAIN),
        _when("unsafe", effect="once", sent="yes"),
        _when("check", Q(effect="once") & is_unknown),
        _when("fix", word__in=PERMANENT),
        _when("decide", word="needs_human"),
        default=Value(ORDER.index("safe")),
        output_field=IntegerField(),
    )


def _when(key: str, *conditions: Q, **lookups: Any) -> When:
    return When(Q(*conditions, **lookups), then=Value(ORDER.index(key)))


@dataclass(frozen=True, slots=True)
class Worst:
    """The step that speaks for a run: what is wrong with it, and its verdict."""

    verdict: str
    step: str
    item: int | None
    message: str


def worst_of(run_ids: Sequence[UUID]) -> dict[UUID, Worst]:
    """The worst of the stopped steps of each run; a run without one has nothing that failed."""
    rows = (
        _stopped()
        .filter(run__in=run_ids)
        .annotate(word=told("word"), sent=told("sent"), message=told("message"), type=told("type"))
        .annotate(place=_place())
        .order_by("run_id", "place", "id")
        .distinct("run_id")
        .values_list("run_id", "place", "name", "item", "message", "type")
    )
    return {
        run_id: Worst(ORDER[place], name, item, message or type)
        for run_id, place, name, item, message, type in rows
    }
