"""The five answers about a run: for one screen, one API call and one command."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from datetime import datetime
from typing import Any
from uuid import UUID

from aiops.execution import judge, user_view
from aiops.execution.facts import STOPPED, ItemGroup, RunFacts, StepRow, load
from aiops.execution.held_back import held, held_step
from aiops.execution.holds import Held
from aiops.execution.retry_price import price_of_run, price_of_step
from aiops.models import Reason, Run, RunState, StepState
from aiops.models.step import DONE


def five_answers(run_id: UUID) -> dict[str, Any]:
    """Answer, as plain JSON: state and waits, successes, retries, people, the user's view.

    Raises Run.DoesNotExist.
    """
    return answers_of(load(run_id))


def answers_of(facts: RunFacts) -> dict[str, Any]:
    """The five answers, for somebody who has read the run already."""
    run = facts.run
    return {
        "run_id": str(run.id),
        "workflow": run.workflow,
        "workflow_version": facts.plan.version,
        "title": run.title,
        "tenant": run.tenant,
        "key": run.key,
        "started_by": run.started_by,
        "version": facts.newest_event,
        "asked_at": _at(facts.now),
        "state": state(facts),
        "succeeded": succeeded(facts),
        "retry": retry(facts),
        "person": person(facts),
        "user": user(facts),
    }


def state(facts: RunFacts) -> dict[str, Any]:
    """Answer 1: where it stands, and what it waits for, since when, until when at the latest."""
    run, on_hold = facts.run, held(facts)
    waits = [] if run.is_ended else [_wait(facts, step) for step in facts.steps if _is_open(step)]
    untils = [wait["until"] for wait in waits if wait["until"]]
    return {
        "key": run.state,
        "word": run.get_state_display(),
        "reason": on_hold.sentence if on_hold else run.reason,
        "since": _at(run.since),
        "until": min(untils, default=_at(run.deadline_at)),
        "is_ended": run.is_ended,
        "paused_at": _at(run.paused_at),
        # What the pause of a pool or a workflow keeps from going on, if nothing else goes on.
        "held": asdict(on_hold) if on_hold else None,
        "cancel_requested_at": _at(run.cancel_requested_at),
        "deadline_at": _at(run.deadline_at),
        "behind": str(run.after_id) if run.after_id else None,
        "created_at": _at(run.created_at),
        "started_at": _at(run.started_at),
        "finished_at": _at(run.finished_at),
        "waits": waits,
    }


def succeeded(facts: RunFacts) -> dict[str, Any]:
    """Answer 2: what is finished for good, when, after how many attempts, at what cost."""
    done = [step for step in facts.steps if step.state in DONE]
    told = (tally.cost_microusd for tally in facts.tallies.values())
    costs = [cost for cost in told if cost is not None]
    return {
        "steps_done": sum(step.name in facts.plan.by_name for step in done),
        "steps_total": len(facts.plan.nodes),
        "cost_microusd": sum(costs) if costs else None,
        "steps": [_success(facts, step) for step in done],
    }


def retry(facts: RunFacts) -> dict[str, Any]:
    """Answer 3: what can be retried safely, why, and what it would cost."""
    steps = [step for step in facts.steps if step.state not in DONE]
    why_not = refusal(facts.run, any(judge.is_stopped(facts, step) for step in steps))
    return {
        "is_possible": not why_not,
        "why_not": why_not,
        "verdict": asdict(judge.of_run(facts)),
        "price": asdict(price_of_run(facts)),
        "steps": [
            {
                "name": step.name,
                "state": step.state,
                "verdict": asdict(judge.of_step(facts, step)),
                "price": asdict(price_of_step(facts, step)),
                "error": _error(step.error),
                **_tries(facts, step),
            }
            for step in steps
        ],
        "failed_items": _failed_items(facts),
        "failed_items_total": sum(
            group.number
            for groups in facts.items.values()
            for group in groups
            if group.state in STOPPED
        ),
    }


def person(facts: RunFacts) -> dict[str, Any]:
    """Answer 4: what needs a person, who has it, and by when."""
    asked = facts.questions
    return {
        "total": asked[0]["total"] if asked else 0,
        "questions": [
            {
                "id": str(row["id"]),
                "kind": row["kind"],
                "question": row["question"],
                "answers": row["answers"],
                "owner": row["owner"],
                "step": row["step__name"] or "",
                "item": row["step__item"],
                "opened_at": _at(row["opened_at"]),
                "due_at": _at(row["due_at"]),
                "is_overdue": row["due_at"] is not None and row["due_at"] < facts.now,
                "if_nobody": row["if_nobody"],
            }
            for row in asked
        ],
    }


def user(facts: RunFacts) -> dict[str, Any]:
    """Answer 5: what the user sees meanwhile."""
    return user_view.of_facts(facts)


def refusal(run: Run, has_stopped: bool) -> str:
    """Why nothing of this run can be retried; "" when something can."""
    if run.state == RunState.CANCELLED or run.cancel_requested_at is not None:
        return "It was cancelled: replay it as a new run instead."
    if run.state in (RunState.SUCCEEDED, RunState.PARTIAL):
        return "It has succeeded: replay it as a new run instead."
    return "" if has_stopped else "No step of it has failed."


def _is_open(step: StepRow) -> bool:
    if step.state == StepState.PENDING:
        return step.wake_at is not None  # put off
    return step.state not in (*DONE, StepState.FAILED, StepState.CANCELLED)


def _wait(facts: RunFacts, step: StepRow) -> dict[str, Any]:
    """The live reason of an unfinished step."""
    on_hold = held_step(facts, step)
    until = None if on_hold else _until(facts, step)
    entry: dict[str, Any] = {
        "step": step.name,
        "state": step.state,
        "word": StepState(step.state).label,
        "waits_for": _waits_for(step, on_hold),
        "since": _at(step.since),
        "until": _at(until),
        # Past it, the keeper is about to act; a person's question may be late and stay open.
        "is_overdue": until is not None and until < facts.now,
        "worker": step.worker if step.state == StepState.RUNNING else "",
        "child": str(step.child) if step.reason == Reason.CHILD and step.child else None,
        "held": asdict(on_hold) if on_hold else None,
    }
    groups = facts.items.get(step.id)
    if groups:
        entry["items"] = _counts(groups)
    return entry


def _waits_for(step: StepRow, on_hold: Held | None) -> str:
    if on_hold is not None:
        return on_hold.wait
    return Reason(step.reason).label if step.reason else ""


def _until(facts: RunFacts, step: StepRow) -> datetime | None:
    """When this wait ends at the latest, or is looked at again."""
    match step.state:
        case StepState.RUNNING:
            return step.lease_until
        case StepState.QUEUED:
            return step.dispatch_due
        case StepState.RETRYING:
            return step.wake_at
        case StepState.ATTENTION:
            return next((q["due_at"] for q in facts.questions if q["step_id"] == step.id), None)
        case StepState.WAITING if step.reason == Reason.LANE and step.lane in facts.lanes:
            # None: nobody knows; its own patience is hours away, and says nothing.
            return facts.lanes[step.lane].held_until
        case _:
            return step.until or step.wake_at or step.dispatch_due


def _success(facts: RunFacts, step: StepRow) -> dict[str, Any]:
    groups = facts.items.get(step.id)
    return {
        "name": step.name,
        "state": step.state,
        "at": _at(step.finished_at),
        "took_s": _took_s(step),
        **_tries(facts, step),
        **({"items": _counts(groups)} if groups else {}),
    }


def _tries(facts: RunFacts, step: StepRow) -> dict[str, Any]:
    tally = facts.tallies.get(step.id)
    return {
        "attempts": tally.attempts if tally else 0,
        "cost_microusd": tally.cost_microusd if tally else None,
    }


def _took_s(step: StepRow) -> float | None:
    if step.started_at is None or step.finished_at is None:
        return None
    return round((step.finished_at - step.started_at).total_seconds(), 3)


def _failed_items(facts: RunFacts) -> list[dict[str, Any]]:
    return [
        {
            "name": row.name,
            "item": row.item,
            "state": row.state,
            "verdict": asdict(judge.of_item(facts, row)),
            "attempts": row.fence,
            "error": _error(row.error),
        }
        for row in facts.failed_items
    ]


def _counts(groups: Iterable[ItemGroup]) -> dict[str, int]:
    found: dict[str, int] = {}
    for group in groups:
        found[group.state] = found.get(group.state, 0) + group.number
    return {"total": sum(found.values()), **found}


def _error(error: Any) -> dict[str, Any] | None:
    """An error without its traceback."""
    if not error:
        return None
    return {key: error.get(key, "") for key in ("word", "type", "message", "code", "fingerprint")}


def _at(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None
