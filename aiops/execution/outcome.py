"""What follows an attempt that brought no result: decide (pure), then record."""

from __future__ import annotations

import random
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.utils import timezone

from aiops.execution import budgets, escalate, lane_question
from aiops.execution import claim as claims
from aiops.execution.advance import nudge, settle
from aiops.execution.claim import KEEP, Claim, Ending
from aiops.flow.errors import BUDGET_LINE, ErrorRecord
from aiops.flow.later import Later
from aiops.flow.plan import PlanNode
from aiops.flow.retry import (
    Escalate,
    Fail,
    History,
    Park,
    Reaction,
    Repair,
    Retry,
    RetryAt,
    decide,
)
from aiops.models import Outcome, Reason, StepState, transitions
from aiops.models.step import UNDO

#: A step that loses this many workers is quarantined: it may be what kills them.
MAX_LOSSES = 3

#: Questions that an item of a map asks by itself; its other failures are the map's to ask about.
_ASKED_BY_ITEMS = frozenset({"in_doubt", "question"})


@dataclass(frozen=True, slots=True)
class Verdict:
    """How the attempt ends, and the question a person is asked about it."""

    ending: Ending
    ask: Escalate | None = None


#: Spreads retries; not a secret.
_rng = random.SystemRandom()


def react_now(claim: Claim, node: PlanNode, error: ErrorRecord) -> Verdict:
    return react(claim, node, error, timezone.now(), _rng)


def react(
    claim: Claim, node: PlanNode, error: ErrorRecord, now: datetime, rng: random.Random | None
) -> Verdict:
    """Decide what follows a failure. Pure."""
    if claim.handle is not None:
        # Looking at a job sends nothing: what was sent is known, and has a handle.
        error = replace(error, sent="no")
    before = _history(claim)
    history = before.after(error)
    if not error.lane:
        history = history.out_of_line(now)
    match error.word:
        case "still_in_doubt":
            reaction: Reaction = Escalate(
                "in_doubt", f"{node.name}: {error.message}. Did it happen?"
            )
        case "reconcile_failed":
            reaction = _ask_again(node, error, history, now)
        case _:
            reaction = decide(
                error,
                policy=node.retry,
                effect=node.effect,
                history=history,
                now=now,
                rng=rng,
                is_item=claim.item is not None,
            )
    ending = Ending(
        state=StepState.FAILED,
        outcome=Outcome.TIMED_OUT if error.type == "TimedOut" else Outcome.FAILED,
        error=error.to_json(),
        sent=error.sent if node.effect != "pure" else "",
        burnt=history.tries > before.tries,
        history=_kept(history),
        in_doubt=error.word in ("still_in_doubt", "reconcile_failed"),
        event="step.failed",
        data={"word": error.word, "message": error.message[:300], **_checks(error)},
        # The job is over, and has nothing to give: a person's retry submits another.
        handle=None if error.word == "permanent_input" else KEEP,
    )
    if claim.item is not None:
        # The attempts are an item's history; of a million of them only questions are events.
        ending = replace(ending, event="")
    return _verdict(ending, reaction, node, claim, history, now)


def _checks(error: ErrorRecord) -> dict[str, Any]:
    """What the checks found, without the content that shows it: events are read by many."""
    told = ("check", "passed", "score")
    found = [{name: one[name] for name in told} for one in error.checks]
    return {"checks": found} if found else {}


#: How often, and how patiently, a `reconcile` that fails is asked again.
_RECONCILE = Retry(attempts=5, first_s=2.0, max_s=60.0)


def _ask_again(node: PlanNode, error: ErrorRecord, history: History, now: datetime) -> Reaction:
    if history.tries < _RECONCILE.attempts:
        return RetryAt(now + timedelta(seconds=_RECONCILE.backoff_s(history.tries)))
    return Escalate("in_doubt", f"{node.name}: {error.message}. Did it happen?")


