"""Running an author's code on a claim: its arguments, its time limit, its result or its error."""

from __future__ import annotations

import contextlib
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from types import FrameType
from typing import Any
from uuid import UUID

from aiops.execution.claim import Claim
from aiops.execution.lease import Held, leases
from aiops.execution.undo import undone
from aiops.execution.values import Values
from aiops.flow import data
from aiops.flow.answers import Absent, Unsure
from aiops.flow.caller import Caller, calling
from aiops.flow.checking import demand
from aiops.flow.checks import Finding
from aiops.flow.context import StepContext
from aiops.flow.errors import ErrorRecord, StepError, TimedOut, describe, storable
from aiops.flow.later import Later
from aiops.flow.plan import Plan, PlanNode
from aiops.flow.registry import step_for
from aiops.flow.retry import Retry, is_last_repair
from aiops.flow.steps import Step as Code
from aiops.models import Step
from aiops.pools import POOLS
from aiops.telemetry import spans


@dataclass(frozen=True, slots=True)
class Result:
    """What the code returned, as JSON."""

    value: Any
    outcome: str = "succeeded"
    sent: str = ""
    #: What its checks found; all passed.
    checks: Sequence[Finding] = ()


@dataclass(frozen=True, slots=True)
class Failure:
    """What went wrong, as plain data."""

    error: ErrorRecord


@dataclass(frozen=True, slots=True)
class Submitted:
    """The code has submitted a job, or its job is not done yet."""

    later: Later[Any]


#: How patiently a job is asked about that cannot be asked about.
_LOOKS = Retry(attempts=12, first_s=5.0, max_s=600.0, max_ambiguous=12)


def looking(node: PlanNode, claim: Claim) -> PlanNode:
    """The node as it is run: a job that was submitted is only looked at, whatever submitting it was."""
    if claim.handle is None:
        return node
    return replace(node, effect="pure", retry=_LOOKS, has_reconcile=False)


def node_of(plan: Plan, name: str, claim: Claim | None = None) -> PlanNode:
    """The plan's node of a step; a step of undoing borrows the node that it takes back."""
    original = undone(name)
    if original is None:
        node = plan.by_name[name]
        return node if claim is None else looking(node, claim)
    return replace(
        plan.by_name[original], name=name, effect="idempotent", retry=Retry(), has_reconcile=False
    )


class _Sink:
    """Where a running step's news go."""

    def __init__(self, held: Held) -> None:
        self._held = held
        self._news: dict[str, Any] = {}
        self._written = 0.0

    def progress(self, share: float, text: str) -> None:
        self._news |= {"share": share, "text": storable(text[:300])}
        self._write(is_last=share >= 1)

    def partial(self, text: str) -> None:
        self._news["partial"] = storable(text[-8000:])
        self._write(is_last=False)

    def is_cancelled(self) -> bool:
        return self._held.cancelled

    def _write(self, *, is_last: bool) -> None:
        """Write at most once a second: a step may report as often as it likes."""
        if not is_last and time.monotonic() - self._written < 1:
            return
        self._written = time.monotonic()
        claim = self._held.claim
        Step.objects.filter(id=claim.step_id, fence=claim.fence, state="running").update(
            progress=self._news
        )


def run(
    claim: Claim, node: PlanNode, values: Values, on_overtime: Callable[[], None]
) -> Result | Submitted | Failure:
    """Run the code of a claimed step. Every error becomes a Failure."""
    held = Held(
        claim=claim,
        deadline=time.monotonic() + node.timeout_s,
        on_overtime=on_overtime,
        is_killable=POOLS[node.pool].kind == "prefork",
    )
    with leases.hold([held]):
        try:
            traced = spans.inside(claim.run_id, claim.step_id, claim.fence)
            with calling(_caller(claim, node, values)), _time_limit(node), traced:
                return _run(claim, node, values, held)
        except Exception as error:  # whatever an author's code raises becomes an outcome
            return Failure(describe(error, node.name))


def _caller(claim: Claim, node: PlanNode, values: Values) -> Caller:
    return Caller(
        run_id=claim.run_id,
        step_id=claim.step_id,
        workflow=values.run.workflow,
        step=claim.name,
        item=claim.item,
        attempt=claim.fence,
        tenant=values.run.tenant,
        priority=values.run.priority,
        has_waited="parked_at" in claim.history,
        budget_usd=values.plan.budget_usd,
        is_last_repair=is_last_repair(claim.history.get("repairs", 0), node.retry),
        deadline_at=values.run.deadline_at,
    )


