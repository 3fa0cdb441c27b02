"""What the pages of a bulk job show."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.core.paginator import Page, Paginator
from django.db.models import Count, F, QuerySet, Sum
from django.urls import reverse
from django.utils import timezone

from aiops.admin.page import words
from aiops.admin.page.amounts import count, money
from aiops.admin.page.words import VERB_ICONS, Look
from aiops.execution import bulk, offers
from aiops.execution.verdict import ORDER
from aiops.models import BulkItem, BulkJob, BulkOutcome, BulkState

LABELS: dict[str, str] = {"retry": "Retry failed", "cancel": "Cancel", "escalate": "Escalate"}
#: The first runs of each part are shown; the others page by page.
FIRST = 12
PER_PAGE = 50

STATE: dict[str, Look] = {
    BulkState.PLANNED: Look("Nothing done yet", "fact_check", "slate"),
    BulkState.CANARY: Look("The first few are tried", "science", "violet"),
    BulkState.RUNNING: Look("At work", "play_circle", "blue"),
    BulkState.STOPPED: Look("Stopped", "front_hand", "orange"),
    BulkState.DONE: Look("Done", "check_circle", "green"),
}
OUTCOME: dict[str, Look] = {
    BulkOutcome.READY: Look("To do", "schedule", "slate"),
    BulkOutcome.DONE: Look("Done", "check_circle", "green"),
    BulkOutcome.CHANGED: Look("Changed meanwhile", "sync_problem", "amber"),
    BulkOutcome.REFUSED: Look("Refused", "gpp_bad", "red"),
    BulkOutcome.STOPPED: Look("Not done, stopped", "front_hand", "orange"),
    BulkOutcome.LEFT_OUT: Look("Left out", "block", "slate"),
}
_IMPOSSIBLE = Look("not possible", "block", "slate")

#: What to do with runs that are left out.
_ADVICE: dict[str, str] = {
    "check": "Open these one by one: look whether it went out",
    "unsafe": "It did go out: mark these as done, one by one",
    "fix": "A retry alone fails the same way",
    "decide": "Answer the questions in the inbox",
    "": "Nothing can be done to these",
}


@dataclass(frozen=True, slots=True)
class Part:
    """Runs of the list that fare alike."""

    key: str
    look: Look
    advice: str
    number: int
    items: Sequence[BulkItem]
    more: int
    is_mendable: bool = False


def look_of(job: BulkJob) -> Look:
    if job.state == BulkState.PLANNED and job.expires_at <= timezone.now():
        return Look("Expired, nothing done", "timer_off", "slate")
    return STATE[job.state]


def in_short(counts: Mapping[str, int]) -> str:
    """How many of a list became what, in one line."""
    told = [
        f"{counts[key]:,} {OUTCOME[key].word.lower()}"
        for key in BulkOutcome.values
        if key in counts
    ]
    return ", ".join(told) or "–"


# The plan


def planned(job: BulkJob, user: Any, query: Mapping[str, str]) -> dict[str, Any]:
    """The plan: who goes ahead, who is left out and why."""
    rows = job.items.values_list("outcome", "verdict").annotate(
        number=Count("id"),
        steps=Sum("steps"),
        cost=Sum("cost_microusd"),
        known=Count("cost_microusd"),
    )
    found = {(outcome, verdict): rest for outcome, verdict, *rest in rows.order_by()}
    ready = [rest for (outcome, _), rest in found.items() if outcome == BulkOutcome.READY]
    number = sum(rest[0] for rest in ready)
    total = sum(rest[0] for rest in found.values())
    label = LABELS[job.verb]
    fix = found.get((BulkOutcome.LEFT_OUT, "fix"), [0])[0] if job.verb == "retry" else 0
    return {
        "job": job,
        "title": f"{label}: {count(total, 'run')}",
        "label": label,
        "icon": VERB_ICONS[job.verb],
        "total": total,
        "number": number,
        "steps": sum(rest[1] or 0 for rest in ready),
        "price": price([rest[0:1] + rest[2:4] for rest in ready]) if job.verb == "retry" else "",
        "parts": _parts(job, found, query),
        "only": query.get("part"),
        "fix": fix,
        "most": number + fix,
        "must_type": number > bulk.UNTYPED,
        "may_type": number <= bulk.UNTYPED < number + fix,
        "canary": min(bulk.CANARY, number),
        "needs_reason": bulk.needs_reason(job.verb),
        "refused": _refused(job, user, number + fix),
        "back": list_of(job),
    }


def price(rows: Sequence[Sequence[Any]]) -> str:
    """What the retries would cost: number, cost and how many costs are known, of each part."""
    number, known = sum(row[0] for row in rows), sum(row[2] for row in rows)
    cost = sum(int(row[1] or 0) for row in rows)
    if not known:
        return "cost not known"
    unknown = f", not known of {number - known:,}" if known < number else ""
    return f"about {money(cost)}{unknown}"


def _refused(job: BulkJob, user: Any, most: int) -> str:
    """Why it cannot be confirmed; "" when it can."""
    needed = (offers.PERMISSIONS[job.verb], "aiops.bulk_run")
    if not all(user.has_perm(one) for one in needed):
        return "You may look at this plan, and not carry it out. Ask an admin of this console."
    if job.expires_at <= timezone.now():
        return "This plan is older than 10 minutes and may be wrong by now. Make a new one."
    if job.made_by != user.get_username():
        return f"{job.made_by} made this plan. To do it yourself, make one of your own."
    return "" if most else "None of these runs can go ahead. Open them one by one."


def _parts(
    job: BulkJob, found: Mapping[tuple[str, str], Sequence[Any]], query: Mapping[str, str]
) -> list[Part]:
    verdicts = [key for key in (*ORDER, "") if (BulkOutcome.LEFT_OUT, key) in found]
    parts = [_ready(job, found)] if any(o == BulkOutcome.READY for o, _ in found) else []
    for key in verdicts:
        number = found[BulkOutcome.LEFT_OUT, key][0]
        look = words.VERDICT[key] if key else _IMPOSSIBLE
        told = Look(f"{number:,} left out: {look.word.lower()}", look.icon, look.tone)
        items = job.items.filter(outcome=BulkOutcome.LEFT_OUT, verdict=key)
        is_mendable = key == "fix" and job.verb == "retry"
        advice = _ADVICE.get(key, "Open these one by one")
        parts.append(
            Part(
                key or "none",
                told,
                advice,
                number,
                _first(items),
                max(0, number - FIRST),
                is_mendable,
            )
        )
    return [_whole(job, part, query) for part in parts if query.get("part") in (None, part.key)]


def _ready(job: BulkJob, found: Mapping[tuple[str, str], Sequence[Any]]) -> Part:
    number = sum(rest[0] for (outcome, _), rest in found.items() if outcome == BulkOutcome.READY)
    look = Look(f"{number:,} will go ahead", "verified_user", "green")
    items = job.items.filter(outcome=BulkOutcome.READY)
    return Part("ready", look, LABELS[job.verb], number, _first(items), max(0, number - FIRST))


def _first(items: QuerySet[BulkItem]) -> list[BulkItem]:
    return list(_told(items)[:FIRST])


def _told(items: QuerySet[BulkItem]) -> QuerySet[BulkItem]:
    columns = ("run__title", "run__workflow", "run__version", "run__state")
    return (
        items.select_related("run")
        .only("place", "verdict", "note", "steps", "outcome", "at", "job", *columns)
        .annotate(version_number=F("run__version__version"))
        .order_by("place")
    )


def _whole(job: BulkJob, part: Part, query: Mapping[str, str]) -> Part:
    """One part page by page, where it is asked for."""
    if query.get("part") != part.key:
        return part
    wanted: dict[str, str] = {"outcome": BulkOutcome.READY}
    if part.key != "ready":
        wanted = {
            "outcome": BulkOutcome.LEFT_OUT,
            "verdict": "" if part.key == "none" else part.key,
        }
    found = paged(job.items.filter(**wanted), query)
    return Part(
        part.key,
        part.look,
        part.advice,
        part.number,
        found,
        0,
        part.is_mendable,
    )


def paged(items: QuerySet[BulkItem], query: Mapping[str, str]) -> Page[BulkItem]:
    return Paginator(_told(items), PER_PAGE).get_page(query.get("page"))


def list_of(job: BulkJob) -> str:
    url = reverse("admin:aiops_run_changelist")
    return f"{url}?{job.query}" if job.query else url
