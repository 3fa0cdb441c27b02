"""Running an author's code on a claim: its arguments, its time limit, its result or its error."""

from __future__ import annotations

import contextlib
import signal
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from types import FrameType
from typing import Any

from aiops.execution.claim import Claim
from aiops.execution.lease import Held, leases
from aiops.execution.undo import undone
from aiops.execution.values import Values
from aiops.flow import data
from aiops.flow.answers import Absent, Unsure
from aiops.flow.caller import Caller, calling
from aiops.flow.context import StepContext
from aiops.flow.errors import ErrorRecord, StepError, TimedOut, describe
from aiops.flow.plan import Plan, PlanNode
from aiops.flow.registry import step_for
from aiops.flow.retry import Retry
from aiops.flow.steps import Step as Code
from aiops.models import Step
from aiops.models.step import UNDO
from aiops.pools import POOLS
from aiops.telemetry import spans


@dataclass(frozen=True, slots=True)
class Result:
    """What the code returned, as JSON."""

    value: Any
    outcome: str = "succeeded"
    sent: str = ""


@dataclass(frozen=True, slots=True)
class Failure:
    """What went wrong, as plain data."""

    error: ErrorRecord


def node_of(plan: Plan, name: str) -> PlanNode:
    """The plan's node of a step; a step of undoing borrows the node that it takes back."""
    original = undone(name)
    if original is None:
        return plan.by_name[name]
    return replace(
        plan.by_name[original], name=name, effect="idempotent", retry=Retry(), has_reconcile=False
    )


class _Sink:
    """Where a running step's news go."""

    def __init__(self, held: Held) -> None:
        self._held = held
        self._written = 0.0

    def progress(self, share: float, text: str) -> None:
        self._write({"share": share, "text": text[:300]}, is_last=share >= 1)

    def partial(self, text: str) -> None:
        self._write({"partial": text[-8000:]}, is_last=False)

    def is_cancelled(self) -> bool:
        return self._held.cancelled

    def _write(self, news: dict[str, Any], *, is_last: bool) -> None:
        """Write at most once a second: a step may report as often as it likes."""
        if not is_last and time.monotonic() - self._written < 1:
            return
        self._written = time.monotonic()
        claim = self._held.claim
        Step.objects.filter(id=claim.step_id, fence=claim.fence, state="running").update(
            progress=news
        )


def run(
    claim: Claim, node: PlanNode, values: Values, on_overtime: Callable[[], None]
) -> Result | Failure:
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
            with calling(_caller(claim, values)), _time_limit(node), traced:
                return _run(claim, node, values, held)
        except Exception as error:  # whatever an author's code raises becomes an outcome
            return Failure(describe(error, node.name))


def _caller(claim: Claim, values: Values) -> Caller:
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
    )


def _run(claim: Claim, node: PlanNode, values: Values, held: Held) -> Result:
    code, arguments = _prepared(claim, node, values, held)
    if undone(claim.name):
        original = claim.name.removeprefix(UNDO)
        code.take_back(arguments, values.get([original])[original])
        return Result(None)
    if claim.in_doubt and (found := _reconciled(code, arguments)) is not None:
        return found
    value = code.call(arguments, timeout_s=node.timeout_s)
    return Result(data.result(code, value), sent="yes" if node.effect == "once" else "")


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


def _reconciled(code: Code, arguments: dict[str, Any]) -> Result | None:
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
            return Result(data.result(code, answer), outcome="reconciled", sent="yes")


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
