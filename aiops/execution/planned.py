"""What all plans share: the value itself, what guards it, its price, and common refusals."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Literal
from uuid import UUID

from aiops.execution import estimates, offers, outlook
from aiops.execution.answers import refusal
from aiops.execution.facts import RunFacts, StepRow
from aiops.execution.offers import Tone
from aiops.execution.outlook import Again, Stopped
from aiops.execution.user_status import UserStatus
from aiops.execution.verdict import worst
from aiops.models import Escalation, RunState, StepState
from aiops.models.step import DONE

#: What a form asks for besides the reason.
Wants = Literal["", "result", "input", "person"]

OVERRIDE = "aiops.override_safety"
LOOKED = "I have looked: it did not go out."


@dataclass(frozen=True, slots=True)
class Plan:
    """A dry run of one verb. What is empty is not told."""

    run_id: UUID
    verb: str
    step: str | None
    #: The question that the verb answers or takes.
    escalation: Escalation | None
    #: The title, as a question; and the words on the button, with the number of steps.
    title: str
    button: str
    tone: Tone
    again: tuple[Again, ...] = ()
    stopped: tuple[Stopped, ...] = ()
    kept: tuple[str, ...] = ()
    #: What has gone out and is not undone.
    gone_out: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    #: None: not known. Never 0.
    lasts_s: float | None = None
    cost_microusd: int | None = None
    #: What the user reads afterwards (of a replay: about the new run).
    reads: UserStatus | None = None
    needs_reason: bool = False
    #: The sentence beside the box that must be ticked; "" for no box.
    tick: str = ""
    permissions: tuple[str, ...] = ()
    wants: Wants = ""
    #: Why it cannot be done, and what to do instead; "" when it can.
    refused: str = ""
    #: Of exactly the steps that the plan touches: another one means that they have moved.
    fingerprint: str = ""


@dataclass(frozen=True, slots=True)
class Aim:
    """A verb, and what it is aimed at."""

    facts: RunFacts
    verb: str
    step: str | None = None
    asked: Escalation | None = None

    def blank(self, **fields: object) -> Plan:
        """The plan as far as the verb alone tells it."""
        is_answer = self.asked is not None and self.verb != "claim"
        labels = offers.ANSWER_LABELS if is_answer else offers.LABELS
        label = labels[self.verb]
        found = Plan(
            run_id=self.facts.run.id,
            verb=self.verb,
            step=self.step,
            escalation=self.asked,
            title=f"{label}?",
            button=label,
            tone="danger" if self.verb in _DANGER else "primary",
            permissions=(offers.permission(self.verb, answers_a_question=is_answer),),
        )
        return replace(found, **fields)  # type: ignore[arg-type]  # each caller names real fields

    def row(self) -> StepRow | None:
        """The step of the plan that is aimed at."""
        return next((s for s in self.facts.steps if s.name == self.step), None)


@dataclass(frozen=True, slots=True)
class Draft:
    """A plan, and what its fingerprint is made of."""

    plan: Plan
    touched: Sequence[StepRow] = ()
    #: Columns of the run itself that matter to this verb.
    columns: tuple[str, ...] = ("finished_at", "cancel_requested_at")


_DANGER = frozenset({"cancel", "cancel_now", "reject"})


def guarded(found: Plan) -> Plan:
    """What must be looked at first needs a tick, a reason, and the permission for it."""
    judged = worst(step.verdict for step in found.again)
    counted = f"{found.button} ({number(len(found.again), 'step')})"
    if judged is None or judged.key != "check":
        return replace(found, button=counted)
    permissions = (*found.permissions, OVERRIDE)
    return replace(found, button=counted, tick=LOOKED, needs_reason=True, permissions=permissions)


def overriding(aim: Aim, twice: Sequence[str]) -> dict[str, object]:
    """What it takes to let effects happen a second time."""
    if not twice:
        return {}
    own = offers.permission(aim.verb, answers_a_question=False)
    return {
        "tick": f"I want this to go out a second time: {named(twice)}.",
        "needs_reason": True,
        "permissions": (own, OVERRIDE),
    }


def unknown(facts: RunFacts, name: str) -> str:
    if name in facts.plan.by_name:
        return ""
    return f"There is no step {name!r}; the steps are {', '.join(facts.plan.by_name)}."


def closed(facts: RunFacts) -> str:
    """Why no step of this run can be changed any more."""
    run = facts.run
    if run.state in (RunState.CANCELLED, RunState.SUCCEEDED, RunState.PARTIAL):
        return refusal(run, True)
    return refusal(run, True) if run.cancel_requested_at is not None else ""


def live(facts: RunFacts, steps: Iterable[StepRow]) -> str:
    live = [
        step.name
        for step in steps
        if step.state == StepState.RUNNING
        or any(group.state == StepState.RUNNING for group in facts.items.get(step.id, ()))
    ]
    return f"{named(live)} is running: wait until it ends, or cancel the run." if live else ""


def finished(row: StepRow) -> str:
    if row.state in (*DONE, StepState.CANCELLED):
        return f"{row.name} is {StepState(row.state).label.lower()} already."
    return ""


def with_cost(facts: RunFacts, found: Plan, steps: Sequence[StepRow], *, whole: bool) -> Plan:
    counts = {step.name: outlook.repeats(facts, step, whole=whole) for step in steps}
    usual = estimates.usual_s(facts, counts) if counts else {}
    return replace(
        found,
        lasts_s=estimates.together_s(facts.plan, usual, counts),
        cost_microusd=_cost(facts, steps, counts),
    )


def _cost(facts: RunFacts, steps: Sequence[StepRow], counts: dict[str, int]) -> int | None:
    """What the attempts cost on average, for as many as run again; one unknown makes it unknown."""
    total = 0.0
    for step in steps:
        tally = facts.tallies.get(step.id)
        if tally is None or tally.mean_cost_microusd is None:
            return None
        total += tally.mean_cost_microusd * (counts[step.name] or 1)
    return round(total) if steps else None


def told(*sentences: str) -> tuple[str, ...]:
    return tuple(sentence for sentence in sentences if sentence)


def named(names: Iterable[str]) -> str:
    return ", ".join(names)


def number(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
