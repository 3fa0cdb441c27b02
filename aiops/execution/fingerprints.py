"""The fingerprint of a plan: what must not have moved between looking at it and doing it."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from django.db.models import Count, Sum

from aiops.execution.payloads import dumps
from aiops.models import Escalation, Run, Step


def fingerprint(
    run: Run,
    verb: str,
    *,
    columns: Sequence[str],
    steps: Sequence[UUID],
    asked: Escalation | None,
) -> str:
    """SHA-256 over the steps that a plan touches, these columns of the run, and the question.

    Only those: what else moves in a busy run makes no plan stale.
    """
    seen = [
        *(verb, [str(getattr(run, name)) for name in columns]),
        *(_rows(steps), _items(steps), _question(asked)),
    ]
    return hashlib.sha256(dumps(seen).encode()).hexdigest()[:32]


def _rows(steps: Sequence[UUID]) -> list[Any]:
    rows = Step.objects.filter(id__in=steps).order_by("id")
    return [[str(row[0]), *row[1:]] for row in rows.values_list("id", "state", "fence", "epoch")]


def _items(maps: Sequence[UUID]) -> list[Any]:
    """The items of touched maps, by their sums: each claim, rerun or end changes one of them."""
    rows = (
        Step.objects.filter(map__in=maps)
        .values_list("map_id", "state")
        .annotate(number=Count("id"), claims=Sum("fence"), reruns=Sum("epoch"))
        .order_by("map_id", "state")
    )
    return [[str(row[0]), *row[1:]] for row in rows]


def _question(asked: Escalation | None) -> list[str]:
    if asked is None:
        return []
    approvals = str(len(asked.approvals))
    return [str(asked.id), asked.state, asked.owner, asked.shown_hash, approvals]
