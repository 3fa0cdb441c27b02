"""Schedules: which there are, when each is due, what became of its due times, and its verbs."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.views.main import ChangeList
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.admin import ModelAdmin

from aiops.admin.history import column, page_of
from aiops.admin.page import asked, cells, words
from aiops.admin.page import schedules as page
from aiops.admin.page.amounts import from_now
from aiops.admin.page.asked import Asked
from aiops.admin.schedule_backfill import backfill_page
from aiops.admin.schedule_form import ScheduleForm, times_shown
from aiops.execution.resume import NotPossible
from aiops.models import Backfill, Schedule
from aiops.models import schedule_moves as moves
from aiops.upkeep import backfills, beat, schedules
from aiops.upkeep.schedule_times import in_words

PAUSE, RUN, BACKFILL = "aiops.pause_schedule", "aiops.run_schedule", "aiops.backfill_schedule"
_VERBS = {
    "pause": (PAUSE, page.to_pause, "Paused."),
    "resume": (PAUSE, page.to_resume, "Resumed: it goes on from now."),
    "run": (RUN, page.to_run, "Started."),
}


class WithNewest(ChangeList):
    """The list with the newest due time of each, in one query."""

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        found = page.newest(self.result_list)
        for schedule in self.result_list:
            schedule.newest_shown = found.get(schedule.pk)


@admin.register(Schedule)
class ScheduleAdmin(ModelAdmin):  # type: ignore[misc]  # unfold has no types
    form = ScheduleForm
    list_display = ("told", "when", "next_shown", "last_shown", "state_chip")
    list_display_links = None
    list_select_related = ("crontab", "interval", "clocked")
    list_filter = ("workflow", "tenant", ("paused_at", admin.EmptyFieldListFilter))
    search_fields = ("name", "workflow")
    list_per_page = 25
    list_before_template = "console/parts/schedule_trouble.html"
    add_form_template = change_form_template = "console/schedule_form.html"
    change_form_after_template = "console/parts/schedule_preview.html"
    fieldsets = (
        (None, {"fields": ("name", "workflow", "tenant", "priority")}),
        ("What each run begins with", {"fields": ("input", "title", "metadata")}),
        ("When something is in the way", {"fields": ("overlap", "catch_up", "catch_up_s")}),
        # Last: the next times are shown below it.
        (
            "When it is due",
            {
                "description": "Give one of three: a crontab, an interval, or one moment.",
                "fields": (
                    *("cron", "zone", ("every", "period"), "moment"),
                    *("start_at", "end_at", "jitter_s"),
                ),
            },
        ),
    )

    class Media:
        css = {"all": ("console/console.css", "console/schedules.css")}

    def get_urls(self) -> list[URLPattern]:
        guarded = self.admin_site.admin_view
        # Before the page of one row, whose pattern takes everything.
        return [
            path("next/", guarded(self.next_view), name="aiops_schedule_next"),
            path("<int:number>/", guarded(self.page_view), name="aiops_schedule_page"),
            path("<int:number>/live/", guarded(self.live_view), name="aiops_schedule_live"),
            path("<int:number>/do/<slug:verb>/", guarded(self.do_view), name="aiops_schedule_do"),
            path(
                "<int:number>/backfill/",
                guarded(self.backfill_view),
                name="aiops_schedule_backfill",
            ),
            path(
                "backfill/<int:number>/stop/",
                guarded(self.stop_view),
                name="aiops_schedule_stop_backfill",
            ),
            *super().get_urls(),
        ]

    # The list

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return WithNewest

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        now = timezone.now()
        found = beat.pulse(now)
        told = {"trouble": beat.trouble(found), "advice": beat.advice(found)}
        shown: HttpResponse = super().changelist_view(request, {**(extra_context or {}), **told})
        return shown

    @column("schedule", ordering="name")
    def told(self, schedule: Schedule) -> SafeString:
        url = reverse("admin:aiops_schedule_page", args=[schedule.pk])
        return format_html(
            '<span class="cx-cell"><a class="cx-link" href="{}">{}</a><small>{} · {}</small></span>',
            *(url, schedule.name, schedule.workflow, schedule.tenant),
        )

    @column("due")
    def when(self, schedule: Schedule) -> str:
        return in_words(schedule)

    @column("next")
    def next_shown(self, schedule: Schedule) -> SafeString | str:
        now = timezone.now()
        at = page.next_time(schedule, now)
        if at is None:
            return "–"
        return format_html(
            '<time datetime="{}" title="{} UTC">{}</time>',
            *(at.isoformat(), f"{at:%Y-%m-%d %H:%M:%S}", from_now(at, now)),
        )

    @column("last")
    def last_shown(self, schedule: Schedule) -> SafeString | str:
        last = getattr(schedule, "newest_shown", None)
        if last is None:
            return "–"
        ago = from_now(last.due_at, timezone.now())
        if last.run is None:
            return format_html("{} {}", cells.chip(page.OCCURRENCE[last.state]), ago)
        look = words.RUN[last.run.state]
        return format_html("{} {}", cells.chip(look), page_of("run", last.run_id, ago))

    @column("state")
    def state_chip(self, schedule: Schedule) -> SafeString:
        return cells.chip(page.stands(schedule, timezone.now()))

    # The form

    def next_view(self, request: HttpRequest) -> HttpResponse:
        """When the form that is being filled in would be due: nothing is saved."""
        if not (self.has_add_permission(request) or self.has_change_permission(request)):
            raise PermissionDenied
        if request.method != "POST":
            raise Http404("The next times are those of a form")
        form = self.get_form(request)(request.POST)
        shown = {"shown": form.shown_times()}
        if "HX-Request" in request.headers:
            return render(request, "console/parts/schedule_next.html", shown)
        context = {**self.admin_site.each_context(request), "title": "The next times", **shown}
        return render(request, "console/schedule_next.html", context)

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        form = context["adminform"].form
        is_shown = form.is_bound or form.instance.pk
        context["shown"] = _times(form) if is_shown else None
        found: HttpResponse = super().render_change_form(request, context, *args, **kwargs)
        return found

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        actor = request.user.get_username()
        with transaction.atomic():
            changed = form.keep_times()
            if change:
                moves.change(obj, {*form.changed_data, *changed}, actor=actor)
            else:
                moves.make(obj, actor=actor)

    def response_add(self, request: HttpRequest, obj: Any, *args: Any) -> HttpResponse:
        return self._saved(request, obj, super().response_add(request, obj, *args))

    def response_change(self, request: HttpRequest, obj: Any) -> HttpResponse:
        return self._saved(request, obj, super().response_change(request, obj))

    def _saved(self, request: HttpRequest, obj: Any, usual: HttpResponse) -> HttpResponse:
        """After "save", the page of the schedule; after other buttons, what they say."""
        return self._to(obj.pk) if "_save" in request.POST else usual

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        moves.delete(obj, actor=request.user.get_username())

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        with transaction.atomic():
            for schedule in queryset:
                self.delete_model(request, schedule)

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        """What goes with them is counted, not listed: there may be a row for every minute."""
        found = list(objs)
        rows = sum(schedule.occurrences.count() for schedule in found)
        return [str(one) for one in found], {"schedules": len(found), "due times": rows}, set(), []

    # The page of one

    def page_view(self, request: HttpRequest, number: int) -> HttpResponse:
        schedule = self._schedule(request, number)
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": schedule.name,
            "is_fullwidth": "1",
            "when": in_words(schedule),
            "shown": times_shown(schedule),
            **self._moving(request, schedule),
        }
        return render(request, "console/schedule.html", context)

    def live_view(self, request: HttpRequest, number: int) -> HttpResponse:
        """What changes of the page; nothing (204) while its version is the one that is shown."""
        schedule = self._schedule(request, number)
        context = self._moving(request, schedule)
        if request.GET.get("v") == context["version"]:
            return HttpResponse(status=204)
        context |= {"when": in_words(schedule), "shown": times_shown(schedule)}
        return render(request, "console/parts/schedule_body.html", context)

    def _moving(self, request: HttpRequest, schedule: Schedule) -> dict[str, Any]:
        shown, may = page.build(schedule, request.GET.get("page", "")), request.user.has_perm
        return {
            **shown,
            "version": page.version(shown, request.user.pk or 0),
            "may_pause": may(PAUSE),
            "may_run": may(RUN),
            "may_backfill": may(BACKFILL),
            "may_change": self.has_change_permission(request),
        }

    # Verbs

    def do_view(self, request: HttpRequest, number: int, verb: str) -> HttpResponse:
        """GET tells what it would bring about; POST does it."""
        if verb not in _VERBS:
            raise Http404(f"There is no verb {verb}")
        permission, ask, done = _VERBS[verb]
        schedule = self._schedule(request, number, permission)
        question = ask(schedule, request.get_full_path())
        return self._answer(request, question, lambda why: _act(request, schedule, verb, why), done)

    def stop_view(self, request: HttpRequest, number: int) -> HttpResponse:
        found = Backfill.objects.select_related("schedule").filter(id=number).first()
        if found is None:
            raise Http404(f"There is no back-fill {number}")
        self._schedule(request, found.schedule_id, BACKFILL)
        actor = request.user.get_username()
        return self._answer(
            request,
            page.to_stop(found, request.get_full_path()),
            lambda why: backfills.stop(number, actor=actor, reason=why),
            "Stopped: nothing more of it is started.",
        )

    def backfill_view(self, request: HttpRequest, number: int) -> HttpResponse:
        schedule = self._schedule(request, number, BACKFILL)
        return backfill_page(request, self.admin_site, schedule)

    def _answer(self, request: HttpRequest, question: Asked, act: Any, done: str) -> HttpResponse:
        if request.method != "POST":
            return asked.asked(request, self.admin_site, question)
        if request.POST.get("fingerprint", "") != question.fingerprint:
            told = "It has changed since you looked: look again, then decide. Nothing was changed."
            return asked.asked(request, self.admin_site, question, error=told, status=409)
        try:
            reason = request.POST.get("reason", "").strip()
            if not reason:
                raise NotPossible("say why: the reason stays with the schedule and in the audit")
            act(reason)
        except NotPossible as error:
            told = f"{str(error)[:1].upper()}{str(error)[1:].rstrip('.')}. Nothing was changed."
            return asked.asked(request, self.admin_site, question, error=told)
        messages.success(request, done)
        return asked.led_to(request, question.back)

    def _schedule(self, request: HttpRequest, number: int, permission: str = "") -> Schedule:
        if not self.has_view_permission(request) or (
            permission and not request.user.has_perm(permission)
        ):
            raise PermissionDenied(permission)
        found = Schedule.objects.select_related("crontab", "interval", "clocked")
        schedule = found.filter(id=number).first()
        if schedule is None:
            raise Http404(f"There is no schedule {number}")
        return schedule

    def _to(self, number: int) -> HttpResponse:
        return HttpResponseRedirect(reverse("admin:aiops_schedule_page", args=[number]))


def _act(request: HttpRequest, schedule: Schedule, verb: str, reason: str) -> None:
    given = {"actor": request.user.get_username(), "reason": reason}
    match verb:
        case "pause":
            if not moves.pause(schedule, **given):
                raise NotPossible("it is paused already")
        case "resume":
            if not moves.resume(schedule, **given):
                raise NotPossible("it is not paused any more")
        case "run":
            schedules.run_now(schedule.pk, **given)


def _times(form: Any) -> dict[str, Any]:
    """When it is due, by a form that was filled in or by the schedule as it is."""
    if form.is_bound and isinstance(form, ScheduleForm) and "cron" in form.fields:
        return form.shown_times()
    return times_shown(form.instance)
