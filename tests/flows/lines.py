"""Series and parallels."""

from __future__ import annotations

import inspect
from typing import Any

from aiops.flow import StepContext, parallel, series, step, workflow
from tests.flows.script import Job, script


@step
def one(job: Job) -> int:
    return script.act("one", job.number)


@step
def two(one: int) -> int:
    return script.act("two", one + 1)


@step
def three(two: int, context: StepContext) -> int:
    script.keys.append(context.idempotency_key)
    return script.act("three", two + 1)


line = workflow("line", input=Job, flow=series(one, two, three))


@step(says="Writing", streams=True)
def type_out(job: Job) -> int:
    return script.act("type_out", job.number)


typed = workflow("typed", input=Job, flow=type_out)


@step(pool="llm")
def ask(one: int) -> int:
    return script.act("ask", one * 10)


@step
def close(ask: int) -> int:
    return script.act("close", ask + 1)


relay = workflow("relay", input=Job, flow=series(one, ask, close))


@step
def left(one: int) -> int:
    return script.act("left", one + 1)


@step
def left_on(left: int) -> int:
    return script.act("left_on", left + 1)


@step(pool="llm")
def right(one: int) -> int:
    return script.act("right", one + 2)


@step
def total(left_on: int, right: int) -> int:
    return script.act("total", left_on + right)


diamond = workflow(
    "diamond", input=Job, flow=series(one, parallel(series(left, left_on), right), total)
)
two_ends = workflow("two_ends", input=Job, flow=series(one, parallel(left, right)))


@step
async def wait_a_little(job: Job) -> int:
    return script.act("wait_a_little", job.number)


patient = workflow("patient", input=Job, flow=wait_a_little)


@step
def write(job: Job) -> str:
    return script.act("write", job.label)


@step
def measure(write: str) -> int:
    return script.act("measure", len(write))


large = workflow("large", input=Job, flow=series(write, measure))


def _link(number: int) -> Any:
    """A step that takes the result of the one before it; the first takes the input."""

    def link(**_: Any) -> int:
        return number

    link.__name__ = link.__qualname__ = f"s{number:02}"
    name, kind = (f"s{number - 1:02}", int) if number else ("job", Job)
    parameter = inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY)
    link.__signature__ = inspect.Signature([parameter])  # type: ignore[attr-defined]  # as written
    link.__annotations__ = {name: kind, "return": int}
    made = globals()[link.__name__] = step(link)
    return made


twenty = workflow("twenty", input=Job, flow=series(*(_link(number) for number in range(20))))


@step(pool="cpu", timeout_s=0.05)
def crunch(job: Job) -> int:
    return script.act("crunch", job.number)


crunching = workflow("crunching", input=Job, flow=crunch)
