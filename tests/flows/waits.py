"""Steps that only wait: for a person, an event, a time, a child run."""

from __future__ import annotations

from pydantic import BaseModel

from aiops.flow import (
    Decision,
    approval,
    parallel,
    run_workflow,
    series,
    sleep,
    step,
    wait_for,
    workflow,
)
from tests.flows.lines import line
from tests.flows.script import Job, script


@step
def compose(job: Job) -> str:
    return script.act("compose", f"dear {job.label}")


@step(pool="effects", effect="once")
def deliver(compose: str) -> str:
    return script.act("deliver", f"delivered {compose}")


letter = workflow(
    "letter",
    input=Job,
    flow=series(compose, approval("Send it?", shows=compose, due_h=4, name="agree"), deliver),
)


@step
def note(agree: Decision) -> str:
    return script.act("note", f"{agree.by}: {agree.approved}")


memo = workflow(
    "memo",
    input=Job,
    flow=series(approval("Keep it?", due_h=4, on_reject="continue", name="agree"), note),
)
silence_is_yes = workflow(
    "silence_is_yes",
    input=Job,
    flow=series(approval("Keep it?", due_h=4, if_nobody="approve", name="agree"), note),
)
silence_is_no = workflow(
    "silence_is_no",
    input=Job,
    flow=series(approval("Keep it?", due_h=4, if_nobody="reject", name="agree"), note),
)


class Paid(BaseModel):
    pence: int


@step
def receipt(paid: Paid) -> int:
    return script.act("receipt", paid.pence)


payment = workflow(
    "payment",
    input=Job,
    flow=series(
        wait_for("order.paid", match="input.label", gives=Paid, timeout_h=2, name="paid"), receipt
    ),
)


@step
def look_up(job: Job) -> str:
    return script.act("look_up", job.label)


#: It is busy before it begins to wait.
later_payment = workflow(
    "later_payment",
    input=Job,
    flow=series(
        look_up,
        wait_for("order.paid", match="input.label", gives=Paid, timeout_h=2, name="paid"),
        receipt,
    ),
)


@step
def first_half(job: Job) -> int:
    return script.act("first_half", 1)


@step
def second_half(job: Job) -> int:
    return script.act("second_half", 2)


@step
def after_both(first_half: int, second_half: int) -> int:
    return script.act("after_both", first_half + second_half)


#: Two branches meet while a third one waits.
side_by_side = workflow(
    "side_by_side",
    input=Job,
    flow=parallel(
        series(parallel(first_half, second_half), after_both),
        wait_for("order.sent", match="input.label", timeout_h=2, name="sent"),
    ),
)


@step
def wake_up(job: Job) -> str:
    return script.act("wake_up", "good morning")


nap = workflow("nap", input=Job, flow=series(sleep(hours=1), wake_up))
overdue = workflow(
    "overdue",
    input=Job,
    deadline_h=1,
    flow=series(approval("Keep it?", due_h=4, name="agree"), note),
)


@step
def prepare(job: Job) -> Job:
    return script.act("prepare", Job(number=job.number + 1))


@step
def report(line: int) -> str:
    return script.act("report", f"child made {line}")


family = workflow(
    "family", input=Job, flow=series(prepare, run_workflow(line, input=prepare), report)
)


class Strict(BaseModel):
    pence: int


@step
def count_pence(strict: Strict) -> int:
    return script.act("count_pence", strict.pence)


strict = workflow("strict", input=Strict, flow=count_pence)


@step
def loose(job: Job) -> dict[str, str]:
    return script.act("loose", {"pence": job.label})


misfit = workflow("misfit", input=Job, flow=series(loose, run_workflow("strict", input=loose)))
