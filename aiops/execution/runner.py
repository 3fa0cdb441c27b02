"""Running a segment: claim, run, record, claim the next, until the message's steps are done."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from functools import partial
from uuid import UUID

from django.db import transaction

from aiops.execution import claim as claims
from aiops.execution import outcome, work
from aiops.execution.advance import advance, settle
from aiops.execution.catalog import plan_of
from aiops.execution.claim import Claim, Finish, LeaseLost, Owner
from aiops.execution.patience import patiently
from aiops.execution.payloads import check_in
from aiops.execution.values import Values, run_info
from aiops.flow.errors import TimedOut, describe
from aiops.flow.plan import PlanNode
from aiops.models import Step, StepState, transitions
from aiops.models.step import DONE

log = logging.getLogger(__name__)

#: The last word of a message: move the run on when its steps are done.
ADVANCE = "advance"


class Delivery(Enum):
    """What became of a message."""

    RAN = "ran"
    #: The step was done before: the message may go on to what follows it.
    REPEATED = "repeated"
    #: Another worker holds the step: this message must not count as its end.
    LEASED = "leased"
    #: Nothing to do for it: paused, cancelled, or of an older epoch.
    STALE = "stale"


@dataclass(frozen=True, slots=True)
class Message:
    """What a `run_steps` message says: ids only.

    `then` is ADVANCE, the step that the chain's next message runs, or "" inside a chord.
    """

    run_id: UUID
    steps: Sequence[UUID]
    epoch: int
    then: str


def run_segment(message: Message, owner: Owner) -> Delivery:
    """Run the steps of a message in order. Everything that happens is in the record when it returns."""
    first = patiently(
        lambda: claims.claim(
            run_id=message.run_id, step_id=message.steps[0], epoch=message.epoch, owner=owner
        )
    )
    if first is None:
        return _refused(message)
    info = patiently(lambda: run_info(message.run_id))
    values = Values(info, patiently(lambda: plan_of(info.version_id)))
    segment = _Segment(message, values, owner)
    try:
        segment.run(first)
    except LeaseLost as error:
        log.warning("step.lease_lost run=%s error=%s", message.run_id, error)
    return Delivery.RAN


def _refused(message: Message) -> Delivery:
    """Why there was nothing to claim; the tail of a repeated message still moves its run on."""
    known = patiently(
        lambda: dict(Step.objects.filter(id__in=message.steps).values_list("id", "state"))
    )
    states = [known.get(step) for step in message.steps]
    # The worker that holds a later step of this message will end it.
    if next((state for state in states if state not in DONE), None) == StepState.RUNNING:
        return Delivery.LEASED
    if states[0] in DONE:
        if message.then == ADVANCE:
            patiently(lambda: advance(message.run_id))
        return Delivery.REPEATED
    if states[0] == StepState.QUEUED:
        # Something holds it (a pause): the run must not go on saying that it is worked on.
        patiently(lambda: advance(message.run_id))
    return Delivery.STALE


@dataclass(slots=True)
class _Segment:
    message: Message
    values: Values
    owner: Owner

    def run(self, first: Claim) -> None:
        current: Claim | None = first
        for position in range(len(self.message.steps)):
            if current is None:
                # Paused or cancelled in between.
                patiently(lambda: advance(self.message.run_id))
                return
            node = work.node_of(self.values.plan, current.name, current)
            overtime = partial(self._overtime, current, node)
            match work.run(current, node, self.values, overtime):
                case work.Result() as result:
                    current = self._finish(current, result, position)
                case work.Submitted(later):
                    patiently(
                        partial(outcome.record, current, outcome.wait_for_job(current, later))
                    )
                    return
                case work.Failure(error):
                    verdict = outcome.react_now(current, node, error)
                    patiently(partial(outcome.record, current, verdict))
                    return

    def _finish(self, claim: Claim, result: work.Result, position: int) -> Claim | None:
        """Record a result together with what follows it."""
        kept, ref = check_in(result.value, claim.run_id)
        self.values.known[claim.name] = result.value
        checks = [{"check": one.check, "score": one.score} for one in result.checks]
        finish = Finish(claim, kept, ref, result.outcome, result.sent, checks=checks)
        if position + 1 < len(self.message.steps):
            following = self.message.steps[position + 1]
            return patiently(lambda: self._record(finish, then_claim=following))
        match self.message.then:
            case "advance":
                patiently(lambda: self._finish_and_advance(finish))
            case "":
                patiently(lambda: self._record(finish))
            case step:
                patiently(lambda: self._record(finish, then_queue=UUID(step)))
        return None

    def _record(
        self, finish: Finish, *, then_claim: UUID | None = None, then_queue: UUID | None = None
    ) -> Claim | None:
        return claims.finish(finish, self.owner, then_claim=then_claim, then_queue=then_queue)

    def _finish_and_advance(self, finish: Finish) -> None:
        """One transaction, the run's lock first: the order in which everyone takes both."""
        with transaction.atomic():
            run = transitions.lock(finish.claim.run_id)
            claims.finish(finish, self.owner)
            if run is not None:
                settle(run)

    def _overtime(self, claim: Claim, node: PlanNode) -> None:
        """Record, from the lease thread, that a step did not end when its time was over."""
        late = TimedOut(f"{node.name} ran longer than its {node.timeout_s:g} s and did not stop")
        verdict = outcome.react_now(claim, node, describe(late, node.name))
        try:
            patiently(lambda: outcome.record(claim, verdict))
        except LeaseLost:
            return