def wait_for_job(claim: Claim, later: Later[Any]) -> Verdict:
    """Keep the handle of a job, and let the keeper wake the step when it is to be looked at."""
    is_new = claim.handle != later.handle
    ending = Ending(
        state=_parked(claim),
        reason=Reason.JOB,
        outcome=Outcome.PARKED,
        wake_at=timezone.now() + timedelta(seconds=later.after_s),
        sent="yes" if is_new else "",
        history=_kept(_history(claim).out_of_line(timezone.now())),
        event="step.submitted" if is_new and claim.item is None else "",
        data={"handle": str(later.handle)[:200]},
        handle=later.handle,
        anew=True,
        is_try=is_new,
        progress=later.progress,
    )
    return Verdict(ending)


def lost(claim: Claim, node: PlanNode, error: ErrorRecord, now: datetime) -> Verdict:
    """Decide what follows the loss of the worker that held a claim. Pure."""
    ending = Ending(
        state=StepState.RETRYING,
        outcome=Outcome.LOST,
        reason=Reason.RETRY,
        wake_at=now,
        error=error.to_json(),
        sent="maybe" if node.effect != "pure" else "",
        lost=True,
        history=claim.history,
        event="step.worker_lost",
        data={"losses": claim.losses + 1},
    )
    if node.effect == "once":
        question = f"The worker was lost while {node.name} ran. Did it happen?"
        return _doubt(ending, Escalate("in_doubt", question), node, claim, claim.tries, now)
    if claim.losses + 1 >= MAX_LOSSES:
        question = f"{node.name} lost {claim.losses + 1} workers. Retry it, or stop the run?"
        return _person(ending, Escalate("retries_used_up", question), claim, kind="lost")
    return Verdict(ending)


def _verdict(
    ending: Ending,
    reaction: Reaction,
    node: PlanNode,
    claim: Claim,
    history: History,
    now: datetime,
) -> Verdict:
    match reaction:
        case RetryAt(at) | Repair(at):
            return Verdict(
                replace(ending, state=StepState.RETRYING, reason=Reason.RETRY, wake_at=at)
            )
        case Park(until, _, line) if line.startswith(BUDGET_LINE):
            parked = _in_line(ending, claim, history, line, until)
            return Verdict(replace(parked, reason=Reason.BUDGET))
        case Park(until, _, lane) if lane:
            return Verdict(_in_line(ending, claim, history.in_line(now), lane, until))
        case Park(until, _):
            waited_s = history.waited_s + (until - now).total_seconds()
            return Verdict(
                replace(
                    ending,
                    state=_parked(claim),
                    reason=Reason.LANE if claim.item is None else Reason.RETRY,
                    outcome=Outcome.PARKED,
                    wake_at=until,
                    history=_kept(replace(history, waited_s=waited_s)),
                    event="step.parked" if claim.item is None else "",
                )
            )
        case Escalate() if reaction.kind == "in_doubt":
            return _doubt(ending, reaction, node, claim, history.tries, now)
        case Escalate():
            return _person(ending, reaction, claim)
        case Fail():
            word = (ending.error or {}).get("word")
            if word == "cancelled":
                return Verdict(
                    replace(ending, state=StepState.CANCELLED, outcome=Outcome.CANCELLED)
                )
            return Verdict(ending)


def _parked(claim: Claim) -> StepState:
    """An item waits as any retry does, its map counts it; so does undoing, which no plan looks at."""
    is_plain = claim.item is None and not _is_undoing(claim)
    return StepState.WAITING if is_plain else StepState.RETRYING


def _in_line(ending: Ending, claim: Claim, history: History, lane: str, until: datetime) -> Ending:
    """Parked by its lane: the keeper lets it go on when its turn has come, `until` at the latest."""
    return replace(
        ending,
        state=_parked(claim),
        reason=Reason.LANE,
        lane=lane,
        outcome=Outcome.PARKED,
        wake_at=until,
        history=_kept(history),
        event="" if claim.item is not None else "step.parked",
        data={**(ending.data or {}), "lane": lane},
    )


