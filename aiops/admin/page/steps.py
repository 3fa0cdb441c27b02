"""The rows of the steps table, with their attempts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from aiops.admin.page import links, words
from aiops.admin.page.amounts import count, from_now, length, money
from aiops.admin.page.aside import Aside, Called
from aiops.admin.page.buttons import Button, buttons
from aiops.admin.page.reading import Try
from aiops.admin.page.words import Look
from aiops.execution import judge
from aiops.execution.facts import RunFacts, StepRow
from aiops.execution.offers import Offer
from aiops.execution.verdict import Verdict
from aiops.flow.plan import PlanNode
from aiops.models import Reason, StepState
from aiops.models.step import DONE


@dataclass(frozen=True, slots=True)
class TryShown:
    """An attempt, as a row below its step."""

    id: int
    number: int
    look: Look
    error: Mapping[str, Any] | None
    sent: str
    worker: str
    task_id: str
    started_at: datetime
    took: str
    cost: str


@dataclass(frozen=True, slots=True)
class StepShown:
    """A step, as a row of the table."""

    id: UUID
    name: str
    icon: str
    #: What it is: its effect, its pool, its items.
    notes: str
    look: Look
    #: When something happens by itself.
    due: str
    #: None where the state says it all.
    verdict: Look | None
    sentence: str
    took: str
    cost: str
    buttons: Sequence[Button]
    tries: Sequence[TryShown]
    #: "3 attempts", more than are listed if there are many.
    tries_told: str
    #: What the last attempt said.
    problem: str
    worker: str
    key: str
    child: UUID | None
    failed_items: Sequence[Mapping[str, Any]]
    is_map: bool
    #: The page of all failures like its last one; "" where there is none.
    group: str
    #: Where two of its attempts are compared.
    compare: str


def steps(
    facts: RunFacts,
    tries: Mapping[UUID, Sequence[Try]],
    offers: Sequence[Offer],
    failed_items: Sequence[Mapping[str, Any]],
    beside: Aside,
) -> list[StepShown]:
    """All steps in the plan's order."""
    return [
        _step(
            facts,
            step,
            tries.get(step.id, ()),
            [o for o in offers if o.step == step.name and o.escalation is None],
            [_item(item) for item in failed_items if item["name"] == step.name],
            beside.called.get(step.name),
            beside.usual_s.get(step.name),
        )
        for step in facts.steps
    ]


def _step(
    facts: RunFacts,
    step: StepRow,
    tries: Sequence[Try],
    offers: Sequence[Offer],
    failed_items: Sequence[Mapping[str, Any]],
    called: Called | None,
    usual_s: float | None,
) -> StepShown:
    node = facts.plan.by_name.get(step.name)
    tally = facts.tallies.get(step.id)
    verdict = judge.of_step(facts, step)
    return StepShown(
        id=step.id,
        name=step.name,
        icon=words.kind_icon(step.name, step.kind, node.pool if node else ""),
        notes=" · ".join((*_notes(facts, step, node), *(called.told() if called else ()))),
        look=words.STEP[state_shown(facts, step)],
        due=due(facts, step) or _usually(step, usual_s),
        verdict=shown_verdict(verdict),
        sentence=verdict.sentence,
        took=took(facts, step),
        cost=money(tally.cost_microusd) if tally and tally.cost_microusd is not None else "",
        buttons=buttons(facts.run.id, offers),
        tries=[_try(one) for one in reversed(tries)],
        tries_told=count(tally.attempts, "attempt") if tally else "",
        problem=problem(step),
        worker=step.worker if step.state == StepState.RUNNING else "",
        key=f"{facts.run.id}:{step.name}" if step.effect != "pure" else "",
        child=step.child,
        failed_items=failed_items,
        is_map=bool(facts.items.get(step.id)),
        group="" if step.state in DONE else group_page(step.error),
        compare=links.shown_if_there("admin:aiops_step_compare", str(step.id)) if tally else "",
    )


def group_page(error: Mapping[str, Any] | None) -> str:
    """The page of all failures that are alike; "" for an error without a fingerprint."""
    fingerprint = str((error or {}).get("fingerprint") or "")
    return (
        links.shown_if_there("admin:aiops_failuregroup_change", fingerprint) if fingerprint else ""
    )


def state_shown(facts: RunFacts, step: StepRow) -> str:
    """A step's state; a map whose items are being worked on is not waiting for anybody."""
    is_at_work = step.reason == Reason.ITEMS and judge.is_leased(facts, step)
    return StepState.RUNNING if is_at_work else step.state


def shown_verdict(verdict: Verdict) -> Look | None:
    return words.VERDICT[verdict.key] if verdict.key in words.TELLING else None


def _notes(facts: RunFacts, step: StepRow, node: PlanNode | None) -> list[str]:
    found = [words.EFFECT[step.effect]] if step.kind in ("step", "map") else [step.kind]
    if node and node.pool:
        found.append(node.pool)
    if items := items_told(facts, step):
        found.append(f"{items} items")
    return found


def items_told(facts: RunFacts, step: StepRow) -> str:
    """How far a map is: "289 of 480"; "" for every other step."""
    shares = item_counts(facts, step)
    return f"{shares[0]:,} of {shares[2]:,}" if shares else ""


def item_counts(facts: RunFacts, step: StepRow) -> tuple[int, int, int] | None:
    """How many items of a map are done, have failed, and are there; None for every other step."""
    groups = facts.items.get(step.id, ())
    if not groups:
        return None
    done = sum(group.number for group in groups if group.state in DONE)
    bad = (StepState.FAILED, StepState.ATTENTION)
    failed = sum(group.number for group in groups if group.state in bad)
    return done, failed, sum(group.number for group in groups)


def due(facts: RunFacts, step: StepRow) -> str:
    """When a step goes on by itself, or is late."""
    match step.state:
        case StepState.RETRYING:
            moment = step.wake_at
        case StepState.WAITING:
            moment = step.until or step.wake_at
        case _:
            moment = None
    if moment is None:
        return ""
    return from_now(moment, facts.now) if moment > facts.now else "due now"


def _usually(step: StepRow, usual_s: float | None) -> str:
    """What somebody who waits for a step compares its time with."""
    is_at_it = step.state == StepState.RUNNING and usual_s is not None
    return f"usually {length(usual_s)}" if is_at_it and usual_s is not None else ""


def took(facts: RunFacts, step: StepRow) -> str:
    if step.started_at is None:
        return "–"
    goes_on = step.state in (StepState.RUNNING, StepState.WAITING)
    end = facts.now if goes_on else step.finished_at
    return length((end - step.started_at).total_seconds()) if end else "–"


def problem(step: StepRow) -> str:
    """The first line of a step's error."""
    if not step.error or step.state in DONE:
        return ""
    told = str(step.error.get("message") or step.error.get("type") or step.error.get("word") or "")
    return next(iter(told.strip().splitlines()), "")[:200]


def _try(one: Try) -> TryShown:
    return TryShown(
        id=one.id,
        number=one.number,
        look=words.OUTCOME[one.outcome],
        error=one.error,
        sent=words.SENT.get(one.sent, ""),
        worker=one.worker,
        task_id=one.task_id,
        started_at=one.started_at,
        took=length((one.finished_at - one.started_at).total_seconds()),
        cost=money(one.cost_microusd) if one.cost_microusd is not None else "",
    )


def _item(item: Mapping[str, Any]) -> dict[str, Any]:
    return {**item, "look": words.VERDICT[item["verdict"]["key"]]}
