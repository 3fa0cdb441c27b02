"""Failure groups: what failed alike, what can be done about it, and what people decided."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from unfold.admin import ModelAdmin

from aiops.admin import bulk
from aiops.admin.history import HistoryAdmin
from aiops.admin.page import asked, failure, failures
from aiops.execution import failure_decisions, offers
from aiops.execution.failure_decisions import Decision, Moved
from aiops.execution.failures import group
from aiops.execution.resume import NotPossible
from aiops.models import FailureGroup


@admin.register(FailureGroup)
class FailureGroupAdmin(HistoryAdmin):
    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        return [
            path("", view(self.changelist_view), name="aiops_failuregroup_changelist"),
            path("<str:mark>/retry/", view(self.retry_view), name="aiops_failuregroup_retry"),
            path(
                "<str:mark>/do/<slug:verb>/", view(self.decide_view), name="aiops_failuregroup_do"
            ),
            *ModelAdmin.get_urls(self),
        ]

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """The groups that are open, or those of another tab."""
        self._refuse_stranger(request)
        found = failures.listed(request.GET, request.user.get_username())
        return self._page(request, "console/failures.html", {"title": "Failure groups", **found})

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """One group. It only shows: what changes something is asked first."""
        if request.method not in ("GET", "HEAD"):
            raise PermissionDenied
        self._refuse_stranger(request)
        found = failure.shown(object_id, request.user.has_perm)
        if found is None:
            raise Http404(f"Nothing that is kept has failed with {object_id}")
        return self._page(request, "console/failure.html", found)

    def decide_view(self, request: HttpRequest, mark: str, verb: str) -> HttpResponse:
        """Look at what a decision would do; then decide."""
        if verb not in failure_decisions.LABELS:
            raise Http404(f"There is no such decision: {verb}")
        if not request.user.has_perm(failure_decisions.PERMISSION):
            raise PermissionDenied(failure_decisions.PERMISSION)
        question = failure.question(mark, verb)
        if question is None:
            raise Http404(f"Nothing that is kept has failed with {mark}")
        if request.method != "POST":
            return asked.asked(request, self.admin_site, question)
        try:
            failure_decisions.decide(mark, verb, _given(request))
        except NotPossible as error:
            status = 409 if isinstance(error, Moved) else 200
            told = f"{str(error)[:1].upper()}{str(error)[1:]}. Nothing was changed."
            fresh = failure.question(mark, verb) or question
            return asked.asked(request, self.admin_site, fresh, error=told, status=status)
        messages.success(request, f"Done: {question.button}.")
        return asked.led_to(request, question.back)

    def retry_view(self, request: HttpRequest, mark: str) -> HttpResponse:
        """Plan a retry of every run of the group; the plan leaves out what is not safe."""
        if request.method != "POST":
            return asked.led_to(request, reverse("admin:aiops_failuregroup_change", args=[mark]))
        found = group(mark)
        told = f"Runs that failed with “{found.title}”" if found else ""
        return bulk.begin(request, "retry", None, {"group": mark}, told=told)

    def _page(self, request: HttpRequest, template: str, found: dict[str, Any]) -> HttpResponse:
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "is_fullwidth": "1",
            "may_retry": all(
                request.user.has_perm(one) for one in (bulk.BULK_RUN, offers.PERMISSIONS["retry"])
            ),
            **found,
        }
        return render(request, template, context)

    def _refuse_stranger(self, request: HttpRequest) -> None:
        if not self.has_view_permission(request):
            raise PermissionDenied


def _given(request: HttpRequest) -> Decision:
    form = request.POST
    hours, version = form.get("hours", ""), form.get("version", "").strip()
    if version and not (version.isascii() and version.isdecimal() and len(version) < 10):
        raise NotPossible(f"{version!r} is no number of a version: give one such as 3, or none")
    is_offered = hours in dict(failure.LENGTHS)
    return Decision(
        actor=request.user.get_username(),
        seen=form.get("fingerprint", ""),
        reason=form.get("reason", "").strip(),
        version=int(version) if version else None,
        until=timezone.now() + timedelta(hours=int(hours)) if is_offered else None,
    )
