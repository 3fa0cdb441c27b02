"""Searching runs: by what somebody remembers, or by an id that they paste."""

from __future__ import annotations

from functools import reduce
from operator import and_
from uuid import UUID

from django.db.models import Q, Subquery

from aiops.models import Attempt, Run, Step
from aiops.models.beginning import ids_beginning

#: Shorter hexadecimal texts may be a word, a title or a key.
SHORTEST_ID = 8
#: A task's id has no index, which every attempt would pay for: the newest are looked through.
NEWEST_ATTEMPTS = 500_000
#: At most so many runs of one task: a task belongs to one run.
_MOST_RUNS = 20
_WHOLE_ID = 32


def matching(text: str) -> Q:
    """What a text asks of a run: an id or its beginning, a Celery task, or words of it."""
    span = ids_beginning(text, SHORTEST_ID)
    if span is None:
        return _worded(text)
    if span[0] == span[1]:
        return _of_id(text, span[0])
    # A number may be an invoice's.
    return Q(id__range=span) | _worded(text)


def _of_id(text: str, id: UUID) -> Q:
    """A run, else the runs of a task, else the run of a key."""
    if Run.objects.filter(id=id).exists():
        return Q(id=id)
    found = runs_of_task(str(id)) if len(text.strip()) > _WHOLE_ID else []
    return Q(id__in=found) if found else Q(key=text.strip())


def runs_of_task(task_id: str) -> list[UUID]:
    """The runs that a Celery task works for now, or that it tried one of the newest attempts of."""
    now = Step.objects.filter(lease_until__isnull=False, task_id=task_id)
    last = Attempt.objects.order_by("-id").values("id")[:1]
    newest = Attempt.objects.filter(id__gt=Subquery(last) - NEWEST_ATTEMPTS, task_id=task_id)
    found = now.values_list("run_id").union(newest.values_list("run_id"))
    return [run_id for (run_id,) in found[:_MOST_RUNS]]


def _worded(text: str) -> Q:
    """Each word stands in its title, its key, or the name of who started it."""
    words = [
        Q(title__icontains=word) | Q(key__icontains=word) | Q(started_by__icontains=word)
        for word in text.split()
    ]
    return reduce(and_, words, Q())
