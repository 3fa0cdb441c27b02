"""The door for whoever holds the run's lock: every move of a run, of a step without a lease, of an escalation.

Each move is a conditional UPDATE, a look at the count, and an event, in the caller's transaction.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db.models import Case, F, Q, QuerySet, When
from django.db.models.functions import Now
from django.utils import timezone

from aiops.models import webhook_kinds, webhook_outbox
from aiops.models.escalation import OUTLIVES_ITS_RUN, Escalation, EscalationState
from aiops.models.event import Event
from aiops.models.run import ENDED, Run, RunState
from aiops.models.step import UNDO, Reason, Step, StepState

#: Steps nobody holds a lease on and that are not finished.
UNLEASED: tuple[str, ...] = (
    StepState.PENDING,
    StepState.QUEUED,
    StepState.RETRYING,
    StepState.WAITING,
    StepState.ATTENTION,
)


def lock(run_id: UUID) -> Run | None:
    """Lock a run for the rest of the transaction; None when there is no such run.

    Take it before touching a step of the run: claims lock in the same order.
    """
    return Run.objects.select_for_update(of=("self",), no_key=True).filter(id=run_id).first()


def tell(
    run_id: UUID | None, kind: str, *, step: UUID | None = None, actor: str = "", **data: Any
) -> None:
    """Append an event; without a run, about what all runs share.

    What programs outside are told of is written with their messages, in the same statement.
    """
    public = webhook_kinds.public(kind, data.get("about")) if run_id is not None else ""
    if run_id is not None and public:
        webhook_outbox.tell(run_id, kind, public=public, step=step, actor=actor, data=data)
        return
    Event.objects.create(run_id=run_id, step=step, kind=kind, actor=actor, data=data)


#: States that a run passes many times; the steps' own events tell of them.
_COMES_AND_GOES = (RunState.QUEUED, RunState.RUNNING, RunState.RETRYING)


def move_run(run: Run, to: str, *, reason: str = "", actor: str = "", **data: Any) -> bool:
    """Move a locked run to a state; False (and no event) when it is there already."""
    if run.state == to and run.reason == reason:
        return False
    now = timezone.now()
    fields: dict[str, Any] = {"state": to, "reason": reason[:300], "since": now}
    fields["finished_at"] = now if to in ENDED else None
    if run.started_at is None and to == RunState.RUNNING:
        fields["started_at"] = now
    moved = Run.objects.filter(id=run.id, state=run.state).update(**fields)
    if not moved:
        return False
    changed = run.state != to
    for name, value in fields.items():
        setattr(run, name, value)
    if changed and to not in _COMES_AND_GOES:
        tell(run.id, f"run.{to}", actor=actor, reason=reason, **data)
    return True


def mark_run(run: Run, **fields: Any) -> None:
    """Set columns of a locked run that are not its state (a pause, a request to cancel, ...)."""
    Run.objects.filter(id=run.id).update(**fields)
    for name, value in fields.items():
        setattr(run, name, value)


def _steps(*ids: UUID) -> QuerySet[Step]:
    """Those of these steps that nobody holds a lease on, and that are not finished."""
    return Step.objects.filter(id__in=ids, state__in=UNLEASED)


def _stopped(*ids: UUID) -> QuerySet[Step]:
    """The same, and those that failed: what a person may still decide about."""
    return Step.objects.filter(id__in=ids, state__in=(*UNLEASED, StepState.FAILED))


def _move(steps: QuerySet[Step], to: str, reason: str = "", **fields: Any) -> int:
    """Move steps to a state, out of whatever wait they were in. Returns how many moved."""
    wait: dict[str, Any] = {"until": None, "wake_at": None, "dispatch_due": None}
    return steps.update(**{"state": to, "reason": reason, "since": Now(), **wait, **fields})


def _soon() -> datetime:
    """When a message that is sent now counts as lost."""
    return timezone.now() + timedelta(seconds=settings.AIOPS_DISPATCH_S)


def queue(steps: Sequence[UUID], *, published: bool) -> int:
    """Move steps into their pool's queue; unless `published`, the keeper is to send the message."""
    return _move(
        _steps(*steps),
        StepState.QUEUED,
        Reason.MESSAGE,
        dispatches=1 if published else 0,
        dispatch_due=_soon(),
    )