def _doubt(
    ending: Ending, ask: Escalate, node: PlanNode, claim: Claim, tries: int, now: datetime
) -> Verdict:
    """A `once` effect that may have happened: ask its `reconcile`, else a person. Never repeat it."""
    word = (ending.error or {}).get("word")
    may_be_asked = node.has_reconcile and word not in _ASKED_ALREADY
    if may_be_asked and claim.losses + ending.lost < MAX_LOSSES and tries < _RECONCILE.attempts:
        # An effect that gets lost each time it is found absent must not go round at full speed.
        wait_s = _RECONCILE.backoff_s(tries) if claim.in_doubt else 0.0
        return Verdict(
            replace(
                ending,
                state=StepState.RETRYING,
                reason=Reason.RETRY,
                wake_at=now + timedelta(seconds=wait_s),
                in_doubt=True,
                event="step.in_doubt" if claim.item is None else "",
            )
        )
    return _person(replace(ending, in_doubt=True), ask, claim)


#: After these, the outside world has been asked in vain.
_ASKED_ALREADY = frozenset({"still_in_doubt", "reconcile_failed"})


def _person(ending: Ending, ask: Escalate, claim: Claim, kind: str = "") -> Verdict:
    if claim.item is not None and ask.kind not in _ASKED_BY_ITEMS:
        return Verdict(replace(ending, state=StepState.FAILED, reason="", wake_at=None, event=""))
    ending = replace(ending, state=StepState.ATTENTION, reason=Reason.PERSON, wake_at=None)
    asked = Escalate(kind, ask.question) if kind else ask  # type: ignore[arg-type]  # "lost" is ours
    return Verdict(ending, asked)


def record(claim: Claim, verdict: Verdict) -> None:
    """Write the end of an attempt, and move the run on. Raises LeaseLost."""
    if claim.item is not None:
        _record_item(claim, verdict)
        return
    with transaction.atomic():
        run = transitions.lock(claim.run_id)
        ending = verdict.ending
        if run is None or (run.cancel_requested_at is not None and not _is_undoing(claim)):
            ending = replace(ending, state=StepState.CANCELLED, reason="", wake_at=None)
            verdict = Verdict(ending)
        claims.end(claim, ending)
        _ask(claim, verdict)
        lane_question.ask_when_stopped(ending, claim)
        budgets.ask_when_spent(ending, claim)
        if run is not None:
            settle(run)


def _is_undoing(claim: Claim) -> bool:
    return claim.name.startswith(UNDO)


def _record_item(claim: Claim, verdict: Verdict) -> None:
    """An item's end does not lock its run: the map is looked at when its members are done."""
    with transaction.atomic():
        claims.end(claim, verdict.ending)
        _ask(claim, verdict)
        lane_question.ask_when_stopped(verdict.ending, claim)
        budgets.ask_when_spent(verdict.ending, claim)
        if verdict.ask is not None:
            nudge(claim.run_id)


def _ask(claim: Claim, verdict: Verdict) -> None:
    if verdict.ask is not None:
        escalate.ask(
            run_id=claim.run_id,
            step_id=claim.step_id,
            kind=verdict.ask.kind,
            question=verdict.ask.question,
            shows=shown(verdict.ending.error),
            answers=("retry", "skip") if _is_undoing(claim) else _answers(verdict),
        )


def _answers(verdict: Verdict) -> tuple[str, ...] | None:
    """What did go out cannot be answered by "it did not"."""
    if verdict.ask is None or verdict.ask.kind != "in_doubt" or verdict.ending.sent != "yes":
        return None
    return tuple(a for a in escalate.ANSWERS["in_doubt"] if a != "it_did_not")


def shown(error: Any) -> Any:
    """What a person is shown of an error: all but the traceback."""
    return {k: v for k, v in error.items() if k != "traceback" and v} if error else None


def _history(claim: Claim) -> History:
    return History(tries=claim.tries, losses=claim.losses, **claim.history)


def _kept(history: History) -> dict[str, Any]:
    """What has no column of its own."""
    return {
        "ambiguous": history.ambiguous,
        "repairs": history.repairs,
        "checks": history.checks,
        "cuts": history.cuts,
        "bugs": history.bugs,
        "waited_s": history.waited_s,
        **({"parked_at": history.parked_at} if history.parked_at else {}),
    }
