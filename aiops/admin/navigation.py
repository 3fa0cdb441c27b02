"""The sidebar: every page of the console that is there, for those who may see it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.apps import apps
from django.contrib import admin
from django.contrib.admin.exceptions import NotRegistered
from django.http import HttpRequest
from django.urls import reverse

from aiops.admin.page.counts import Counts, counts
from aiops.admin.page.links import shown_if_there
from aiops.models import RunState

#: A larger number is told as "more than".
MOST_IN_BADGE = 999


@dataclass(frozen=True, slots=True)
class Badge:
    """A number beside a page's name; none when it is 0. `variant` is a colour of unfold."""

    number: Callable[[Counts], int]
    variant: str


@dataclass(frozen=True, slots=True)
class Entry:
    """A page of the sidebar: the list of a model, or an address with the permission it needs."""

    title: str
    icon: str
    model: str = ""
    address: str = ""
    needs: str = ""
    badge: Badge | None = None


_REQUESTS = Badge(lambda now: now.requests, "warning")
_FAILED = Badge(lambda now: now.runs[RunState.FAILED], "danger")
_SCHEDULES = Badge(lambda now: now.schedules, "danger")

SECTIONS: dict[str, tuple[Entry, ...]] = {
    "Operate": (
        Entry("Dashboard", "dashboard", address="admin:index"),
        Entry("Inbox", "inbox", "aiops.Escalation", badge=_REQUESTS),
        Entry("Runs", "account_tree", "aiops.Run", badge=_FAILED),
        Entry("Failure groups", "fingerprint", "aiops.FailureGroup"),
        Entry("Queues & workers", "dns", "aiops.Node"),
        Entry("Lanes", "swap_calls", "aiops.Lane"),
    ),
    "Configure": (
        Entry("Workflows", "schema", "aiops.WorkflowVersion"),
        Entry("Schedules", "event_repeat", "aiops.Schedule", badge=_SCHEDULES),
        Entry("Triggers", "bolt", "aiops.Trigger"),
        Entry("Beat's tasks", "timer", "django_celery_beat.PeriodicTask"),
        Entry("Budgets", "savings", "aiops.Budget"),
        Entry("Webhooks", "webhook", "aiops.WebhookEndpoint"),
    ),
    "Audit": (
        Entry("Operator actions", "history", "aiops.OperatorAction"),
        Entry("Events in", "move_to_inbox", "aiops.Signal"),
        Entry("Bulk jobs", "checklist", "aiops.BulkJob"),
        Entry("Model calls", "neurology", "aiops.ModelCall"),
        Entry("Celery results", "receipt_long", "django_celery_results.TaskResult"),
        Entry("Flower", "local_florist", address="flower", needs="aiops.view_node"),
    ),
    "Access": (
        Entry("Users", "person", "auth.User"),
        Entry("Groups", "group", "auth.Group"),
        Entry("API keys", "vpn_key", "aiops.ApiKey"),
    ),
}


def sidebar(request: HttpRequest) -> list[dict[str, Any]]:
    """The sections as unfold wants them; one without a page is left out."""
    found = [(title, _shown(request, entries)) for title, entries in SECTIONS.items()]
    return [
        {"title": title, "separator": place > 0, "items": items}
        for place, (title, items) in enumerate(found)
        if items
    ]


def pages(request: HttpRequest) -> list[tuple[Entry, str]]:
    """The pages that somebody may see, with their addresses."""
    entries = [entry for section in SECTIONS.values() for entry in section]
    found = [(entry, link_for(request, entry)) for entry in entries]
    return [(entry, link) for entry, link in found if link]


def link_for(request: HttpRequest, entry: Entry) -> str:
    """The address of a page; "" when there is none, or they may not see it."""
    if not entry.model:
        may_see = not entry.needs or request.user.has_perm(entry.needs)
        return shown_if_there(entry.address) if may_see else ""
    try:
        model = apps.get_model(entry.model)
        page = admin.site.get_model_admin(model)
    except (LookupError, NotRegistered):
        return ""
    if not page.has_view_or_change_permission(request):
        return ""
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")


def badge_text(number: int) -> str:
    return f"{MOST_IN_BADGE}+" if number > MOST_IN_BADGE else str(number)


def _shown(request: HttpRequest, entries: tuple[Entry, ...]) -> list[dict[str, Any]]:
    found = [(entry, link_for(request, entry)) for entry in entries]
    return [_item(request, entry, link) for entry, link in found if link]


def _item(request: HttpRequest, entry: Entry, link: str) -> dict[str, Any]:
    item: dict[str, Any] = {
        "title": entry.title,
        "icon": entry.icon,
        "link": link,
        "active": _is_at(request.path, link),
    }
    number = entry.badge.number(counts()) if entry.badge else 0
    if entry.badge and number:
        item |= {"badge": badge_text(number), "badge_variant": entry.badge.variant}
    return item


def _is_at(path: str, link: str) -> bool:
    """Whether a page is the one behind a link, or below it; every page is below the dashboard."""
    return path == link if link == reverse("admin:index") else path.startswith(link)
