"""Steps that ask a model, once or more often, and may stumble afterwards."""

from __future__ import annotations

from aiops.flow import Retry, for_each, series, step, workflow
from aiops.providers.port import complete, embed
from tests.flows.script import Job, script

#: Each is 100 tokens at most, and is asked with 30 or so: see PRICES in the tests.
MAX_TOKENS = 100


def asked(what: str, **how: object) -> str:
    return complete(what, max_tokens=MAX_TOKENS, timeout_s=20, **how).text  # type: ignore[call-overload, no-any-return]  # a test's own options


@step(pool="llm", retry=Retry(attempts=4, first_s=0.01, jitter=False))
def think(job: Job) -> list[str]:
    """Three calls, and then whatever the test wants."""
    said = [asked(f"think of {job.label} {number}") for number in range(3)]
    return script.act("think", said)


@step
def conclude(think: list[str]) -> int:
    return script.act("conclude", len(think))


thinking = workflow("thinking", input=Job, flow=series(think, conclude))
thrifty = workflow("thrifty", input=Job, budget_usd=0.001, flow=series(think, conclude))


@step(pool="llm", retry=Retry(attempts=4, first_s=0.01, jitter=False))
def sample(job: Job) -> list[str]:
    """The same question twice, on purpose; and one that is always asked anew."""
    said = [asked("one of many"), asked("one of many"), asked("how late is it", fresh=True)]
    embed(["a text", "another"])
    return script.act("sample", said)


sampling = workflow("sampling", input=Job, flow=series(sample))


@step(pool="llm", retry=Retry(attempts=4, first_s=0.01, jitter=False))
def ask_item(item: int) -> str:
    return script.act("ask_item", asked(f"item {item}"))


@step
def count_items(ask_item: list[str | None]) -> int:
    return len(ask_item)


surveying = workflow(
    "surveying",
    input=Job,
    flow=series(for_each("input.items", ask_item, max_parallel=4), count_items),
)
