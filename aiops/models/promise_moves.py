"""The door for promises: every move is a conditional UPDATE, and what people should know is an event."""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

from django.db import transaction
from django.db.models import F
from django.utils import timezone

from aiops.models import transitions
from aiops.models.promise import Promise, PromiseState
from aiops.models.run import RunState


def make(run_id: UUID, *, address: str, language: str) -> bool:
    """Owe a mail to this address, in the caller's transaction; False when it is owed already."""
    _, is_new = Promise.objects.get_or_create(
        run_id=run_id, address=address, defaults={"language": language}
    )
    if is_new:
        transitions.tell(run_id, "promise.made")
    return is_new


def take(promise_id: int, *, tries: int, patience_s: float) -> Promise | None:
    """Take a promise in hand that had been tried so often; None when somebody else has."""
    again_at = timezone.now() + timedelta(seconds=patience_s)
    found = Promise.objects.filter(id=promise_id, state=PromiseState.WAITING, tries=tries)
    if not found.update(tries=F("tries") + 1, next_at=again_at):
        return None
    return Promise.objects.select_related("run", "run__version").get(id=promise_id)


def keep(promise: Promise, *, told: str) -> bool:
    """The mail about this end was taken."""
    return _end(promise, PromiseState.KEPT, "promise.kept", told=told, kept_at=timezone.now())


def drop(promise: Promise) -> bool:
    """Nobody waits for this mail any more."""
    return _end(promise, PromiseState.DROPPED, "promise.dropped")


def give_up(promise: Promise, *, why: str) -> bool:
    return _end(promise, PromiseState.BROKEN, "promise.broken", error=why)


def put_off(promise: Promise, *, until: datetime, why: str) -> None:
    """Try again later."""
    mine = Promise.objects.filter(id=promise.id, state=PromiseState.WAITING, tries=promise.tries)
    mine.update(next_at=until, error=why)


def owe_again(run_id: UUID) -> None:
    """A run that failed goes on: who was told that it failed is told of its next end too."""
    kept = Promise.objects.filter(run_id=run_id, state=PromiseState.KEPT, told=RunState.FAILED)
    kept.update(
        state=PromiseState.WAITING,
        told="",
        tries=0,
        next_at=timezone.now(),
        error="",
        kept_at=None,
    )


def send_again(run_id: UUID, *, actor: str) -> int:
    """Try those anew that were given up; returns how many."""
    return _answered(run_id, PromiseState.WAITING, "promise.sent_again", actor)


def let_it_be(run_id: UUID, *, actor: str) -> int:
    """Owe those no more that were given up; returns how many."""
    return _answered(run_id, PromiseState.DROPPED, "promise.let_be", actor)


def _answered(run_id: UUID, to: str, kind: str, actor: str) -> int:
    broken = Promise.objects.filter(run_id=run_id, state=PromiseState.BROKEN)
    moved = broken.update(state=to, tries=0, next_at=timezone.now())
    if moved:
        transitions.tell(run_id, kind, actor=actor, number=moved)
    return moved


def _end(promise: Promise, to: str, kind: str, **fields: object) -> bool:
    """End a promise, unless a later attempt has taken it over."""
    with transaction.atomic():
        mine = Promise.objects.filter(
            id=promise.id, state=PromiseState.WAITING, tries=promise.tries
        )
        if not mine.update(state=to, **fields):
            return False
        transitions.tell(promise.run_id, kind, **{k: v for k, v in fields.items() if k == "told"})
    return True
