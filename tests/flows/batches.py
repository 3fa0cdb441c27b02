"""A provider's batch as a step, as an author would write it."""

from __future__ import annotations

from pydantic import BaseModel

from aiops.flow import Absent, Later, StepContext, series, step, workflow
from aiops.providers import batch
from tests.flows.script import script


class Mails(BaseModel):
    mails: list[str]


def find_batch(context: StepContext) -> Later[list[str | None]] | Absent:
    found = batch.find(context.idempotency_key)
    return Later(found) if found else Absent()


def look_at_batch(mails: Mails, handle: str) -> list[str | None] | Later[list[str | None]]:
    seen = batch.look(handle)
    if not seen.is_over:
        return Later(handle, share=seen.share, text=seen.text)
    got = batch.collect(handle, len(mails.mails))
    return [None if one.error else one.text for one in got]


def stop_batch(handle: str) -> None:
    batch.cancel(handle)


@step(
    pool="batch", effect="once", timeout_s=600,
    reconcile=find_batch, poll=look_at_batch, cancel=stop_batch,
)  # fmt: skip
def classify_all(mails: Mails, context: StepContext) -> Later[list[str | None]]:
    handle = batch.submit(mails.mails, reference=context.idempotency_key, max_tokens=10)
    return script.act("classify_all", Later(handle))


nightly = workflow("nightly", input=Mails, flow=series(classify_all))
