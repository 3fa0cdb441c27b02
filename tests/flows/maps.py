"""Maps: of pure steps, of tolerated failures, of effects that happen once."""

from __future__ import annotations

from aiops.flow import Retry, StepContext, for_each, series, step, workflow
from tests.flows.script import Job, script

SOON = Retry(attempts=2, first_s=10, jitter=False)


@step
def numbers(job: Job) -> list[int]:
    return script.act("numbers", job.items)


@step(retry=SOON)
def square(item: int) -> int:
    return script.act(f"square[{item}]", item * item)


@step
def added(square: list[int]) -> int:
    return script.act("added", sum(square))


squares = workflow(
    "squares",
    input=Job,
    flow=series(numbers, for_each(numbers, square, max_parallel=3), added),
)


@step(retry=SOON)
def root(item: int) -> int:
    return script.act(f"root[{item}]", item)


@step
def found(root: list[int | None]) -> list[int | None]:
    return script.act("found", root)


roots = workflow(
    "roots",
    input=Job,
    flow=series(for_each("input.items", root, max_parallel=2, tolerate=0.5), found),
)


@step(pool="effects", effect="once")
def post(item: int, context: StepContext) -> str:
    script.keys.append(context.idempotency_key)
    return script.act(f"post[{item}]", f"sent {item}")


@step
def posted(post: list[str]) -> int:
    return script.act("posted", len(post))


posts = workflow(
    "posts", input=Job, flow=series(for_each("input.items", post, max_parallel=2), posted)
)