def wait(
    step: UUID,
    reason: Reason,
    *,
    until: datetime | None = None,
    wake_at: datetime | None = None,
    awaited: Mapping[str, str] | None = None,
) -> None:
    """Put a step into a wait that holds no worker and no message.

    `awaited` names the event and its key, by which one that comes finds its waiters.
    """
    _move(
        _steps(step),
        StepState.WAITING,
        reason,
        until=until,
        wake_at=wake_at,
        started_at=Now(),
        progress=dict(awaited) if awaited else None,
    )


def wake(steps: Sequence[UUID], *, at: datetime | None = None) -> int:
    """Let the keeper look at waiting steps at a time, or now: what they wait for may have come.

    The one move that needs no lock of the run: it says nothing of how the step stands.
    """
    waits = (StepState.WAITING, StepState.RETRYING)
    return Step.objects.filter(id__in=steps, state__in=waits).update(wake_at=at or Now())


def put_off(step: UUID, wake_at: datetime) -> None:
    """Leave a step that could begin for later."""
    Step.objects.filter(id=step, state=StepState.PENDING).update(wake_at=wake_at)


def wait_for_items(step: UUID, *, published: bool) -> None:
    """Let a map wait for its items; the keeper looks at its members when they are overdue."""
    _move(
        _steps(step),
        StepState.WAITING,
        Reason.ITEMS,
        dispatches=1 if published else 0,
        dispatch_due=_soon(),
        started_at=Now(),
    )


def succeed(step: UUID, result: Any, *, run_id: UUID, actor: str = "", ref: str = "") -> bool:
    """Finish a step that no worker runs: a wait that is over, or a result given by a person."""
    moved = _move(
        _stopped(step),
        StepState.SUCCEEDED,
        result=result,
        result_ref=ref,
        error=None,
        in_doubt=False,
        finished_at=Now(),
    )
    if moved:
        tell(run_id, "step.succeeded", step=step, actor=actor)
    return moved == 1


def skip(steps: Sequence[UUID], *, run_id: UUID, actor: str = "", why: str = "") -> int:
    """Leave steps out; the steps after them start without their results.

    A person's skip keeps its reason on the row: a run that ends with one is not a full success.
    """
    fields: dict[str, Any] = {"error": {"word": "skipped", "message": why}} if actor else {}
    moved = _move(_stopped(*steps), StepState.SKIPPED, finished_at=Now(), **fields)
    for step in steps if moved and actor else ():
        tell(run_id, "step.skipped", step=step, actor=actor, why=why)
    return moved


def fail(step: UUID, error: Mapping[str, Any], *, run_id: UUID) -> bool:
    """Fail a step that no worker runs."""
    moved = _move(_steps(step), StepState.FAILED, error=dict(error), finished_at=Now())
    if moved:
        tell(run_id, "step.failed", step=step, message=error.get("message", ""))
    return moved == 1


def need_person(step: UUID, error: Mapping[str, Any] | None = None) -> bool:
    """Stop a step until a person decides; the caller opens the escalation."""
    fields: dict[str, Any] = {} if error is None else {"error": dict(error)}
    return _move(_steps(step), StepState.ATTENTION, Reason.PERSON, **fields) == 1


def cancel_steps(run_id: UUID) -> int:
    """Cancel every step that no worker runs. Running ones are asked, and end by themselves.

    Steps of undoing are what a stopping run still has to do.
    """
    found = Step.objects.filter(run_id=run_id, state__in=UNLEASED).exclude(name__startswith=UNDO)
    return _move(found, StepState.CANCELLED, finished_at=Now())


def cancel_items(maps: Sequence[UUID], *, beyond: int | None = None) -> int:
    """Cancel the items of maps that no worker runs and that are not finished; a rerun revives them.

    With `beyond`, cancel those from this place on, finished or not: the map has become shorter.
    """
    which = Q(state__in=UNLEASED) if beyond is None else Q(item__gte=beyond)
    found = Step.objects.filter(which, map__in=maps)
    return _move(found, StepState.CANCELLED, finished_at=Now(), lease_until=None)


