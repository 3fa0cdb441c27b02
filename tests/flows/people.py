"""Approvals that take more than one person, and workflows that say whom they ask."""

from __future__ import annotations

from aiops.flow import Decision, approval, series, step, workflow
from tests.flows.script import Job, script


@step
def offer(job: Job) -> str:
    return script.act("offer", f"an offer for {job.label}")


@step(pool="effects", effect="once")
def wire(offer: str) -> str:
    return script.act("wire", "wired")


two_people = workflow(
    "two_people",
    input=Job,
    flow=series(
        offer,
        approval(
            "Wire the money?",
            shows=offer,
            due_h=2,
            people=2,
            not_by_starter=True,
            group="treasury",
            severity="critical",
            name="agree",
        ),
        wire,
    ),
)


@step
def guess(job: Job) -> str:
    return script.act("guess", "a guess")


@step
def noted(told: Decision) -> str:
    return script.act("noted", f"{told.by}: {told.approved}")


owned = workflow(
    "owned",
    input=Job,
    group="support",
    severity="low",
    flow=series(guess, approval("Keep the guess?", name="told"), noted),
)
