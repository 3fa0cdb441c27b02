"""A plan as the API tells it, and why one cannot be carried out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any
from uuid import UUID

from aiops.api.problems import Problem
from aiops.api.schemas import UserReads, Verdict
from aiops.api.schemas_verbs import AgainTold, PlanTold, StoppedTold
from aiops.execution.answers import answers_of
from aiops.execution.facts import load
from aiops.execution.offers import Offer, offers
from aiops.execution.planned import Plan
from aiops.execution.user_status import UserStatus
from aiops.execution.verdict import worst


def told(plan: Plan) -> PlanTold:
    """A plan as JSON."""
    return PlanTold(
        verb=plan.verb,
        step=plan.step,
        title=plan.title,
        is_possible=not plan.refused and not plan.tick,
        refused=plan.refused,
        must_look=plan.tick,
        needs_reason=plan.needs_reason,
        runs_again=[
            AgainTold(step=one.name, items=one.items, verdict=Verdict(**asdict(one.verdict)))
            for one in plan.again
        ],
        stopped=[StoppedTold(step=one.name, word=one.word) for one in plan.stopped],
        kept=list(plan.kept),
        already_sent=list(plan.gone_out),
        notes=list(plan.notes),
        lasts_s=plan.lasts_s,
        cost_microusd=plan.cost_microusd,
        user_reads=None if plan.reads is None else _reads(plan.reads),
        version=plan.fingerprint,
    )


def refuse(plan: Plan, *, reason: str) -> None:
    """Raise the Problem of a plan that a program may not carry out."""
    if plan.refused:
        raise not_possible(plan, plan.refused)
    if plan.tick:
        judged = worst(one.verdict for one in plan.again)
        why = judged.sentence if judged else plan.tick
        raise not_possible(
            plan,
            f"{why} A program cannot vouch for that: somebody looks and does it in the console, "
            "or take one of `instead`.",
            code="look-first",
        )
    if plan.needs_reason and not reason.strip():
        raise reason_missing()


def reason_missing() -> Problem:
    return Problem(422, "reason-missing", "A reason is needed", "Say why: it is kept with the run.")


def not_possible(plan: Plan, why: str, *, code: str = "not-possible") -> Problem:
    """The Problem that carries the verdict, the price, and what to do instead."""
    five = answers_of(load(plan.run_id))
    return Problem(
        409,
        code,
        "It cannot be done now",
        why,
        verdict=_verdict(plan, five),
        price=_price(plan, five),
        instead=list(_instead(plan, five)),
        plan=told(plan).model_dump(mode="json"),
    )


def moved_on(fresh: Plan) -> Problem:
    return Problem(
        409,
        "moved-on",
        "The run has moved on since you looked",
        "Look at `plan`, then send its `version`. Nothing was changed.",
        plan=told(fresh).model_dump(mode="json"),
    )


def _reads(status: UserStatus) -> UserReads:
    parts = [{"says": says, "place": place} for says, place in status.parts]
    return UserReads.model_validate({**asdict(status), "state": str(status.state), "parts": parts})


def _verdict(plan: Plan, five: dict[str, Any]) -> Any:
    """Of the step that was aimed at, else of the run."""
    return _of_step(plan, five).get("verdict", five["retry"]["verdict"])


def _price(plan: Plan, five: dict[str, Any]) -> Any:
    return _of_step(plan, five).get("price", five["retry"]["price"])


def _of_step(plan: Plan, five: dict[str, Any]) -> dict[str, Any]:
    return next((step for step in five["retry"]["steps"] if step["name"] == plan.step), {})


def _instead(plan: Plan, five: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """What a program can do about the run now."""
    for offer in offers(five, lambda _: True):
        address = None if offer.refused else _address(plan.run_id, offer)
        about_it = plan.step is None or offer.step in (None, plan.step)
        if address is not None and about_it and (offer.verb, offer.step) != (plan.verb, plan.step):
            yield {"verb": offer.verb, "step": offer.step, "post": address}


def _address(run_id: UUID, offer: Offer) -> str | None:
    """Where an offer of the console is found here; None for what only the console does."""
    run = f"/api/v1/runs/{run_id}"
    if offer.escalation is not None:
        is_answer = offer.verb != "claim"
        return f"/api/v1/questions/{offer.escalation}/answer" if is_answer else None
    match offer.verb:
        case "retry" | "retry_step":
            return f"{run}/retry"
        case "cancel" | "cancel_now":
            return f"{run}/cancel"
        case "supply" | "mark_done":
            return f"{run}/steps/{offer.step}/supply"
        case "skip":
            return f"{run}/steps/{offer.step}/skip"
        case _:
            return None
