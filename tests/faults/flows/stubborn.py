"""Steps that do what nobody should: kill their process, hear nothing, stop for nobody."""

import os
import signal
import time

from pydantic import BaseModel

from aiops.flow import StepContext, step, workflow
from tests.faults.outside import effect, gate


class Load(BaseModel):
    is_poison: bool = False


@step(pool="cpu")
def parse(load: Load, context: StepContext) -> int:
    """A parser with a bug that takes its whole process down, as native code can."""
    number = effect("parse", context.idempotency_key)
    if load.is_poison:
        os.kill(os.getpid(), signal.SIGKILL)
    return number


parsing = workflow("parsing", input=Load, flow=parse)


@step(pool="cpu", timeout_s=0.5)
def compress(context: StepContext) -> int:
    """At the first attempt it swallows whatever is raised in it, and goes on for ever."""
    number = effect("compress", context.idempotency_key)
    while context.attempt == 1:
        try:
            time.sleep(0.05)
        except BaseException:  # noqa: S112  # that is what is wrong with it
            continue
    return number


compressing = workflow("compressing", input=Load, flow=compress)


@step(timeout_s=0.5)
def fetch(context: StepContext) -> int:
    """It waits for as long as the outside lets it, whatever its time limit says."""
    return effect("fetch", context.idempotency_key)


fetching = workflow("fetching", input=Load, flow=fetch)


@step(pool="cpu")
def render(context: StepContext) -> int:
    """It looks at nothing but its own work."""
    return effect("render", context.idempotency_key)


rendering = workflow("rendering", input=Load, flow=render)


@step
def crawl(context: StepContext) -> int:
    """It looks now and then whether somebody wants it to stop."""
    number = effect("crawl", context.idempotency_key)
    gate("crawl.begun")
    while not context.is_cancelled():
        time.sleep(0.02)
    context.raise_if_cancelled()
    return number


crawling = workflow("crawling", input=Load, flow=crawl)
