"""How long a run usually takes, for somebody who waits for one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from aiops.admin.page.amounts import length
from aiops.execution import estimates
from aiops.execution.facts import RunFacts, StepRow
from aiops.flow.plan import WORKED
from aiops.models.step import DONE


def steps(facts: RunFacts) -> list[str]:
    """The steps whose usual times matter; none of a run that is over."""
    return [] if facts.run.is_ended else [n.name for n in facts.plan.nodes if n.kind in WORKED]


def told(facts: RunFacts, usual_s: Mapping[str, float]) -> str:
    """The work of the whole, and of what is left of it; "" while it is not known."""
    if facts.run.is_ended:
        return ""
    whole = _work_s(facts, facts.steps, usual_s)
    left = _work_s(facts, [step for step in facts.steps if step.state not in DONE], usual_s)
    if whole is None:
        return ""
    return f"{length(whole)} of work" + (f", {length(left)} left" if left is not None else "")


def _work_s(
    facts: RunFacts, steps: Iterable[StepRow], usual_s: Mapping[str, float]
) -> float | None:
    """The work of these steps from the first to the last; what people and events take is not known."""
    worked = {
        step.name: sum(group.number for group in facts.items.get(step.id, ()))
        for step in steps
        if step.kind in WORKED
    }
    return estimates.together_s(facts.plan, usual_s, worked) if worked else 0.0
