"""The list of failure groups."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.urls import reverse
from django.utils import timezone
from django.utils.safestring import SafeString

from aiops.admin.page import causes, links
from aiops.admin.page.amounts import count, from_now
from aiops.admin.page.words import Look
from aiops.execution.failures import HOURS, RECOVERED, FailureGroupRow, groups
from aiops.execution.verdict import ORDER
from aiops.models import GroupState

#: At most so many groups are told; more causes than this are one cause that nobody has named well.
MOST = 200

STATE: dict[str, Look] = {
    GroupState.OPEN: Look("Open", "error", "red"),
    RECOVERED: Look("Recovered", "check_circle", "green"),
    GroupState.IGNORED: Look("Ignored", "notifications_off", "slate"),
    GroupState.RESOLVED: Look("Resolved", "task_alt", "teal"),
}
_MINE = "mine"
TABS: dict[str, str] = {
    GroupState.OPEN: "Open",
    _MINE: "Mine",
    RECOVERED: "Recovered",
    GroupState.IGNORED: "Ignored",
    GroupState.RESOLVED: "Resolved",
}
_EMPTY: dict[str, str] = {
    GroupState.OPEN: "No failures stand still. Nothing to do here.",
    _MINE: "You have taken no group of failures.",
    RECOVERED: "Nothing that failed in the last 24 hours has recovered.",
    GroupState.IGNORED: "Nothing is ignored.",
    GroupState.RESOLVED: "Nothing is marked as resolved.",
}


@dataclass(frozen=True, slots=True)
class Tab:
    key: str
    word: str
    number: int
    is_current: bool


@dataclass(frozen=True, slots=True)
class Row:
    """One group, as a line of the list."""

    group: FailureGroupRow
    url: str
    runs_url: str
    state: Look
    trend: SafeString
    chips: list[tuple[Look, str]]
    stands: str
    last: str


def listed(query: Mapping[str, str], username: str) -> dict[str, Any]:
    """The groups of a tab, with how many there are in each."""
    now = timezone.now()
    found = groups(MOST, since=now - timedelta(hours=HOURS))
    current = query.get("tab") if query.get("tab") in TABS else GroupState.OPEN
    current = str(current)
    return {
        "tabs": [
            Tab(key, word, sum(_is_in(one, key, username) for one in found), key == current)
            for key, word in TABS.items()
        ],
        "rows": [_row(one, now) for one in found if _is_in(one, current, username)],
        "empty": _EMPTY[current],
        "is_cut": len(found) == MOST,
    }


def _is_in(group: FailureGroupRow, tab: str, username: str) -> bool:
    return group.owner == username if tab == _MINE else group.state == tab


def _row(group: FailureGroupRow, now: datetime) -> Row:
    return Row(
        group=group,
        url=reverse("admin:aiops_failuregroup_change", args=[group.fingerprint]),
        runs_url=links.runs(group=group.fingerprint),
        state=STATE[group.state],
        trend=causes.trend(group.hours),
        chips=chips(group),
        stands=stands(group),
        last=from_now(group.last_at, now) if group.last_at else "not known",
    )


def chips(group: FailureGroupRow) -> list[tuple[Look, str]]:
    """How its runs are judged, each with the list of these runs."""
    return [
        (causes.chip(key, group.verdicts[key]), links.runs(group=group.fingerprint, verdict=key))
        for key in ORDER
        if key in group.verdicts
    ]


def stands(group: FailureGroupRow) -> str:
    """How much stands still."""
    if not group.runs:
        return "nothing stands still"
    more = "" if group.steps == group.runs else f", {count(group.steps, 'step')}"
    return f"{count(group.runs, 'run')}{more}"