_MAY_HAVE_A_JOB = (StepState.FAILED, StepState.ATTENTION)


def reset(steps: Sequence[UUID], *, to: str = StepState.PENDING) -> int:
    """Put steps back to the beginning under a new epoch, so that older messages are stale.

    A person's rerun; plain recovery never comes here. Steps under a live lease are left alone.
    """
    return _move(
        Step.objects.filter(id__in=steps).exclude(state=StepState.RUNNING),
        to,
        Reason.MESSAGE if to == StepState.QUEUED else "",
        epoch=F("epoch") + 1,
        tries=0,
        losses=0,
        history={},
        dispatches=0,
        error=None,
        finished_at=None,
        in_doubt=False,
        # A job that is known is asked for its result before another one is submitted.
        handle=Case(When(state__in=_MAY_HAVE_A_JOB, then=F("handle")), default=None),
        result=None,
        result_ref="",
        progress=None,
        copied_from=None,
    )


def keep(step: UUID, earlier: Step) -> None:
    """Finish a new run's step with the result of an earlier run's."""
    Step.objects.filter(id=step, state=StepState.PENDING).update(
        state=earlier.state,
        since=Now(),
        result=earlier.result,
        result_ref=earlier.result_ref,
        error=earlier.error,
        copied_from=earlier.id,
        started_at=earlier.started_at,
        finished_at=earlier.finished_at,
    )


def copy_items(new: Step, items: Sequence[Step]) -> None:
    """Give a kept map its items."""
    Step.objects.bulk_create(
        Step(
            run_id=new.run_id,
            map=new,
            item=item.item,
            item_value=item.item_value,
            name=item.name,
            kind=item.kind,
            pool=item.pool,
            effect=item.effect,
            state=item.state,
            result=item.result,
            result_ref=item.result_ref,
            error=item.error,
            copied_from=item.id,
            started_at=item.started_at,
            finished_at=item.finished_at,
        )
        for item in items
    )


def requeue(run_id: UUID) -> None:
    """Let the messages of queued steps, and the members of open maps, be sent again now."""
    queued = Step.objects.filter(run_id=run_id, state=StepState.QUEUED, map__isnull=True)
    _move(queued, StepState.PENDING, dispatches=0)
    maps = Step.objects.filter(run_id=run_id, state=StepState.WAITING, reason=Reason.ITEMS)
    maps.update(wake_at=timezone.now())


def reopen_map(step: UUID) -> None:
    """Open a map whose items were put back into their queue; its members are sent for at once."""
    _move(
        _stopped(step),
        StepState.WAITING,
        Reason.ITEMS,
        epoch=F("epoch") + 1,
        error=None,
        finished_at=None,
        dispatches=0,
        dispatch_due=_soon(),
        wake_at=timezone.now(),
    )


def wake_items(map_id: UUID) -> int:
    """Put the items of a map whose retry is due back into their queue. Returns how many."""
    due = Step.objects.filter(map=map_id, state=StepState.RETRYING, wake_at__lte=timezone.now())
    # By id, so that the count of a second look is not that of rows which moved in between.
    ids = list(due.values_list("id", flat=True))
    return _move(_steps(*ids).filter(state=StepState.RETRYING), StepState.QUEUED, Reason.MESSAGE)


def open_escalation(escalation: Escalation) -> bool:
    """Ask a person; False when the step already has an open question.

    A question about a run as a whole, which no step waits for, is one of its kind.
    """
    given = {
        field.attname: getattr(escalation, field.attname)
        for field in Escalation._meta.concrete_fields
        if field.attname not in ("state", "opened_at")
    }
    named = ("step_id",) if escalation.step_id else ("run_id", "step_id", "kind")
    whose = {name: given.pop(name) for name in named}
    _, created = Escalation.objects.get_or_create(
        **whose, state=EscalationState.OPEN, defaults=given
    )
    if created:
        tell(
            escalation.run_id,
            "escalation.opened",
            step=escalation.step_id,
            escalation=str(escalation.id),
            about=escalation.kind,
            question=escalation.question,
            severity=escalation.severity,
            group=escalation.group,
        )
    return created


