"""Operator actions: who did what, when and why."""

from __future__ import annotations

import csv
from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import Model
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import URLPattern, path, reverse
from django.utils.safestring import SafeString

from aiops.admin.history import HistoryAdmin, as_text, column
from aiops.admin.page.actions import Asked, actions, as_rows, choices
from aiops.models import OperatorAction

PER_PAGE = 50
#: A file has so many lines at most; the newest.
MOST_EXPORTED = 10_000

#: Who may see whom the accounts and schedules were changed by.
VIEW_SETTINGS = "auth.view_user"


@admin.register(OperatorAction)
class OperatorActionAdmin(HistoryAdmin):
    """It shows events, and who may see events may see it."""

    id_fields = ("run_id", "step")
    heavy = ("data",)
    shown = ((None, {"fields": ("id", "kind", "run", "step", "actor", "at", "data_shown")}),)

    def has_view_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return request.user.has_perm("aiops.view_event")

    def has_module_permission(self, request: HttpRequest) -> bool:
        return self.has_view_permission(request)

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.export_view)
        # Before the page of one row, whose pattern takes everything.
        return [path("export/", view, name="aiops_operatoraction_export"), *super().get_urls()]

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        asked = self._asked(request)
        found = actions(asked, PER_PAGE + 1)
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": "Operator actions",
            "is_fullwidth": "1",
            "asked": asked,
            "actions": found[:PER_PAGE],
            "older": asked.query(before=found[PER_PAGE - 1].id) if len(found) > PER_PAGE else "",
            "export": f"{reverse('admin:aiops_operatoraction_export')}?{asked.query(before='')}",
            "newest": asked.query(before=""),
            "most_exported": MOST_EXPORTED,
            "may_see_settings": request.user.has_perm(VIEW_SETTINGS),
            **choices(),
        }
        return render(request, "console/operator_actions.html", context)

    def export_view(self, request: HttpRequest) -> HttpResponse:
        """What the page shows, as a file: the filters are the same."""
        asked = self._asked(request)
        response = HttpResponse(content_type="text/csv; charset=utf-8")
        response["Content-Disposition"] = 'attachment; filename="operator-actions.csv"'
        csv.writer(response).writerows(as_rows(actions(asked, MOST_EXPORTED)))
        return response

    def _asked(self, request: HttpRequest) -> Asked:
        asked = Asked.of(request.GET)
        if not self.has_view_permission(request):
            raise PermissionDenied
        if asked.source == "settings" and not request.user.has_perm(VIEW_SETTINGS):
            raise PermissionDenied("You are not allowed to see changes of users and schedules.")
        return asked

    @column("data")
    def data_shown(self, action: OperatorAction) -> SafeString:
        return as_text(action.data)
