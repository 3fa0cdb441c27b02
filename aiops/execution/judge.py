"""Judging a run: from what was read to the verdicts of its steps, its items and the whole."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import Q

from aiops.execution import verdict as verdicts
from aiops.execution.facts import STOPPED, ItemGroup, ItemRow, RunFacts, StepRow, told
from aiops.execution.verdict import LaneFacts, StepFacts, Verdict, verdict
from aiops.models import Reason, Step, StepState


def of_run(facts: RunFacts) -> Verdict:
    """A run's verdict, by the worst of its failed steps."""
    failed = [of_step(facts, step) for step in facts.steps if is_stopped(facts, step)]
    others = [of_step(facts, step) for step in facts.steps if not is_stopped(facts, step)]
    return verdicts.of_run(failed, others)


def of_step(facts: RunFacts, step: StepRow) -> Verdict:
    """A step's verdict; that of a map that has stopped is that of its worst failed items."""
    base = _facts(facts, step)
    stopped = [group for group in facts.items.get(step.id, ()) if group.state in STOPPED]
    if not stopped or not is_stopped(facts, step):
        return verdict(base)
    found = verdicts.of_run((verdict(_of_group(base, group)) for group in stopped), ())
    number = sum(group.number for group in stopped)
    count = "1 item has failed." if number == 1 else f"{number} items have failed."
    return replace(found, sentence=f"{count} {found.sentence}")


def of_item(facts: RunFacts, item: ItemRow) -> Verdict:
    node = facts.plan.by_name[item.name]
    return verdict(
        StepFacts(
            effect=item.effect,
            state=item.state,
            kind="item",
            word=_said(item.error, "word"),
            sent=_said(item.error, "sent"),
            outcome="failed",
            in_doubt=item.in_doubt,
            has_reconcile=node.has_reconcile,
            key=_key(facts, f"{item.name}[{item.item}]", item.name),
        )
    )


def is_stopped(facts: RunFacts, step: StepRow) -> bool:
    """Whether only a retry or a person moves this step, or an item of it."""
    if step.state in STOPPED:
        return True
    groups = facts.items.get(step.id, ()) if step.reason == Reason.ITEMS else ()
    return any(group.state == StepState.ATTENTION for group in groups)


def is_leased(facts: RunFacts, step: StepRow) -> bool:
    """Whether a worker is on this step, or on an item of it, now."""
    if step.state == StepState.RUNNING:
        return _is_live(step.lease_until, facts.now)
    if step.reason != Reason.ITEMS:
        return False
    groups = facts.items.get(step.id, ())
    return any(g.state == StepState.RUNNING and _is_live(g.lease_until, facts.now) for g in groups)


def verdicts_of(run_ids: Sequence[UUID]) -> dict[UUID, Verdict]:
    """The verdicts of runs with failed steps, for a list: one query, and no sentence of one step.

    A run that is not in the answer has nothing that failed.
    """
    rows = (
        Step.objects.filter(run__in=run_ids, state__in=STOPPED)
        # A map that stopped says nothing that its items do not say; while it moves, only an item
        # that asks a person counts.
        .filter(
            Q(map__isnull=True) & (~Q(kind="map") | ~Q(error__word="items_failed"))
            | Q(map__isnull=False, state=StepState.ATTENTION)
            | Q(map__state__in=STOPPED)
        )
        .annotate(word=told("word"), sent=told("sent"))
        .values_list("run_id", "kind", "effect", "state", "reason", "in_doubt", "word", "sent")
        .order_by()
        .distinct()
    )
    found: dict[UUID, list[Verdict]] = {}
    for run_id, kind, effect, state, reason, in_doubt, word, sent in rows:
        facts = StepFacts(
            effect=effect,
            state=state,
            kind=kind,
            reason=reason,
            outcome="failed" if word else "",
            word=word,
            sent=sent,
            in_doubt=in_doubt,
        )
        found.setdefault(run_id, []).append(verdict(facts))
    return {run_id: verdicts.of_run(judged, ()) for run_id, judged in found.items()}


def _facts(facts: RunFacts, step: StepRow) -> StepFacts:
    last = facts.last.get(step.id)
    node = facts.plan.by_name.get(step.name)
    return StepFacts(
        effect=step.effect,
        state=step.state,
        kind=step.kind,
        reason=step.reason,
        outcome=last.outcome if last else "",
        word=_said(step.error, "word"),
        sent=(last.sent if last else "") or _said(step.error, "sent"),
        in_doubt=step.in_doubt,
        has_reconcile=node is not None and node.has_reconcile,
        held_until=_held_until(facts, step),
        lane=_lane(facts, step),
        key=_key(facts, step.name, step.name),
        is_leased=is_leased(facts, step),
    )


def _of_group(base: StepFacts, group: ItemGroup) -> StepFacts:
    return replace(
        base,
        kind="item",
        state=group.state,
        reason=group.reason,
        word=group.word,
        sent=group.sent,
        outcome="failed",
        in_doubt=group.in_doubt,
        # Each item has a key of its own.
        key=base.key and f"{base.key}[…]",
    )


def _key(facts: RunFacts, step: str, node: str) -> str:
    """The idempotency key, where the code takes the context that holds it."""
    found = facts.plan.by_name.get(node)
    if found is None or "context" not in found.takes.values():
        return ""
    return f"{facts.run.id}:{step}"


def _held_until(facts: RunFacts, step: StepRow) -> datetime | None:
    """Until when its provider holds it: it is parked, or its last answer named a time to come."""
    if step.reason == Reason.LANE:
        found = facts.lanes.get(step.lane)
        return found.held_until if found is not None else step.wake_at
    stated = _said(step.error, "until")
    until = datetime.fromisoformat(stated) if stated else None
    return until if until is not None and until > facts.now else None


def _lane(facts: RunFacts, step: StepRow) -> LaneFacts | None:
    """The lane that it waits for, as it is now."""
    found = facts.lanes.get(step.lane) if step.reason == Reason.LANE else None
    return LaneFacts(found.name, found.state, found.get_cause_display()) if found else None


def _said(error: Mapping[str, Any] | None, name: str) -> str:
    return str((error or {}).get(name) or "")


def _is_live(lease_until: datetime | None, now: datetime) -> bool:
    return lease_until is not None and lease_until > now


def stopped(facts: RunFacts) -> Iterator[StepRow]:
    """The steps that a retry of the run would run again."""
    return (step for step in facts.steps if is_stopped(facts, step))