def answer_escalation(
    escalation_id: UUID, *, answer: str, actor: str, note: str = ""
) -> Escalation | None:
    """Record a person's answer; None when somebody else was first."""
    moved = Escalation.objects.filter(id=escalation_id, state=EscalationState.OPEN).update(
        state=EscalationState.ANSWERED,
        answer=answer,
        answered_by=actor,
        answered_at=Now(),
        note=note,
        remind_at=None,
    )
    if not moved:
        return None
    escalation = Escalation.objects.get(id=escalation_id)
    tell(
        escalation.run_id,
        "escalation.answered",
        step=escalation.step_id,
        actor=actor,
        escalation=str(escalation.id),
        about=escalation.kind,
        answer=answer,
        note=note,
        shown=escalation.shown_hash,
    )
    return escalation


def approve_escalation(asked: Escalation, *, actor: str, note: str = "") -> bool:
    """Keep one of several approvals; False when the question has moved meanwhile."""
    given = {"by": actor, "at": timezone.now().isoformat(), "note": note, "shown": asked.shown_hash}
    approvals = [*asked.approvals, given]
    found = Escalation.objects.filter(
        id=asked.id, state=EscalationState.OPEN, approvals=asked.approvals
    )
    if not found.update(approvals=approvals):
        return False
    asked.approvals = approvals
    tell(
        asked.run_id,
        "escalation.approved",
        step=asked.step_id,
        actor=actor,
        count=len(approvals),
        people=asked.people,
        note=note,
        shown=asked.shown_hash,
    )
    return True


def remind_escalation(
    asked: Escalation, *, group: str, level: int, remind_at: datetime | None
) -> bool:
    """Remind of an open question, or hand it up to a group; False when somebody else just did."""
    found = Escalation.objects.filter(
        id=asked.id, state=EscalationState.OPEN, remind_at=asked.remind_at
    )
    reminders = asked.reminders + 1
    if not found.update(group=group, level=level, remind_at=remind_at, reminders=reminders):
        return False
    kind = "escalation.handed_up" if level > asked.level else "escalation.reminded"
    tell(asked.run_id, kind, step=asked.step_id, group=group, was=asked.group, level=level)
    asked.group, asked.level, asked.remind_at, asked.reminders = group, level, remind_at, reminders
    return True


def give_escalation(escalation_id: UUID, *, was: str, owner: str, actor: str) -> bool:
    """Give an open question to a person; False when it is answered or another has it by now."""
    found = Escalation.objects.filter(id=escalation_id, state=EscalationState.OPEN, owner=was)
    if not found.update(owner=owner):
        return False
    run_id, step = Escalation.objects.values_list("run_id", "step_id").get(id=escalation_id)
    tell(run_id, "escalation.taken", step=step, actor=actor, owner=owner, was=was)
    return True


def close_escalations(
    run_id: UUID, steps: Sequence[UUID] | None = None, *, why: str
) -> list[Escalation]:
    """Close open questions whose cause is gone: of the given steps, or of the whole run."""
    found = Escalation.objects.filter(run_id=run_id, state=EscalationState.OPEN)
    if steps is not None:
        found = found.filter(step_id__in=steps)
    else:
        found = found.exclude(kind__in=OUTLIVES_ITS_RUN)
    return [asked for asked in found.defer("shows") if _close(asked, why)]


def close_escalation(asked: Escalation, *, why: str) -> bool:
    """Close one open question whose cause is gone; False when it is not open any more."""
    return _close(asked, why)


def _close(asked: Escalation, why: str) -> bool:
    closed: dict[str, Any] = {"state": EscalationState.CLOSED, "closed_why": why[:200]}
    found = Escalation.objects.filter(id=asked.id, state=EscalationState.OPEN)
    if not found.update(**closed, closed_at=Now(), remind_at=None):
        return False
    asked.state = EscalationState.CLOSED
    tell(
        asked.run_id,
        "escalation.closed",
        step=asked.step_id,
        escalation=str(asked.id),
        about=asked.kind,
        why=why,
    )
    return True
