"""The page of one failure group, and the questions before a decision about it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import Count, Max
from django.urls import reverse
from django.utils import timezone

from aiops.admin.page import causes, links, words
from aiops.admin.page.amounts import count, from_now
from aiops.admin.page.asked import Asked
from aiops.admin.page.failures import STATE, chips, stands
from aiops.admin.page.words import SENT, Look
from aiops.execution import failure_decisions, offers
from aiops.execution.failures import (
    RECOVERED,
    FailureGroupRow,
    failed_tries,
    group,
    stopped_steps,
)
from aiops.models import Attempt, FailureGroup, GroupState

_EXAMPLES = 5
#: Most runs were tried several times.
_LOOKED_AT = 25
_VERSIONS = 20

#: For how long a group may be ignored, in hours.
LENGTHS: tuple[tuple[str, str], ...] = (
    ("1", "1 hour"),
    ("8", "8 hours"),
    ("24", "1 day"),
    ("72", "3 days"),
    ("168", "1 week"),
    ("720", "30 days"),
)
_ICONS: dict[str, str] = {
    "take": "person",
    "resolve": "task_alt",
    "ignore": "notifications_off",
    "reopen": "error",
}


@dataclass(frozen=True, slots=True)
class Verb:
    label: str
    url: str
    icon: str


@dataclass(frozen=True, slots=True)
class Example:
    """One try that failed, with its evidence."""

    run: UUID
    name: str
    step: str
    look: Look
    message: str
    kind: str
    sent: str
    worker: str
    at: datetime
    ago: str
    traceback: str


@dataclass(frozen=True, slots=True)
class Affected:
    """A version of a workflow: how many of its runs stand still, and when it last failed so."""

    id: int
    name: str
    runs: int
    tries: int
    last: str
    url: str


def shown(mark: str, can: Callable[[str], bool]) -> dict[str, Any] | None:
    """Everything about one group; None when nothing of it is kept."""
    found = group(mark)
    if found is None:
        return None
    now = timezone.now()
    decision = FailureGroup.objects.filter(pk=mark).first()
    harmless = sum(found.verdicts.get(key, 0) for key in offers.HARMLESS)
    return {
        "title": found.title,
        "group": found,
        "look": STATE[found.state],
        "verbs": _verbs(found) if can(failure_decisions.PERMISSION) else [],
        "decided": decided(decision, found.state, now),
        "note": decision.note if decision else "",
        "facts": _facts(found, now),
        "trend": causes.trend(found.hours),
        "total": count(sum(found.hours), "failed try", "failed tries"),
        "chips": chips(found),
        "harmless": harmless,
        "has_fix": "fix" in found.verdicts,
        "runs_url": links.runs(group=mark),
        "versions": _versions(mark, now),
        "examples": _examples(mark, now),
    }


def _verbs(found: FailureGroupRow) -> list[Verb]:
    is_decided = found.state in (GroupState.RESOLVED, GroupState.IGNORED)
    names = ("take", "reopen") if is_decided else ("take", "resolve", "ignore")
    return [
        Verb(
            failure_decisions.LABELS[name],
            reverse("admin:aiops_failuregroup_do", args=[found.fingerprint, name]),
            _ICONS[name],
        )
        for name in names
    ]


def decided(decision: FailureGroup | None, state: str, now: datetime) -> str:
    """What was decided, and what opens the group again; "" for nothing."""
    if decision is None or decision.state == GroupState.OPEN:
        return ""
    who = f"{decision.decided_by}, {from_now(decision.decided_at, now)}"
    if decision.state == GroupState.IGNORED:
        until = decision.ignored_until
        told = f"{until:%Y-%m-%d %H:%M} UTC" if until else "–"
        if state in (GroupState.OPEN, RECOVERED):
            return f"It was ignored until {told} ({who}), and that time is over."
        return f"Ignored until {told} ({who}). Then it is open again by itself."
    version = decision.resolved_in
    where = f"in version {version}" if version else "by something outside"
    if state in (GroupState.OPEN, RECOVERED):
        return f"It was marked as resolved {where} ({who}), and has failed again since."
    again = f"version {version} or above fails so" if version else "it fails again"
    return f"Resolved {where} ({who}). It opens by itself when {again}."


def _facts(found: FailureGroupRow, now: datetime) -> list[tuple[str, str, str]]:
    """Name, value, and what a pointer tells."""

    def moment(at: datetime | None) -> tuple[str, str]:
        return (from_now(at, now), at.isoformat()) if at else ("not known", "")

    error = " ".join(part for part in (found.word.replace("_", " "), found.code) if part)
    return [
        ("Workflow", found.workflow, ""),
        ("Step", found.step, ""),
        ("Kind of error", error, ""),
        ("Stands still", stands(found), ""),
        ("First seen", *moment(found.first_at)),
        ("Last seen", *moment(found.last_at)),
        ("Owner", found.owner or "nobody", ""),
    ]


def _versions(mark: str, now: datetime) -> list[Affected]:
    """The versions that failed so, the newest failure first."""
    columns = ("run__version", "run__version__name", "run__version__version")
    tries = failed_tries(mark).values_list(*columns)
    rows = tries.annotate(number=Count("id"), last=Max("finished_at")).order_by("-last")
    still = stopped_steps(mark).values_list("run__version")
    standing = dict(still.annotate(runs=Count("run_id", distinct=True)).order_by())
    return [
        Affected(
            id=key,
            name=f"{name} v{version}",
            runs=standing.get(key, 0),
            tries=number,
            last=from_now(last, now),
            url=links.runs(group=mark, version=str(key)),
        )
        for key, name, version, number, last in rows[:_VERSIONS]
    ]


def _examples(mark: str, now: datetime) -> list[Example]:
    """The newest try of each of the runs that failed so last."""
    rows = failed_tries(mark).select_related("run", "step").order_by("-finished_at")
    columns = ("run__title", "run__workflow", "step__name", "step__item", "step__run")
    own = ("outcome", "error", "sent", "worker", "finished_at", "run", "step")
    newest: dict[UUID, Attempt] = {}
    for one in rows.only(*own, *columns)[:_LOOKED_AT]:
        newest.setdefault(one.run_id, one)
    return [_example(one, now) for one in list(newest.values())[:_EXAMPLES]]


def _example(one: Attempt, now: datetime) -> Example:
    error = one.error or {}
    return Example(
        run=one.run_id,
        name=one.run.title or one.run.workflow,
        step=str(one.step),
        look=words.OUTCOME[one.outcome],
        message=str(error.get("message") or ""),
        kind=str(error.get("type") or error.get("word") or ""),
        sent=SENT.get(one.sent, ""),
        worker=one.worker,
        at=one.finished_at,
        ago=from_now(one.finished_at, now),
        traceback=str(error.get("traceback") or ""),
    )


def question(mark: str, verb: str) -> Asked | None:
    """What is asked before a decision; None when nothing of the group is kept."""
    found = group(mark)
    if found is None:
        return None
    decision = FailureGroup.objects.filter(pk=mark).first()
    label = failure_decisions.LABELS[verb]
    wants = {"resolve": "version", "ignore": "until"}.get(verb, "")
    return Asked(
        title=f"{_TITLES[verb]}",
        button=label if verb != "ignore" else "Ignore it",
        verb=verb,
        tone="primary",
        about=found.workflow if wants == "version" else f"{found.title} · {found.workflow}",
        back=reverse("admin:aiops_failuregroup_change", args=[mark]),
        action=reverse("admin:aiops_failuregroup_do", args=[mark, verb]),
        icon=_ICONS[verb],
        notes=_notes(verb, found),
        needs_reason=failure_decisions.needs_reason(verb),
        fingerprint=failure_decisions.seen(decision),
        wants=wants,
        choices=LENGTHS,
    )


_TITLES: dict[str, str] = {
    "take": "Take these failures?",
    "resolve": "Are these failures resolved?",
    "ignore": "Ignore these failures for a while?",
    "reopen": "Open this group again?",
}


def _notes(verb: str, found: FailureGroupRow) -> tuple[str, ...]:
    owner = f"{found.owner} has it now." if found.owner and verb == "take" else ""
    said = {
        "take": "You become its owner. Nothing else changes.",
        "resolve": "No run is retried by this. The group opens by itself when it fails again.",
        "ignore": "No run is changed. The group opens by itself when the time is over.",
        "reopen": "It counts as open from now on, whatever fails.",
    }[verb]
    return tuple(one for one in (owner, said) if one)
