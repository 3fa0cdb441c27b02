"""Events in: what came from outside, what became of it, and another try where a trigger could not start."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar
from uuid import UUID

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from aiops.admin.content import ShowsContent
from aiops.admin.history import HistoryAdmin, column, page_of
from aiops.admin.page import asked, cells
from aiops.admin.page.amounts import count, from_now
from aiops.admin.page.asked import Asked
from aiops.admin.page.user_widget import reference
from aiops.admin.page.words import Look
from aiops.execution import looking, triggers
from aiops.execution.resume import NotPossible
from aiops.models import Became, Signal, Step

PERMISSION = "aiops.retry_event"
#: What can be chosen in a filter is that of so many newest events.
NEWEST = 2_000
#: A cell names so many runs.
MOST_RUNS = 3

LOOKS: dict[str, Look] = {
    Became.KEPT: Look("Kept", "hourglass_top", "violet"),
    Became.WOKE: Look("Woke a run", "notifications_active", "blue"),
    Became.STARTED: Look("Started a run", "bolt", "green"),
    Became.FAILED: Look("Could not start", "error", "red"),
}


class _OfNewest(admin.SimpleListFilter):
    """A filter whose values are those of the newest events."""

    def lookups(self, request: HttpRequest, model_admin: Any) -> Iterable[tuple[str, str]]:
        column = str(self.parameter_name)
        newest = Signal.objects.order_by("-received_at").values_list(column)
        return [(value, value) for value in sorted({value for (value,) in newest[:NEWEST]})]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        chosen = self.value()
        return queryset if chosen is None else queryset.filter(**{str(self.parameter_name): chosen})


class Type(_OfNewest):
    title, parameter_name = "type", "name"


class Source(_OfNewest):
    title, parameter_name = "source", "source"


class Tenant(_OfNewest):
    title, parameter_name = "tenant", "tenant"


@admin.register(Signal)
class SignalAdmin(ShowsContent, HistoryAdmin):
    look = staticmethod(looking.at_event)
    change_form_outer_after_template = "console/parts/event_row.html"
    list_display = ("event", "state", "source", "runs", "again", "received")
    list_filter = ("became", Type, Source, Tenant, "received_at")
    list_filter_submit = True
    search_fields = ("=source_id", "=match", "^subject", "^name")
    search_help_text = "The sender's id, what it is about, the beginning of its type, or our id"
    heavy = ("payload", "extensions")
    ordering = ("-received_at",)
    shown: ClassVar = (
        (
            None,
            {
                "fields": (
                    *("name", "subject", "match", "source", "source_id", "tenant", "happened_at"),
                    *("received_at", "actor"),
                )
            },
        ),
        (
            "What became of it",
            {"fields": ("state", "taken", "woken_runs", "duplicates", "last_seen_at")},
        ),
    )

    class Media:
        css: ClassVar = {"all": ("console/console.css",)}

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.try_view)
        # Before the page of one row, whose pattern takes everything.
        return [
            path("<uuid:row_id>/do/try_again/", view, name="aiops_signal_try"),
            *super().get_urls(),
        ]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        found: QuerySet[Any] = super().get_queryset(request).prefetch_related("firings")
        return found

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        signal = self.get_object(request, object_id or "")
        firings = signal.firings.order_by("trigger_name") if signal else ()
        more = {
            "firings": [(one, _run_link(one.run)) for one in firings],
            "may_retry": request.user.has_perm(PERMISSION),
        }
        response: HttpResponse = super().changeform_view(
            request, object_id, form_url, {**(extra_context or {}), **more}
        )
        return response

    def try_view(self, request: HttpRequest, row_id: UUID) -> HttpResponse:
        """GET tells what another try would be; POST does it."""
        if not request.user.has_perm(PERMISSION):
            raise PermissionDenied(PERMISSION)
        signal = Signal.objects.filter(id=row_id).first()
        if signal is None:
            raise Http404(f"There is no event {row_id}")
        question = _question(signal, request.get_full_path())
        if request.method != "POST":
            return asked.asked(request, self.admin_site, question)
        if request.POST.get("fingerprint", "") != question.fingerprint:
            told = "It has changed since you looked: look again, then decide. Nothing was changed."
            return asked.asked(request, self.admin_site, question, error=told, status=409)
        reason, actor = request.POST.get("reason", "").strip()[:300], request.user.get_username()
        try:
            runs = triggers.try_again(row_id, actor=actor, reason=reason)
        except NotPossible as error:
            told = f"{str(error)[:1].upper()}{str(error)[1:]}. Nothing was changed."
            return asked.asked(request, self.admin_site, question, error=told)
        if runs:
            messages.success(request, f"Done: it has started {count(len(runs), 'run')}.")
        else:
            messages.warning(request, "It was tried, and could not start: the reason is below.")
        return asked.led_to(request, question.back)

    @column("event", ordering="name")
    def event(self, signal: Signal) -> SafeString:
        about = signal.subject or signal.match
        return format_html(
            '<span class="cx-cell"><b>{}</b><small>{}{}</small></span>',
            *(signal.name, f"{about} · " if about else "", signal.tenant),
        )

    @column("what became of it", ordering="became")
    def state(self, signal: Signal) -> SafeString:
        return cells.chip(LOOKS[signal.became])

    @column("runs")
    def runs(self, signal: Signal) -> SafeString | str:
        started = [one.run for one in signal.firings.all() if one.run]
        found = [*started, *(UUID(run) for run in signal.woken)]
        if not found:
            return "–"
        links = format_html_join(", ", "{}", ((_run_link(run),) for run in found[:MOST_RUNS]))
        more = f" and {len(found) - MOST_RUNS} more" if len(found) > MOST_RUNS else ""
        return format_html("{}{}", links, more)

    @column("duplicates", ordering="duplicates")
    def again(self, signal: Signal) -> str:
        return str(signal.duplicates) if signal.duplicates else "–"

    @column("received", ordering="received_at")
    def received(self, signal: Signal) -> str:
        return from_now(signal.received_at, timezone.now())

    @column("taken by")
    def taken(self, signal: Signal) -> SafeString | str:
        if signal.taken_by is None:
            return "No step has taken it."
        step = Step.objects.filter(id=signal.taken_by).select_related("run").first()
        if step is None:
            return "A step that is gone."
        return format_html("{} of {}", step.name, page_of("run", step.run_id, str(step.run)))

    @column("runs that waited")
    def woken_runs(self, signal: Signal) -> SafeString | str:
        if not signal.woken:
            return "None, when it came."
        return format_html_join(", ", "{}", ((_run_link(UUID(run)),) for run in signal.woken))


def _run_link(run: UUID | None) -> SafeString:
    return page_of("run", run, reference(str(run))) if run else SafeString("")


def _question(signal: Signal, action: str) -> Asked:
    firings = list(signal.firings.order_by("trigger_name"))
    failed = [one for one in firings if not one.run]
    seen = ",".join(f"{one.pk}.{one.tries}.{one.run}" for one in firings)
    started = [one.trigger_name for one in firings if one.run]
    return Asked(
        title="Try this event again?",
        button="Try the event again",
        verb="try_again",
        tone="primary",
        about=f"{signal} from {signal.source}",
        back=reverse("admin:aiops_signal_change", args=[signal.pk]),
        action=action,
        icon="replay",
        notes=(
            *(f"{one.trigger_name} could not start: {one.error}" for one in failed),
            "The triggers judge it as they are now. Each that is for it starts its run.",
            *((f"Left out, because it has started: {', '.join(started)}.",) if started else ()),
        ),
        fingerprint=f"try-{signal.became}-{seen}",
    )
