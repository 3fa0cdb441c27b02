"""How far a bulk job has come, and what became of its runs."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from typing import Any

from django.db.models import Count
from django.urls import reverse

from aiops.admin.page import words
from aiops.admin.page.amounts import count
from aiops.admin.page.asked import Asked
from aiops.admin.page.bulk import LABELS, OUTCOME, list_of, look_of, paged
from aiops.execution import bulk, offers
from aiops.models import BulkJob, BulkOutcome, BulkState, Run

#: How many of the runs are in which state now.
Became = list[tuple[str, int]]


def version(job: BulkJob, counts: Mapping[str, int], became: Became) -> str:
    """Of what the page shows: a poll that brings the same one is answered with nothing."""
    seen = (job.state, sorted(counts.items()), became)
    return hashlib.sha256(repr(seen).encode()).hexdigest()[:32]


def progress(
    job: BulkJob, counts: Mapping[str, int], can: Callable[[str], bool], query: Mapping[str, str]
) -> dict[str, Any]:
    """How far a job has come, and what became of each run."""
    wanted = query.get("outcome", "")
    chosen = wanted if wanted in OUTCOME else ""
    items = (
        job.items.filter(outcome=chosen)
        if chosen
        else job.items.exclude(outcome=BulkOutcome.LEFT_OUT)
    )
    total = sum(number for key, number in counts.items() if key != BulkOutcome.LEFT_OUT)
    ready = counts.get(BulkOutcome.READY, 0)
    worked = total - ready - counts.get(BulkOutcome.STOPPED, 0)
    pages, now = paged(items, query), became(job)
    return {
        "job": job,
        "title": f"{LABELS[job.verb]}: {count(total, 'run')}",
        "look": look_of(job),
        "is_at_work": job.state in bulk.AT_WORK,
        "may_stop": can("aiops.bulk_run") and can(offers.PERMISSIONS[job.verb]),
        "tiles": [(OUTCOME[key], counts[key], key) for key in _TILES if counts.get(key)],
        "worked": worked,
        "total": total,
        "sentence": sentence(job, total, ready),
        "became": [(words.RUN[state], number) for state, number in now],
        "items": [(item, OUTCOME[item.outcome], words.RUN[item.run.state]) for item in pages],
        "pages": pages,
        "page_query": f"outcome={chosen}" if chosen else "",
        "outcome": chosen,
        "version": version(job, counts, now),
        "back": list_of(job),
    }


_TILES: tuple[str, ...] = (
    *(BulkOutcome.DONE, BulkOutcome.CHANGED, BulkOutcome.REFUSED, BulkOutcome.READY),
    *(BulkOutcome.STOPPED, BulkOutcome.LEFT_OUT),
)


def sentence(job: BulkJob, total: int, ready: int) -> str:
    """Where the job stands, in one sentence."""
    match job.state:
        case BulkState.CANARY if total > bulk.CANARY:
            first = count(min(bulk.CANARY, total), "run")
            return f"The first {first} go ahead. The rest follows when the same error does not come back."
        case BulkState.CANARY | BulkState.RUNNING:
            return f"{count(ready, 'run')} to go, a few at a time."
        case BulkState.STOPPED:
            who = f"{job.stopped_by} stopped it" if job.stopped_by else "It stopped by itself"
            return f"{who}: {job.stopped_why.rstrip('.')}. What was done stays done."
        case _:
            return "Every run of the list has had its turn."


def became(job: BulkJob) -> Became:
    """Where the runs stand now to which it was done."""
    rows = (
        Run.objects.filter(id__in=job.items.filter(outcome=BulkOutcome.DONE).values("run_id"))
        .values_list("state")
        .annotate(number=Count("id"))
        .order_by("state")
    )
    return list(rows)


def stopping(job: BulkJob, back: str) -> Asked:
    left = job.items.filter(outcome=BulkOutcome.READY).count()
    is_at_work = job.state in bulk.AT_WORK
    return Asked(
        title="Stop this job?",
        button=f"Stop, leave {count(left, 'run')} as they are",
        verb="stop",
        tone="danger",
        about=f"{LABELS[job.verb]} · {job.chosen}",
        back=back,
        action=reverse("admin:aiops_bulkjob_stop", args=[job.pk]),
        icon="front_hand",
        notes=("What was done stays done.",),
        refused="" if is_at_work else f"It is not at work: {look_of(job).word.lower()}.",
    )
