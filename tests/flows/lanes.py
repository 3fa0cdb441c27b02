"""Steps that ask a model, through the port."""

from __future__ import annotations

from typing import Any

from aiops.flow import for_each, series, step, workflow
from aiops.providers.port import complete
from tests.flows.script import Job, script


@step(pool="llm", timeout_s=20)
def reply(job: Job) -> str:
    usual: Any = lambda: complete(f"Say {job.number}", max_tokens=100).text  # noqa: E731  # an act
    return str(script.act("reply", usual))


asked = workflow("asked", input=Job, flow=reply)


@step(pool="llm", timeout_s=20)
def sort(item: int) -> str:
    return complete(f"Sort {item}", max_tokens=100).text


sorted_items = workflow("sorted_items", input=Job, flow=series(for_each("input.items", sort)))
