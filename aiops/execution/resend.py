"""Publishing what was accepted, and sending again what was lost: the keeper's part of dispatch."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import F, Q, QuerySet
from django.utils import timezone

from aiops.celery import app
from aiops.execution import dispatch, fanout, undo
from aiops.execution.canvas import Members, StepView, Vehicle, compile
from aiops.execution.catalog import plan_of
from aiops.execution.holds import MAY_START
from aiops.models import Reason, Run, Step, StepState
from aiops.pools import POOLS

log = logging.getLogger(__name__)

#: The delay before a message is sent again doubles up to this.
MAX_DELAY_S = 900.0

#: A step in a queue that is merely long is sent again after this many dispatch times.
PATIENCE = 8
MAX_PATIENCE_S = 3600.0

#: Rows that a message should be on its way for.
_SENT = Q(state=StepState.QUEUED, map__isnull=True) | Q(
    state=StepState.WAITING, reason=Reason.ITEMS
)
#: Rows that a worker may take: whatever else is sent does nothing.
_FREE = Q(run__paused_at__isnull=True, run__finished_at__isnull=True) & Q(MAY_START)


def publish_accepted(run_ids: Sequence[UUID]) -> int:
    """Send the first messages of steps that a process without a broker has queued.

    Raises BrokerAway after putting the marks back, so that the next call sends them.
    """
    steps = Step.objects.filter(_SENT, _FREE, run__in=run_ids, dispatches=0)
    taken = _mark(steps)
    try:
        _send(taken)
    except dispatch.BrokerAway:
        Step.objects.filter(id__in=[step.id for step in taken], dispatches=1).update(dispatches=0)
        raise
    return len(taken)


def unpublished() -> list[UUID]:
    """Runs with steps that were queued and never sent."""
    steps = Step.objects.filter(_SENT, _FREE, dispatches=0, dispatch_due__isnull=False)
    return list(steps.values_list("run_id", flat=True).distinct()[:500])


def resend_due(limit: int = 500) -> int:
    """Send again what nobody claimed in time, unless the queue is merely long."""
    due = list(
        Step.objects.filter(_SENT, _FREE, dispatch_due__lt=timezone.now(), dispatches__gt=0)
        .select_related("run")
        .order_by("dispatch_due")[:limit]
    )
    due, moving = _moving_maps(due)
    lost, long = _sift(due, queue_lengths({step.pool for step in due}))
    _put_off([*long, *moving])
    if lost:
        _send(lost)
        # Only after the broker took them: an outage must not double the delay.
        _put_off(lost, sent=True)
        log.warning("dispatch.resent steps=%d", len(lost))
    return len(lost)


def queue_lengths(pools: Iterable[str]) -> dict[str, int]:
    """Messages waiting in each pool's queue, all priorities together."""
    try:
        with app.connection_for_read() as connection:
            channel: Any = connection.default_channel
            return {name: channel._size(POOLS[name].queue) for name in pools if name in POOLS}
    except dispatch.BROKER_ERRORS as error:
        raise dispatch.BrokerAway(str(error)) from error


def _mark(steps: QuerySet[Step]) -> list[Step]:
    """Take steps for publishing; a second keeper, or a second ring, finds them taken."""
    due = timezone.now() + timedelta(seconds=settings.AIOPS_DISPATCH_S)
    with transaction.atomic():
        taken = list(steps.select_for_update(of=("self",), skip_locked=True).select_related("run"))
        Step.objects.filter(id__in=[step.id for step in taken]).update(
            dispatches=1, dispatch_due=due
        )
    return taken


def _moving_maps(due: Sequence[Step]) -> tuple[list[Step], list[Step]]:
    """Tell maps whose items still move from those whose members may be lost."""
    since = timezone.now() - timedelta(seconds=settings.AIOPS_DISPATCH_S)
    moving = [
        step
        for step in due
        if step.kind == "map" and (at := fanout.last_progress(step.id)) and at > since
    ]
    return [step for step in due if step not in moving], moving


def _sift(due: Sequence[Step], lengths: Mapping[str, int]) -> tuple[list[Step], list[Step]]:
    """Split what is due into lost (the queue holds fewer messages than would be added) and waiting."""
    lost: list[Step] = []
    long: list[Step] = []
    by_pool: dict[str, list[Step]] = defaultdict(list)
    for step in due:
        by_pool[step.pool].append(step)
    for pool, steps in by_pool.items():
        room = max(0, len(steps) - lengths.get(pool, 0))
        for step in steps:
            if room > 0 or _has_waited_too_long(step):
                lost.append(step)
                room -= 1
            else:
                long.append(step)
    return lost, long


def _has_waited_too_long(step: Step) -> bool:
    """Whether a step is to be sent into a long queue all the same.

    A queue that never empties would hide a lost message for ever. The patience doubles with each
    message, so a queue that is merely long grows by a few messages and not by a storm.
    """
    patience_s = settings.AIOPS_DISPATCH_S * PATIENCE * 2.0 ** min(step.dispatches, 16)
    return (timezone.now() - step.since).total_seconds() > min(patience_s, MAX_PATIENCE_S)


def _put_off(steps: Sequence[Step], *, sent: bool = False) -> None:
    for dispatches in {step.dispatches for step in steps}:
        delay_s = min(settings.AIOPS_DISPATCH_S * 2**dispatches, MAX_DELAY_S)
        Step.objects.filter(
            id__in=[step.id for step in steps if step.dispatches == dispatches],
            dispatch_due__isnull=False,
        ).update(
            dispatch_due=timezone.now() + timedelta(seconds=delay_s),
            dispatches=F("dispatches") + (1 if sent and dispatches < 100 else 0),
        )


def _send(steps: Sequence[Step]) -> None:
    """Publish the vehicles of these steps, run by run."""
    runs: dict[UUID, list[Step]] = defaultdict(list)
    for step in steps:
        runs[step.run_id].append(step)
    views = _views(list(runs))
    for run_id, of_run in runs.items():
        run = of_run[0].run
        for vehicle in _vehicles(run, of_run, views[run_id]):
            dispatch.publish(dispatch.addressee(run), vehicle)


def _views(run_ids: Sequence[UUID]) -> dict[UUID, dict[str, StepView]]:
    found: dict[UUID, dict[str, StepView]] = defaultdict(dict)
    rows = Step.objects.filter(run__in=run_ids, map__isnull=True).values_list(
        "run_id", "name", "id", "state", "reason", "epoch"
    )
    for row in rows:
        found[row[0]][row[1]] = StepView(*row[2:])
    return found


def _vehicles(run: Run, steps: Sequence[Step], views: dict[str, StepView]) -> list[Vehicle]:
    plan = plan_of(run.version_id)
    names = [s.name for s in steps if s.state == StepState.QUEUED and s.name in plan.by_name]
    members = [
        _members(plan.by_name[step.name], step) for step in steps if step.reason == Reason.ITEMS
    ]
    undos = [
        Vehicle(((undo.segment(step, plan.by_name[original]),),))
        for step in steps
        if (original := undo.undone(step.name)) is not None
    ]
    return [*compile(plan, views, names, members), *undos]


def _members(node: Any, step: Step) -> Members:
    """As many members as there is room for beside those that hold a lease."""
    items = Step.objects.filter(map=step)
    ready = items.filter(state=StepState.QUEUED)[: node.max_parallel].count()
    running = items.filter(state=StepState.RUNNING).count()
    return fanout.members(node, step.id, min(ready, node.max_parallel - running))
