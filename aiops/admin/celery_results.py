"""Celery's results in the same look: read only, and their content for those who may see it."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django_celery_results.models import GroupResult, TaskResult

from aiops.admin.history import HistoryAdmin, column

_LOOKS = {
    "SUCCESS": "success",
    "FAILURE": "danger",
    "RETRY": "warning",
    "STARTED": "info",
    "REVOKED": "warning",
}

for _model in (TaskResult, GroupResult):
    # Registered by the package, in Django's own look.
    if admin.site.is_registered(_model):
        admin.site.unregister(_model)


@admin.register(TaskResult)
class TaskResultAdmin(HistoryAdmin):
    list_display = ("task_id", "name", "status", "worker", "date_created", "date_done")
    list_filter = ("status",)
    search_fields = ("task_name",)
    id_fields = ()
    exact_fields = ("task_id",)
    heavy = ("result", "meta", "traceback", "task_args", "task_kwargs")
    ordering = ("-date_created",)
    shown = (
        (
            None,
            {
                "fields": (
                    *("task_id", "name", "status", "worker", "content_type", "content_encoding"),
                    *("date_created", "date_started", "date_done"),
                )
            },
        ),
    )
    content = ("task_args", "task_kwargs", "result", "traceback", "meta")

    @column("task", ordering="task_name")
    def name(self, found: TaskResult) -> str:
        schedule: str = getattr(found, "periodic_task_name", "")  # the types of the package lack it
        return schedule or found.task_name or "not told"


@admin.register(GroupResult)
class GroupResultAdmin(HistoryAdmin):
    list_display = ("group_id", "date_created", "date_done")
    id_fields = ()
    exact_fields = ("group_id",)
    heavy = ("result",)
    shown = ((None, {"fields": ("group_id", "date_created", "date_done")}),)
    content = ("result",)

    def has_module_permission(self, request: HttpRequest) -> Any:
        # Nothing of ours writes one: it is there for other programs, and reached by its address.
        return False
