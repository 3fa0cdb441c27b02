"""Steps whose answers may have to be mended: structured, checked, streamed, or asked of another model."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel

from aiops.flow import (
    Finding,
    Retry,
    StepContext,
    approval,
    checks,
    for_each,
    series,
    step,
    workflow,
)
from aiops.providers.port import complete
from tests.flows.script import Job, script

QUICK = Retry(attempts=4, first_s=0.01, jitter=False)


class Verdict(BaseModel):
    mood: Literal["good", "bad"]
    why: str


@step(pool="llm", retry=QUICK)
def judge(job: Job) -> Verdict:
    """Two calls; it is the second that a test lets go wrong."""
    complete(f"warm up for {job.label}", max_tokens=50)
    return complete(f"judge {job.label}", output=Verdict, max_tokens=50, timeout_s=20).value


@step
def conclude(judge: Verdict) -> str:
    return script.act("conclude", judge.mood)


judging = workflow("judging", input=Job, flow=series(judge, conclude))


@step(pool="llm", retry=Retry(attempts=4, first_s=0.01, jitter=False, repairs=0))
def hasty_judge(job: Job) -> Verdict:
    return complete(f"judge {job.label}", output=Verdict, max_tokens=50, timeout_s=20).value


hasty = workflow("hasty", input=Job, flow=hasty_judge)


class Letter(BaseModel):
    text: str


def polite(result: Letter) -> Finding:
    return checks.forbidden(result.text, ["stupid", "your own fault"])


def exact(result: Letter, job: Job) -> list[Finding]:
    return [checks.numbers_match(result.text, [job.label, str(job.number)])]


@step(pool="llm", retry=QUICK, checks=[polite, exact])
def write(job: Job) -> Letter:
    return Letter(text=complete(f"write about {job.label}", max_tokens=50, timeout_s=20).text)


@step(pool="effects", effect="once")
def post(write: Letter) -> str:
    return script.act("post", write.text)


writing = workflow("writing", input=Job, flow=series(write, post))
approved_writing = workflow(
    "approved_writing", input=Job, flow=series(write, approval("Send it?", shows=write), post)
)


def item_is_polite(result: str) -> Finding:
    return checks.forbidden(result, ["stupid"])


@step(pool="llm", retry=QUICK, checks=[item_is_polite])
def write_each(item: int) -> str:
    return complete(f"write about {item}", max_tokens=50, timeout_s=20).text


writing_all = workflow(
    "writing_all", input=Job, flow=for_each("input.items", write_each, tolerate=0.5)
)


@step(pool="llm", retry=QUICK, timeout_s=60)
def narrate(job: Job, context: StepContext) -> str:
    context.progress(0.5, "Writing")
    return complete(f"tell of {job.label}", timeout_s=50, stream_to=context).text


narrating = workflow("narrating", input=Job, flow=narrate)
