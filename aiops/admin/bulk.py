"""Bulk jobs: the plan of one, its confirmation, and how far it has come."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any
from uuid import UUID

from django.contrib import admin, messages
from django.contrib.admin.views.main import ChangeList
from django.core.exceptions import PermissionDenied
from django.db.models import Count
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.http import urlencode
from django.utils.safestring import SafeString
from unfold.admin import ModelAdmin

from aiops.admin.history import HistoryAdmin, column
from aiops.admin.page import asked, bulk_progress, cells
from aiops.admin.page import bulk as page
from aiops.admin.page.amounts import count
from aiops.execution import bulk, choose, offers
from aiops.execution.bulk_plan import MOST_RUNS, Choice, make
from aiops.execution.resume import NotPossible
from aiops.models import BulkItem, BulkJob, BulkState

#: What it takes besides the permission for the verb itself.
BULK_RUN = "aiops.bulk_run"

_EMPTY = (
    "Without a filter this would be about every run there is. Choose a view, a workflow or a "
    "group of failures first, or tick runs of the list."
)


def begin(
    request: HttpRequest,
    verb: str,
    ids: Iterable[UUID] | None,
    params: Mapping[str, str],
    *,
    told: str = "",
) -> HttpResponse:
    """Plan a verb for the runs that were ticked, or for all that a filter means; do nothing yet.

    Leads to the plan; what stands in the way is told above the list. `told` says in words what was
    chosen, where the caller knows it better than the filters do.
    """
    _refuse_without(request, BULK_RUN, offers.PERMISSIONS.get(verb, BULK_RUN))
    try:
        job = make(_choice(request, verb, ids, params, told))
    except (NotPossible, choose.WrongFilter) as error:
        messages.error(request, _sentence(error))
        url = reverse("admin:aiops_run_changelist")
        return HttpResponseRedirect(f"{url}?{urlencode(params)}" if params else url)
    return HttpResponseRedirect(reverse("admin:aiops_bulkjob_change", args=[job.pk]))


def _choice(
    request: HttpRequest,
    verb: str,
    ids: Iterable[UUID] | None,
    params: Mapping[str, str],
    told: str,
) -> Choice:
    actor = request.user.get_username()
    if ids is not None:
        runs = list(ids)
        told = told or f"{count(len(runs), 'run')}, ticked in the list"
        return Choice(verb=verb, runs=runs, actor=actor, told=told, query=urlencode(params))
    if choose.is_empty(params):
        raise NotPossible(_EMPTY)
    # One more than is taken tells that there are too many.
    found = choose.chosen(params).order_by("created_at").values_list("id", flat=True)
    return Choice(
        verb=verb,
        runs=list(found[: MOST_RUNS + 1]),
        actor=actor,
        told=told or choose.in_words(params),
        query=urlencode(params),
    )


class Counted(ChangeList):
    """A page of jobs with how far each has come, in one query."""

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        rows = (
            BulkItem.objects.filter(job__in=[job.pk for job in self.result_list])
            .values_list("job", "outcome")
            .annotate(number=Count("id"))
            .order_by()
        )
        found: dict[UUID, dict[str, int]] = {}
        for job_id, outcome, number in rows:
            found.setdefault(job_id, {})[outcome] = number
        for job in self.result_list:
            job.counts_shown = found.get(job.pk, {})


@admin.register(BulkJob)
class BulkJobAdmin(HistoryAdmin):
    list_display = ("told", "state_chip", "progress", "made_by", "made_at", "finished_at")
    list_filter = ("state", "verb", "made_by")
    list_filter_submit = True
    search_fields = ("chosen", "made_by")
    search_help_text = "What was chosen, or who made the plan"
    ordering = ("-made_at",)

    class Media:
        css = {"all": ("console/console.css",)}

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return Counted

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        return [
            path("<uuid:job_id>/confirm/", view(self.confirm_view), name="aiops_bulkjob_confirm"),
            path("<uuid:job_id>/stop/", view(self.stop_view), name="aiops_bulkjob_stop"),
            path("<uuid:job_id>/live/", view(self.live_view), name="aiops_bulkjob_live"),
            *ModelAdmin.get_urls(self),
        ]

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """The plan of a job, or how far it has come. It only shows."""
        if request.method not in ("GET", "HEAD"):
            raise PermissionDenied
        self._refuse_stranger(request)
        return self._shown(request, self._job(object_id))

    def confirm_view(self, request: HttpRequest, job_id: UUID) -> HttpResponse:
        """Let a planned job begin."""
        job = self._job(job_id)
        _refuse_without(request, BULK_RUN, offers.PERMISSIONS[job.verb])
        if request.method != "POST":
            return self._back(job)
        given = bulk.Confirmed(
            actor=request.user.get_username(),
            reason=request.POST.get("reason", ""),
            typed=request.POST.get("number", ""),
            person=request.POST.get("person", ""),
            is_mended=request.POST.get("mended") == "1",
        )
        try:
            bulk.confirm(job.pk, given)
        except NotPossible as error:
            return self._shown(request, self._job(job_id), error=_sentence(error), status=409)
        return self._back(job)

    def stop_view(self, request: HttpRequest, job_id: UUID) -> HttpResponse:
        """Look at what stopping would do; then stop."""
        job = self._job(job_id)
        _refuse_without(request, BULK_RUN, offers.PERMISSIONS[job.verb])
        error = ""
        if request.method == "POST":
            reason = request.POST.get("reason", "").strip()
            try:
                bulk.stop(
                    job.pk, actor=request.user.get_username(), why=reason or "No reason given"
                )
            except NotPossible as refused:
                error = _sentence(refused)
            else:
                return asked.led_to(request, self._url(job))
        return asked.asked(
            request,
            self.admin_site,
            bulk_progress.stopping(job, self._url(job)),
            error=error,
            status=409 if error else 200,
        )

    def live_view(self, request: HttpRequest, job_id: UUID) -> HttpResponse:
        """What changes of the page of a job at work; nothing (204) while nothing has."""
        self._refuse_stranger(request)
        job = self._job(job_id)
        counts = bulk.counts(job)
        if request.GET.get("v") == bulk_progress.version(job, counts, bulk_progress.became(job)):
            return HttpResponse(status=204)
        context = bulk_progress.progress(job, counts, request.user.has_perm, request.GET)
        return render(request, "console/parts/bulk_body.html", context)

    def _shown(
        self, request: HttpRequest, job: BulkJob, *, error: str = "", status: int = 200
    ) -> HttpResponse:
        is_plan = job.state == BulkState.PLANNED
        if is_plan:
            found = page.planned(job, request.user, request.GET)
        else:
            found = bulk_progress.progress(
                job, bulk.counts(job), request.user.has_perm, request.GET
            )
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "original": job,
            "is_fullwidth": "1",
            "error": error,
            "typed": request.POST,
            **found,
        }
        template = "console/bulk.html" if is_plan else "console/bulk_job.html"
        return render(request, template, context, status=status)

    def _job(self, key: object) -> BulkJob:
        try:
            return BulkJob.objects.get(pk=UUID(str(key)))
        except (ValueError, BulkJob.DoesNotExist):
            raise Http404(f"There is no bulk job {key}: its plan has expired") from None

    def _url(self, job: BulkJob) -> str:
        return reverse("admin:aiops_bulkjob_change", args=[job.pk])

    def _back(self, job: BulkJob) -> HttpResponse:
        return HttpResponseRedirect(self._url(job))

    def _refuse_stranger(self, request: HttpRequest) -> None:
        if not self.has_view_permission(request):
            raise PermissionDenied

    @column("job", ordering="made_at")
    def told(self, job: BulkJob) -> SafeString:
        return format_html(
            '<span class="cx-cell">{}<small>{}</small></span>',
            *(page.LABELS.get(job.verb, job.verb), job.chosen),
        )

    @column("state", ordering="state")
    def state_chip(self, job: BulkJob) -> SafeString:
        return cells.chip(page.look_of(job))

    @column("runs")
    def progress(self, job: BulkJob) -> str:
        return page.in_short(getattr(job, "counts_shown", {}))


def _refuse_without(request: HttpRequest, *needed: str) -> None:
    for permission in needed:
        if not request.user.has_perm(permission):
            raise PermissionDenied(permission)


def _sentence(error: Exception) -> str:
    text = str(error).rstrip(".")
    return f"{text[:1].upper()}{text[1:]}. Nothing was done."
