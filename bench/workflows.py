"""Workflows that do nothing but be run: what is measured is the engine."""

from __future__ import annotations

import inspect
import time
from collections.abc import Sequence

from pydantic import BaseModel

from aiops.flow import StepContext, for_each, parallel, series, step, workflow
from aiops.flow.steps import Step
from aiops.flow.workflows import Workflow

CHAIN = 20
NAP_S = 0.05
#: How long the first attempt of the step whose worker is killed would take.
VICTIM_S = 300.0


class Start(BaseModel):
    number: int = 1
    items: list[int] = []


@step
def first(start: Start) -> int:
    return start.number


def _adder(name: str, source: str, pool: str) -> Step:
    """A step that adds one to the result of `source`; workers find it by its name here."""

    def add(**values: int) -> int:
        return values[source] + 1

    parameter = inspect.Parameter(source, inspect.Parameter.KEYWORD_ONLY, annotation=int)
    add.__name__ = add.__qualname__ = name
    add.__annotations__ = {source: int, "return": int}
    add.__signature__ = inspect.Signature([parameter])  # type: ignore[attr-defined]
    made: Step = step(pool=pool)(add)
    globals()[name] = made
    return made


def _chain(name: str, length: int, pools: Sequence[str]) -> Workflow:
    """`first`, and steps that each take the result of the one before, pool after pool in turn."""
    steps: list[Step] = [first]
    for number in range(1, length):
        pool = pools[number % len(pools)]
        steps.append(_adder(f"{name}_{number}", steps[-1].name, pool))
    return workflow(f"bench_{name}", version=1, input=Start, flow=series(*steps))


five = _chain("five", 5, ["io"])
twenty = _chain("twenty", CHAIN, ["io"])
hopping = _chain("hopping", CHAIN, ["io", "llm"])


@step
def left(first: int) -> int:
    return first + 1


@step(pool="llm")
def right(first: int) -> int:
    return first + 2


@step
def total(left: int, right: int) -> int:
    return left + right


diamond = workflow(
    "bench_diamond", version=1, input=Start, flow=series(first, parallel(left, right), total)
)


@step
def square(item: int) -> int:
    return item * item


@step
def summed(square: list[int]) -> int:
    return sum(square)


squares = workflow(
    "bench_squares",
    version=1,
    input=Start,
    flow=series(for_each(items="input.items", do=square, max_parallel=16), summed),
)


@step
def nap(item: int) -> int:
    time.sleep(NAP_S)
    return item


@step
def napped(nap: list[int]) -> int:
    return len(nap)


naps = workflow(
    "bench_naps",
    version=1,
    input=Start,
    flow=series(for_each(items="input.items", do=nap, max_parallel=16), napped),
)


@step
def one_nap(start: Start) -> int:
    time.sleep(NAP_S)
    return start.number


single = workflow("bench_single", version=1, input=Start, flow=series(one_nap))


knocked = workflow("bench_knocked", version=1, input=Start, flow=series(first))


@step(pool="effects", timeout_s=2 * VICTIM_S)
def victim(start: Start, context: StepContext) -> int:
    """Hang the first time, so that the worker can be killed; come back at once the second."""
    if context.attempt == 1:
        time.sleep(VICTIM_S)
    return context.attempt


killed = workflow("bench_killed", version=1, input=Start, flow=series(victim))
