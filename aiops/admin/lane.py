"""Lanes: how each provider, model and credential stands, and steering it by hand."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import URLPattern, path, reverse
from django.utils import timezone

from aiops.admin.history import HistoryAdmin
from aiops.admin.page import asked
from aiops.admin.page import lanes as page
from aiops.admin.page.amounts import count
from aiops.admin.page.asked import Asked
from aiops.execution import lanes
from aiops.execution.line import line
from aiops.execution.resume import NotPossible
from aiops.models import Lane, LaneState
from aiops.providers.admission import limits_of

PERMISSION = "aiops.steer_lane"
#: For how long a person may hold a lane: hours, and their words.
HOURS = (
    ("0.25", "15 minutes"),
    ("1", "1 hour"),
    ("4", "4 hours"),
    ("12", "12 hours"),
    ("24", "1 day"),
)
_LIMITS = {
    "requests_per_min": "Requests a minute",
    "tokens_per_min": "Tokens a minute",
    "concurrency": "Calls at once",
}


@admin.register(Lane)
class LaneAdmin(HistoryAdmin):
    id_fields = ()
    shown = (
        (
            None,
            {
                "fields": (
                    *("name", "state", "cause", "since", "held_until", "reason", "who"),
                    *("failing_since", "declared", "own_limits"),
                )
            },
        ),
    )

    def get_urls(self) -> list[URLPattern]:
        guarded = self.admin_site.admin_view
        # Before the page of one row, whose pattern takes everything.
        return [
            path("live/", guarded(self.live_view), name="aiops_lane_live"),
            path("<path:name>/do/<slug:verb>/", guarded(self.do_view), name="aiops_lane_do"),
            *super().get_urls(),
        ]

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        self._refuse_stranger(request)
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": "Lanes",
            "is_fullwidth": "1",
            **self._context(request),
        }
        return render(request, "console/lanes.html", context)

    def live_view(self, request: HttpRequest) -> HttpResponse:
        """What changes of the page; nothing (204) while its version is the one that is shown."""
        # Nobody can make a version without having been shown that page.
        if request.GET.get("v") == page.version(request.user.pk or 0):
            return HttpResponse(status=204)
        self._refuse_stranger(request)
        return render(request, "console/parts/lanes_body.html", self._context(request))

    def do_view(self, request: HttpRequest, name: str, verb: str) -> HttpResponse:
        """GET tells what it would bring about; POST does it."""
        if not request.user.has_perm(PERMISSION):
            raise PermissionDenied(PERMISSION)
        lane = Lane.objects.filter(name=name).first()
        if lane is None or verb not in _QUESTIONS:
            raise Http404(f"There is no such lane or verb: {verb} {name}")
        question = replace(_QUESTIONS[verb](lane), action=request.get_full_path())
        if request.method != "POST":
            return asked.asked(request, self.admin_site, question)
        if request.POST.get("fingerprint", "") != question.fingerprint:
            told = "It has changed since you looked: look again, then decide. Nothing was changed."
            return asked.asked(request, self.admin_site, question, error=told, status=409)
        try:
            _act(request, name, verb)
        except NotPossible as error:
            told = f"{str(error)[:1].upper()}{str(error)[1:]}. Nothing was changed."
            return asked.asked(request, self.admin_site, question, error=told)
        messages.success(request, f"Done: {question.button}.")
        return asked.led_to(request, question.back)

    def _context(self, request: HttpRequest) -> dict[str, Any]:
        return {
            # Before what it is the version of: a change in between is seen by the next poll.
            "version": page.version(request.user.pk or 0),
            "may_steer": request.user.has_perm(PERMISSION),
            **page.build(),
        }

    def _refuse_stranger(self, request: HttpRequest) -> None:
        if not self.has_view_permission(request):
            raise PermissionDenied


def _act(request: HttpRequest, name: str, verb: str) -> None:
    form, actor = request.POST, request.user.get_username()
    reason = form.get("reason", "").strip()
    if not reason:
        raise NotPossible("say why: the reason stays with the lane and in the audit")
    match verb:
        case "hold":
            until = timezone.now() + timedelta(hours=_hours(form.get("hours", "")))
            lanes.hold(name, until=until, actor=actor, reason=reason)
        case "stop":
            lanes.stop(name, actor=actor, reason=reason)
        case "resume":
            lanes.resume(name, actor=actor, reason=reason)
        case "limit":
            lanes.limit(name, _limits(request), actor=actor, reason=reason)


def _hours(told: str) -> float:
    if told not in dict(HOURS):
        raise NotPossible("choose for how long")
    return float(told)


def _limits(request: HttpRequest) -> dict[str, int]:
    given = {name: request.POST.get(name, "").strip() for name in _LIMITS}
    if wrong := [
        word for name, word in _LIMITS.items() if given[name] and not _is_limit(given[name])
    ]:
        raise NotPossible(f"{', '.join(wrong)}: give a whole number, 0 for no limit")
    return {name: int(value) for name, value in given.items() if value}


def _is_limit(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= 12


def _base(lane: Lane, verb: str, label: str, icon: str, tone: str = "primary") -> Asked:
    # A lane that somebody else, or the system, has moved meanwhile is looked at again.
    seen = f"{verb}-{lane.state}-{lane.since.timestamp()}-{lane.own_limits}"
    return Asked(
        title=f"{label}?",
        button=label,
        verb=verb,
        tone=tone,
        about=lane.name,
        back=reverse("admin:aiops_lane_changelist"),
        action="",
        icon=icon,
        needs_reason=True,
        fingerprint=seen,
    )


def _to_resume(lane: Lane) -> Asked:
    waiting = line(lane.name)
    base = _base(lane, "resume", "Resume the lane", "play_arrow")
    if lane.state in (LaneState.OPEN, LaneState.RAMPING):
        return replace(base, refused="It is not held: it goes on by itself.")
    steps, runs = count(waiting.steps, "step"), count(waiting.runs, "run")
    notes = (
        f"{steps} of {runs} will go on: a few at first, then more and more."
        if waiting.steps
        else "Nobody waits for it now.",
        "Work that somebody waits for comes first, and tenants take turns.",
        *((_stays(lane),) if lane.reason else ()),
    )
    button = f"Resume the lane ({steps})" if waiting.steps else "Resume the lane"
    return replace(base, notes=notes, button=button)


def _stays(lane: Lane) -> str:
    return f"Its provider said: {lane.reason.rstrip('. ')}. If that still holds, it stops again at the first call."


def _to_hold(lane: Lane) -> Asked:
    base = _base(lane, "hold", "Hold the lane", "hourglass_top")
    if lane.state == LaneState.STOPPED:
        return replace(base, refused="It is stopped: resume it first.")
    notes = (
        "Nothing is sent meanwhile. Calls that are on their way are answered.",
        "Steps wait in line, no attempt is used up, and it goes on by itself.",
    )
    return replace(base, notes=notes, wants="until", choices=HOURS)


def _to_stop(lane: Lane) -> Asked:
    base = _base(lane, "stop", "Stop the lane", "block", tone="danger")
    if lane.state == LaneState.STOPPED:
        return replace(base, refused="It is stopped already.")
    notes = (
        "Nothing is sent until somebody resumes it. Calls that are on their way are answered.",
        "Steps wait in line. None of them fails.",
    )
    return replace(base, notes=notes)


def _to_limit(lane: Lane) -> Asked:
    now = limits_of(lane)
    told = ", ".join(
        f"{word.lower()} {getattr(now, name):,}"
        if getattr(now, name)
        else f"{word.lower()} no limit"
        for name, word in _LIMITS.items()
    )
    notes = (f"Now: {told}.", "They hold across all workers, from the next call on.")
    base = _base(lane, "limit", "Set its limits", "tune")
    return replace(base, notes=notes, wants="limits", choices=tuple(_LIMITS.items()))


_QUESTIONS = {"resume": _to_resume, "hold": _to_hold, "stop": _to_stop, "limit": _to_limit}
