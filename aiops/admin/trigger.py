"""Triggers: rules by which events start runs; written, tried, activated and paused here."""

from __future__ import annotations

from typing import Any, ClassVar

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Count, OuterRef, Q, QuerySet, Subquery
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.admin import ModelAdmin

from aiops.admin.history import column
from aiops.admin.page import asked, cells
from aiops.admin.page.amounts import clipped, count, from_now
from aiops.admin.page.asked import Asked
from aiops.admin.page.content import written
from aiops.admin.page.trying import EXAMPLE, tried
from aiops.admin.page.words import Look
from aiops.admin.trigger_form import TriggerForm
from aiops.execution.trigger_checks import newest_unfit
from aiops.models import Firing, Trigger, trigger_moves

PERMISSION = "aiops.steer_trigger"
_ACTIVE = Look("Active", "play_circle", "green")
_PAUSED = Look("Paused", "pause", "slate")
_ERROR = 90


@admin.register(Trigger)
class TriggerAdmin(ModelAdmin):  # type: ignore[misc]  # unfold has no types
    form = TriggerForm
    list_before_template = "console/parts/trigger_head.html"
    change_form_outer_before_template = "console/parts/trigger_row.html"
    list_display = ("told", "state", "workflow", "started_today", "last_error")
    list_filter = ("is_active", "workflow")
    search_fields = ("name", "event", "workflow")
    list_per_page = 25
    ordering = ("name",)
    readonly_fields = ("made", "changed")
    # Deleting is done one by one, by name; nothing else is done to several at once.
    actions = ()
    fieldsets: ClassVar = (
        (None, {"fields": ("name",)}),
        ("When", {"fields": ("event", "source", "condition", "tenant")}),
        (
            "Then",
            {"fields": ("workflow", "input", "key", "if_exists", "title", "priority")},
        ),
        ("Check it", {"fields": ("sample",)}),
        ("Who", {"fields": ("made", "changed")}),
    )

    class Media:
        css: ClassVar = {"all": ("console/console.css",)}

    def get_urls(self) -> list[URLPattern]:
        guarded = self.admin_site.admin_view
        # Before the page of one row, whose pattern takes everything.
        return [
            path("try/", guarded(self.try_view), name="aiops_trigger_try"),
            path("<int:row_id>/do/<slug:verb>/", guarded(self.do_view), name="aiops_trigger_do"),
            *super().get_urls(),
        ]

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        return {}

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        midnight = timezone.now().replace(hour=0, minute=0, second=0, microsecond=0)
        newest = Firing.objects.filter(trigger=OuterRef("pk")).order_by("-at")
        today = Q(firings__at__gte=midnight, firings__run__isnull=False)
        every: QuerySet[Any] = super().get_queryset(request)
        found: QuerySet[Any] = every.annotate(
            started=Count("firings", filter=today),
            newest_error=Subquery(newest.values("error")[:1]),
            newest_at=Subquery(newest.values("at")[:1]),
        )
        return found

    @column("trigger", ordering="name")
    def told(self, trigger: Trigger) -> SafeString:
        whose = trigger.tenant or "every tenant"
        return format_html(
            '<span class="cx-cell"><b>{}</b><small>{} · {}</small></span>',
            *(trigger.name, trigger.event, whose),
        )

    @column("state", ordering="is_active")
    def state(self, trigger: Trigger) -> SafeString:
        return cells.chip(_ACTIVE if trigger.is_active else _PAUSED)

    @column("started today (UTC)")
    def started_today(self, trigger: Any) -> str:
        return f"{trigger.started:,}"

    @column("last error")
    def last_error(self, trigger: Any) -> SafeString | str:
        if not trigger.newest_error:
            return "–"
        return format_html(
            '<span class="cx-cell"><span title="{}">{}</span><small>{}</small></span>',
            *(trigger.newest_error, clipped(trigger.newest_error, _ERROR)),
            from_now(trigger.newest_at, timezone.now()),
        )

    @column("made")
    def made(self, trigger: Trigger) -> str:
        if not trigger.pk:
            return "–"
        return f"by {trigger.made_by or 'nobody'}, {trigger.made_at:%Y-%m-%d %H:%M} UTC"

    @column("changed")
    def changed(self, trigger: Trigger) -> str:
        if not trigger.changed_at:
            return "not since it was made"
        return f"by {trigger.changed_by}, {trigger.changed_at:%Y-%m-%d %H:%M} UTC"

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        more = {"may_steer": request.user.has_perm(PERMISSION)}
        response: HttpResponse = super().changeform_view(
            request, object_id, form_url, {**(extra_context or {}), **more}
        )
        return response

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        actor = request.user.get_username()
        if not change:
            trigger_moves.make(obj, actor=actor)
            messages.info(request, "It is paused: try it with an event, then activate it.")
        elif not trigger_moves.change(obj, actor=actor, fields=form.changed_data):
            messages.error(request, "It was deleted meanwhile. Nothing was changed.")
        if told := newest_unfit(obj):
            messages.warning(request, told)

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        trigger_moves.delete(obj, actor=request.user.get_username())

    def do_view(self, request: HttpRequest, row_id: int, verb: str) -> HttpResponse:
        """GET tells what it would bring about; POST does it."""
        if not request.user.has_perm(PERMISSION):
            raise PermissionDenied(PERMISSION)
        trigger = Trigger.objects.filter(id=row_id).first()
        if trigger is None or verb not in ("activate", "pause"):
            raise Http404(f"There is no such trigger or verb: {verb} {row_id}")
        question = _question(trigger, verb, request.get_full_path())
        if request.method != "POST":
            return asked.asked(request, self.admin_site, question)
        is_stale = request.POST.get("fingerprint", "") != question.fingerprint
        reason, actor = request.POST.get("reason", "").strip()[:300], request.user.get_username()
        if question.refused:
            return asked.asked(request, self.admin_site, question, status=409)
        if is_stale or not trigger_moves.set_active(
            trigger, verb == "activate", actor=actor, reason=reason
        ):
            told = "It has changed since you looked: look again, then decide. Nothing was changed."
            return asked.asked(request, self.admin_site, question, error=told, status=409)
        messages.success(
            request, f"Done: {trigger.name} is {'active' if trigger.is_active else 'paused'}."
        )
        return asked.led_to(request, question.back)

    def try_view(self, request: HttpRequest) -> HttpResponse:
        """What an event would start. Nothing is written."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        typed = request.POST if request.method == "POST" else None
        found = tried(typed.get("event", ""), typed.get("tenant", "")) if typed else None
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": "What would this event do?",
            "typed": {
                "event": typed.get("event", "") if typed else EXAMPLE,
                "tenant": typed.get("tenant", "") if typed else "default",
            },
            "found": found,
            "rows": [(one, written({"Input": one.input})["Input"]) for one in found.for_it]
            if found
            else [],
            "passes": found.passes if found else [],
        }
        return render(request, "console/try_event.html", context)


def _question(trigger: Trigger, verb: str, action: str) -> Asked:
    is_to_be = verb == "activate"
    refused = ""
    if trigger.is_active == is_to_be:
        refused = f"It is {'active' if is_to_be else 'paused'} already."
    started = trigger.firings.filter(run__isnull=False).count()
    notes = (
        (
            f"From now on, an event of type {trigger.event} starts a run of {trigger.workflow}.",
            "Events that came before start nothing by themselves: each can be tried again.",
        )
        if is_to_be
        else (
            "Events that come meanwhile are kept, and start nothing by it.",
            f"It has started {count(started, 'run')}; they go on.",
        )
    )
    return Asked(
        title="Activate this trigger?" if is_to_be else "Pause this trigger?",
        button="Activate the trigger" if is_to_be else "Pause the trigger",
        verb=verb,
        tone="primary",
        about=trigger.name,
        back=reverse("admin:aiops_trigger_change", args=[trigger.pk]),
        action=action,
        icon="play_arrow" if is_to_be else "pause",
        notes=() if refused else notes,
        fingerprint=f"{verb}-{trigger.is_active}-{trigger.changed_at}",
        refused=refused,
    )
