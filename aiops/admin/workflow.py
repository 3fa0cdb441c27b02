"""Workflow versions: the plans that runs began with."""

from __future__ import annotations

from django.contrib import admin
from django.utils.safestring import SafeString

from aiops.admin.history import HistoryAdmin, as_text, column, list_of
from aiops.models import WorkflowVersion


@admin.register(WorkflowVersion)
class WorkflowVersionAdmin(HistoryAdmin):
    list_display = ("name", "version", "hash", "created_at")
    list_filter = ("name",)
    search_fields = ("name",)
    id_fields = ()
    exact_fields = ("hash", "name")
    heavy = ("plan",)
    ordering = ("name", "-created_at")
    shown = (
        (None, {"fields": ("name", "version", "hash", "created_at", "runs")}),
        ("Plan", {"fields": ("plan_shown",)}),
    )

    @column("runs")
    def runs(self, version: WorkflowVersion) -> SafeString:
        return list_of("run", "its runs", version__id__exact=version.pk)

    @column("plan")
    def plan_shown(self, version: WorkflowVersion) -> SafeString:
        return as_text(version.plan)
