"""The dashboard: what needs somebody now, how it goes, and where it stands still."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.core.cache import cache
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import URLPattern, path
from django.utils import timezone
from django.utils.crypto import salted_hmac

from aiops.admin.page import (
    causes,
    hours,
    links,
    needs,
    overview,
    queues_card,
    schedules,
    tiles,
    waiting,
)
from aiops.admin.page.counts import Counts, counts
from aiops.execution.failures import groups
from aiops.upkeep import beat
from aiops.upkeep.queues import queues

#: What it shows of ages and of workers moves without an event: it is drawn anew after this long.
AGES_S = 30
_KEY = "aiops.dashboard"
_SEEN_WITH = "aiops.view_run"


def dashboard(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """What the first page of the console shows beside unfold's shell."""
    can_see = request.user.has_perm(_SEEN_WITH)
    page = {"title": "Dashboard", "is_fullwidth": "1", "can_see": can_see}
    return {**context, **page, **(_context(request, counts()) if can_see else {})}


def live(request: HttpRequest) -> HttpResponse:
    """What changes of the dashboard; nothing (204) while its version is the one that is shown."""
    now = counts()
    # Nobody can make a version without having been shown that page.
    if request.GET.get("v") == _token(request, _version(now)):
        return HttpResponse(status=204)
    if not request.user.has_perm(_SEEN_WITH):
        raise PermissionDenied
    return render(request, "console/parts/dashboard_body.html", _context(request, now))


def urls() -> list[URLPattern]:
    view = admin.site.admin_view(live)
    return [path("dashboard/live/", view, name="aiops_dashboard_live")]


# The hook that unfold's site asks for further addresses.
admin.site.extra_urls = urls  # type: ignore[attr-defined]


def _context(request: HttpRequest, now: Counts) -> dict[str, Any]:
    return {**_picture(now), "version": _token(request, _version(now))}


def _picture(now: Counts) -> dict[str, Any]:
    """What everybody is shown: read once for each version of the record."""
    version = _version(now)
    kept: tuple[str, dict[str, Any]] | None = cache.get(_KEY)
    if kept is not None and kept[0] == version:
        return kept[1]
    made = read(now)
    cache.set(_KEY, (version, made), AGES_S)
    return made


def read(now: Counts) -> dict[str, Any]:
    """Everything that the dashboard shows, as the record has it at this moment."""
    moment = timezone.now()
    begin = hours.begin_of(moment)
    numbers = overview.numbers(moment, begin)
    ended = overview.ended(begin)
    pools = queues()
    return {
        "at": moment,
        "keepers": numbers.keepers,
        "trouble": beat.trouble(schedules.kept()),
        "advice": beat.advice(schedules.kept()),
        "cards": needs.cards(now, numbers, pools, moment),
        "tiles": tiles.tiles(now.runs, ended, begin),
        "finished": hours.finished(ended, begin, numbers.spent_microusd),
        "queues": queues_card.shown(pools),
        "groups_url": links.shown_if_there("admin:aiops_failuregroup_changelist"),
        "waiting_url": links.runs(view="waiting"),
        "causes": causes.shown(groups(causes.MOST_SHOWN, since=begin)),
        "waiting": waiting.shown(overview.waiting_longest(), moment),
    }


def _version(now: Counts) -> str:
    return f"{int(timezone.now().timestamp()) // AGES_S} {now.version}"


def _token(request: HttpRequest, version: str) -> str:
    """The version of the page of one user."""
    seen = f"{request.user.pk} {version}"
    return salted_hmac("aiops.admin.dashboard", seen, algorithm="sha256").hexdigest()[:32]
