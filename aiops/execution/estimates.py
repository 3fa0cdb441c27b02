"""How long steps take, from their earlier attempts; unknown is None, never 0."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from django.db.models import Avg, DurationField, ExpressionWrapper, F, Q

from aiops.execution.facts import RunFacts
from aiops.flow.plan import WORKED, Plan
from aiops.models import Attempt, Outcome, Run

#: How many runs of the same workflow are looked at.
RUNS = 20


def usual_s(facts: RunFacts, names: Iterable[str]) -> dict[str, float]:
    """What one attempt of each step (or of an item of it) took on average, where that is known.

    Attempts that succeeded say more than those that did not, and are preferred.
    """
    recent = Run.objects.filter(workflow=facts.run.workflow).order_by("-created_at")
    took = ExpressionWrapper(F("finished_at") - F("started_at"), output_field=DurationField())
    rows = (
        Attempt.objects.filter(
            Q(step__run__in=list(recent.values_list("id", flat=True)[:RUNS]))
            | Q(step__run=facts.run.id),
            step__name__in=list(names),
        )
        .values("step__name")
        .annotate(
            good=Avg(took, filter=Q(outcome=Outcome.SUCCEEDED)),
            any=Avg(took),
        )
        .order_by()
    )
    means = {row["step__name"]: row["good"] or row["any"] for row in rows}
    return {name: mean.total_seconds() for name, mean in means.items() if mean is not None}


def together_s(plan: Plan, usual: Mapping[str, float], items: Mapping[str, int]) -> float | None:
    """How long these steps take from the first to the last, side by side where the plan says so.

    `items` names the steps, with the number of items for a map (0 otherwise). Pure.
    """
    lasting: dict[str, float] = {}
    for node in plan.nodes:
        if node.name not in items:
            continue
        # A person, an event or a child run takes the time it takes.
        lasts = node.sleep_s if node.kind == "sleep" else None
        if node.kind in WORKED and node.name in usual:
            rounds = -(-(items[node.name] or 1) // (node.max_parallel or 1))
            lasts = usual[node.name] * rounds
        if lasts is None:
            return None
        lasting[node.name] = lasts
    return longest_s(plan, lasting) if items else None


def longest_s(plan: Plan, lasting: Mapping[str, float]) -> float:
    """The time from the first to the last, what is side by side counted once; the rest takes none. Pure."""
    ends: dict[str, float] = {}
    for node in plan.nodes:
        begin = max((ends[need] for need in node.needs if need in ends), default=0.0)
        ends[node.name] = begin + lasting.get(node.name, 0.0)
    return max(ends.values(), default=0.0)