def _run(claim: Claim, node: PlanNode, values: Values, held: Held) -> Result | Submitted:
    if (original := undone(claim.name)) and (jobs := _jobs(claim.run_id, original)):
        return _give_up(jobs, claim, node, values, held)
    code, arguments = _prepared(claim, node, values, held)
    if original:
        code.take_back(arguments, values.get([original])[original])
        return Result(None)
    if claim.handle is not None:
        return _given_back(code, code.look(arguments, claim.handle), sent="yes")
    if claim.in_doubt and (found := _reconciled(code, arguments)) is not None:
        return found
    value = code.call(arguments, timeout_s=node.timeout_s)
    if isinstance(value, Later):
        return Submitted(value)
    kept = data.result(code, value)
    checks = demand(node, code, arguments, kept)
    return Result(kept, sent="yes" if node.effect == "once" else "", checks=checks)


def _given_back(
    code: Code, value: Any, *, sent: str, outcome: str = "succeeded"
) -> Result | Submitted:
    if isinstance(value, Later):
        return Submitted(value)
    return Result(data.result(code, value), outcome=outcome, sent=sent)


def _jobs(run_id: UUID, name: str) -> list[Step]:
    """The jobs of a stopped step, or of its items, that may still run outside."""
    found = Step.objects.filter(run=run_id, name=name, state="cancelled", handle__isnull=False)
    return list(found.order_by("id").only("id", "item", "item_value", "handle"))


def _give_up(
    jobs: Sequence[Step], claim: Claim, node: PlanNode, values: Values, held: Held
) -> Result:
    for job in jobs:
        its = replace(claim, item=job.item, item_value=job.item_value)
        code, arguments = _prepared(its, node, values, held)
        code.give_up(arguments, job.handle)
    return Result(None)


def _prepared(
    claim: Claim, node: PlanNode, values: Values, held: Held
) -> tuple[Code, dict[str, Any]]:
    """Find the code and build its arguments. Where that fails, a doubt remains as it was."""
    try:
        code = step_for(node)
        return code, data.arguments(node, code, _given(claim, node, values, held))
    except Exception as error:
        if claim.in_doubt:
            raise ReconcileFailed(f"it could not be looked up: {error}") from error
        raise


def _reconciled(code: Code, arguments: dict[str, Any]) -> Result | Submitted | None:
    """Ask the outside whether a `once` effect happened; None when it did not, so that it may."""
    try:
        answer = code.ask(arguments)
    except Exception as error:  # the question failed, not the effect: the doubt remains
        raise ReconcileFailed(f"reconcile failed: {error}") from error
    match answer:
        case Absent():
            return None
        case Unsure():
            raise StillInDoubt("reconcile could not tell whether it happened")
        case _:
            return _given_back(code, answer, sent="yes", outcome="reconciled")


class ReconcileFailed(StepError):
    """The outside world could not be asked: asked again, then a person is."""

    word = "reconcile_failed"


class StillInDoubt(StepError):
    """The outside world does not know either: a person must look."""

    word = "still_in_doubt"


def _given(claim: Claim, node: PlanNode, values: Values, held: Held) -> dict[str, Any]:
    sources = set(node.takes.values()) - {"item", "context"}
    given = values.get(sources)
    if "item" in node.takes.values():
        given["item"] = claim.item_value
    if "context" in node.takes.values():
        given["context"] = _context(claim, node, values, held)
    return given


def _context(claim: Claim, node: PlanNode, values: Values, held: Held) -> StepContext:
    suffix = "" if claim.item is None else f"[{claim.item}]"
    return StepContext(
        run_id=str(claim.run_id),
        workflow=values.run.workflow,
        step=claim.name,
        item=claim.item,
        attempt=claim.fence,
        tenant=values.run.tenant,
        idempotency_key=f"{claim.run_id}:{claim.name}{suffix}",
        deadline=datetime.now(UTC) + timedelta(seconds=node.timeout_s),
        metadata=values.run.metadata,
        sink=_Sink(held),
    )


@contextlib.contextmanager
def _time_limit(node: PlanNode) -> Iterator[None]:
    """Raise TimedOut inside the code when its time is over; only a main thread can be interrupted.

    In a thread the deadline is the call's own, and the lease thread records the overtime.
    """
    if (
        POOLS[node.pool].kind != "prefork"
        or threading.current_thread() is not threading.main_thread()
    ):
        yield
        return

    def over(_signal: int, _frame: FrameType | None) -> None:
        raise TimedOut(f"{node.name} ran longer than its {node.timeout_s:g} s")

    before = signal.signal(signal.SIGALRM, over)
    signal.setitimer(signal.ITIMER_REAL, node.timeout_s)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
