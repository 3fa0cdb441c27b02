"""Pausing a pool or a workflow, and letting it go on: look at what it means first, then do it."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme

from aiops.admin.history import HistoryAdmin
from aiops.admin.page import asked
from aiops.admin.page.amounts import rough
from aiops.admin.page.asked import Asked
from aiops.execution import pausing
from aiops.execution.resume import NotPossible
from aiops.models import Pausable, Pause, Run, RunState, Step, StepState
from aiops.models.run import ENDED
from aiops.pools import POOLS

PERMISSION = "aiops.pause_work"
VERBS = ("pause", "resume")
#: What is held, or will be, is counted up to here.
MOST_COUNTED = 1_000
_OPEN = [state for state in RunState.values if state not in ENDED]


@admin.register(Pause)
class PauseAdmin(HistoryAdmin):
    list_display = ("name", "what", "reason", "paused_by", "paused_at")
    id_fields = ()
    shown = ((None, {"fields": ("what", "name", "reason", "paused_by", "paused_at")}),)

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.do_view)
        # Before the page of one row, whose pattern takes everything.
        return [
            path("<slug:what>/<str:name>/do/<slug:verb>/", view, name="aiops_pause_do"),
            *super().get_urls(),
        ]

    def do_view(self, request: HttpRequest, what: str, name: str, verb: str) -> HttpResponse:
        """GET tells what it would bring about; POST does it."""
        if what not in Pausable.values or verb not in VERBS:
            raise Http404(f"There is no such verb: {verb} {what}")
        if not request.user.has_perm(PERMISSION):
            raise PermissionDenied(PERMISSION)
        question = _question(request, what, name, verb)
        if request.method != "POST":
            return asked.asked(request, self.admin_site, question)
        if request.POST.get("fingerprint", "") != question.fingerprint:
            told = "It has changed since you looked: look again, then decide. Nothing was changed."
            return asked.asked(request, self.admin_site, question, error=told, status=409)
        try:
            _act(request, what, name, verb)
        except NotPossible as error:
            told = f"{str(error)[:1].upper()}{str(error)[1:]}. Nothing was changed."
            return asked.asked(request, self.admin_site, question, error=told)
        messages.success(request, f"Done: {question.button}.")
        return asked.led_to(request, question.back)


def _act(request: HttpRequest, what: str, name: str, verb: str) -> None:
    act = pausing.pause if verb == "pause" else pausing.go_on
    reason = request.POST.get("reason", "").strip()
    act(what, name, actor=request.user.get_username(), reason=reason)


def _question(request: HttpRequest, what: str, name: str, verb: str) -> Asked:
    found = Pause.objects.filter(what=what, name=name).first()
    title, button, notes, refused = (
        _to_pause(what, name) if verb == "pause" else _to_go_on(what, name, found)
    )
    return Asked(
        title=title,
        button=button,
        verb=verb,
        tone="primary",
        about=POOLS[name].says if what == Pausable.POOL and name in POOLS else f"{what} {name}",
        back=_back(request),
        action=request.get_full_path(),
        icon="pause" if verb == "pause" else "play_arrow",
        notes=notes,
        needs_reason=verb == "pause",
        fingerprint=f"{verb}-{found.pk if found else 'none'}",
        refused=refused,
    )


def _to_pause(what: str, name: str) -> tuple[str, str, tuple[str, ...], str]:
    whose = f"pool {name}" if what == Pausable.POOL else f"workflow {name}"
    refused = pausing.refusal(what, name)
    notes = (
        "No further step of it starts. What runs now finishes, and is recorded.",
        f"{_stands(what, name)} now. More are accepted meanwhile, and wait as well.",
        "Approvals, events and timers go on; what follows them waits.",
        "Everybody who waits for it is told that it is on hold; your name and reason stand on its "
        "runs.",
    )
    told = f"{refused}." if refused else ""
    return f"Pause {whose}?", f"Pause {whose}", () if refused else notes, told


def _to_go_on(what: str, name: str, found: Pause | None) -> tuple[str, str, tuple[str, ...], str]:
    whose = f"pool {name}" if what == Pausable.POOL else f"workflow {name}"
    title, button = f"Let {whose} go on?", f"Let {whose} go on"
    if found is None:
        return title, button, (), f"{what.capitalize()} {name} is not paused."
    age_s = (timezone.now() - found.paused_at).total_seconds()
    notes = (
        f"Paused by {found.paused_by} {rough(age_s)} ago: {found.reason}",
        f"{_stands(what, name)}: what was held is sent to the workers at once.",
    )
    return title, button, notes, ""


def _stands(what: str, name: str) -> str:
    """How much it is about now, up to a bound."""
    if what == Pausable.WORKFLOW:
        runs = Run.objects.filter(workflow=name, state__in=_OPEN)[:MOST_COUNTED].count()
        return f"{_many(runs, 'run')} {'is' if runs == 1 else 'are'} open"
    queued = Step.objects.filter(pool=name, state=StepState.QUEUED, dispatch_due__isnull=False)
    steps = queued[:MOST_COUNTED].count()
    return f"{_many(steps, 'step')} {'waits' if steps == 1 else 'wait'}"


def _many(number: int, noun: str) -> str:
    told = "no" if number == 0 else f"{number:,}"
    more = "more than " if number == MOST_COUNTED else ""
    return f"{more}{told} {noun}{'' if number == 1 else 's'}".capitalize()


def _back(request: HttpRequest) -> str:
    """Where the person came from, if that was a page of ours; else the queues."""
    back = request.GET.get("back", "")
    if url_has_allowed_host_and_scheme(back, allowed_hosts=None) and back.startswith("/"):
        return back
    return reverse("admin:aiops_node_changelist")


def address(what: str, name: str, verb: str, **query: Any) -> str:
    """The page on which somebody looks at a pause, or at its end, before doing it."""
    return reverse("admin:aiops_pause_do", args=[what, name, verb], query=query or None)
