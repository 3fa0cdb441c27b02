"""Steps that submit a job outside and come back for its result."""

from __future__ import annotations

from aiops.flow import Absent, Later, Retry, Unsure, for_each, series, step, workflow
from tests.flows.script import Job, script


def find_the_job(job: Job) -> Later[str] | Absent | Unsure:
    return script.act("find_the_job", Absent())


def look_at_the_job(job: Job, handle: str) -> str | Later[str]:
    script.keys.append(handle)
    return script.act("look_at_the_job", f"the result of {handle}")


def stop_the_job(handle: str) -> None:
    script.keys.append(f"stop {handle}")
    script.act("stop_the_job", None)


@step(
    pool="batch", effect="once", reconcile=find_the_job, poll=look_at_the_job, cancel=stop_the_job,
    says="Waiting for the provider",
)  # fmt: skip
def submit(job: Job) -> Later[str]:
    return script.act("submit", Later("job-1"))


@step
def use_it(submit: str) -> str:
    return script.act("use_it", f"used {submit}")


submitted = workflow("submitted", input=Job, flow=series(submit, use_it))


def look_at_one(item: int, handle: int) -> int | Later[int]:
    return script.act(f"look_at_one {item}", handle * 10)


def stop_one(item: int, handle: int) -> None:
    script.act(f"stop_one {item} {handle}", None)


@step(pool="batch", effect="idempotent", retry=Retry(attempts=1), poll=look_at_one, cancel=stop_one)
def submit_one(item: int) -> Later[int]:
    return script.act(f"submit_one {item}", Later(item))


@step
def add_up(submit_one: list[int]) -> int:
    return sum(submit_one)


many_jobs = workflow(
    "many_jobs",
    input=Job,
    flow=series(for_each("input.items", submit_one, max_parallel=3), add_up),
)
