"""What a retry would cost, and the finished work that it keeps. Unknown is None, never 0."""

from __future__ import annotations

from collections.abc import Iterable

from aiops.execution import judge
from aiops.execution.facts import STOPPED, RunFacts, StepRow
from aiops.execution.verdict import Price
from aiops.models import StepState


def price_of_run(facts: RunFacts) -> Price:
    """The price of retrying everything that has failed."""
    return _price(facts, list(judge.stopped(facts)))


def price_of_step(facts: RunFacts, step: StepRow) -> Price:
    """The price of retrying one step."""
    return _price(facts, [step])


def _price(facts: RunFacts, again: list[StepRow]) -> Price:
    kept = [step for step in facts.steps if step.state == StepState.SUCCEEDED]
    halves = [step for step in again if _items(facts, [step], (StepState.SUCCEEDED,))]
    return Price(
        cost_microusd=_sum(_cost(facts, step) for step in again),
        runs_again=sum(_repeats(facts, step) for step in again),
        keeps_steps=len(kept),
        keeps_items=_items(facts, facts.steps, (StepState.SUCCEEDED,)),
        keeps_cost_microusd=_kept_cost(facts, [*kept, *halves]),
    )


def _cost(facts: RunFacts, step: StepRow) -> int | None:
    """What the step's attempts cost on average, for as many as would run again."""
    tally = facts.tallies.get(step.id)
    if tally is None or tally.mean_cost_microusd is None:
        return None
    return round(tally.mean_cost_microusd * _repeats(facts, step))


def _repeats(facts: RunFacts, step: StepRow) -> int:
    """Attempts that a retry brings at least: one, or one for each failed item."""
    return _items(facts, [step], STOPPED) or 1


def _items(facts: RunFacts, steps: Iterable[StepRow], states: tuple[str, ...]) -> int:
    return sum(
        group.number
        for step in steps
        for group in facts.items.get(step.id, ())
        if group.state in states
    )


def _kept_cost(facts: RunFacts, kept: Iterable[StepRow]) -> int | None:
    """What was paid so far for work that a retry does not repeat; a map counts as a whole."""
    tallies = [facts.tallies.get(step.id) for step in kept]
    paid = [tally.cost_microusd for tally in tallies if tally and tally.cost_microusd]
    return sum(paid) if paid else None


def _sum(costs: Iterable[int | None]) -> int | None:
    """One unknown makes the whole unknown."""
    found = list(costs)
    known = [cost for cost in found if cost is not None]
    return sum(known) if known and len(known) == len(found) else None
