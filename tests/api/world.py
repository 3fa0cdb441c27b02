"""Runs of one tenant in every kind of state, with questions about some of them."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from django.utils import timezone

from aiops.models import Escalation, Run
from tests.execution.orders import ask, begun, done, edit, order_flow, set_run, stop_at

#: What must never show to another tenant.
SECRET = "a-secret-of-this-tenant"

_ALL = [node.name for node in order_flow.plan.nodes]


@dataclass(frozen=True, slots=True)
class World:
    """What there is, by what can be done with it."""

    #: In line: it can be cancelled.
    queued: UUID
    #: `notify` has failed: it can be retried.
    failed: UUID
    #: `charge` did go out: a retry is refused.
    sent: UUID
    #: Waits for an approval.
    waiting: UUID
    #: `charge` is in doubt.
    doubtful: UUID
    succeeded: UUID
    cancelled: UUID
    approval: UUID
    doubt: UUID

    @property
    def runs(self) -> list[UUID]:
        return [
            *(self.queued, self.failed, self.sent, self.waiting, self.doubtful),
            *(self.succeeded, self.cancelled),
        ]

    @property
    def questions(self) -> list[UUID]:
        return [self.approval, self.doubt]


def world(tenant: str = "default") -> World:
    """Fill the record."""
    made = [
        begun(tenant=tenant, key=f"{SECRET}-{number}", title=f"{SECRET} order {number}")
        for number in range(7)
    ]
    queued, failed, sent, waiting, doubtful, succeeded, cancelled = made
    stop_at(failed, "notify", word="transient", message=f"{SECRET}: the other side was away")
    stop_at(sent, "charge", sent="yes")
    _wait(waiting)
    stop_at(doubtful, "charge", state="attention", in_doubt=True, sent="maybe")
    ask(doubtful, "charge", shows=SECRET)
    finish(succeeded)
    set_run(cancelled, state="cancelled", finished_at=timezone.now(), reason="not needed")
    return World(
        queued=queued.id,
        failed=failed.id,
        sent=sent.id,
        waiting=waiting.id,
        doubtful=doubtful.id,
        succeeded=succeeded.id,
        cancelled=cancelled.id,
        approval=_question(waiting),
        doubt=_question(doubtful),
    )


def finish(run: Run) -> None:
    """Let a run have succeeded, with a result."""
    done(run, *_ALL)
    edit(run, "notify", result=f"{SECRET}: written")
    set_run(run, state="succeeded", finished_at=timezone.now())


def _wait(run: Run) -> None:
    done(run, "read", "pack")
    edit(run, "agree", state="waiting", reason="approval", dispatch_due=None)
    ask(run, "agree", kind="approval", question=f"Ship {SECRET}?", shows=SECRET)
    set_run(run, state="waiting")


def _question(run: Run) -> UUID:
    return Escalation.objects.get(run=run).id
