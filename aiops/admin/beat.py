"""Beat's tasks in the same look: beat's own pages and form, with what unfold needs, and who changed what."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, cast

from django.contrib import admin, messages
from django.db import transaction
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django_celery_beat import admin as beat
from django_celery_beat.models import (
    ClockedSchedule,
    CrontabSchedule,
    IntervalSchedule,
    PeriodicTask,
    SolarSchedule,
)
from unfold.admin import ModelAdmin, TabularInline
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from aiops.admin.history import column
from aiops.admin.page.amounts import from_now
from aiops.models import Schedule, transitions

for _model in (PeriodicTask, ClockedSchedule, CrontabSchedule, IntervalSchedule, SolarSchedule):
    # Registered by the package, in Django's own look.
    admin.site.unregister(_model)


class TaskSelect(UnfoldAdminSelectWidget, beat.TaskSelectWidget):  # type: ignore[misc]  # untyped
    """The tasks that this installation knows."""


class PeriodicTaskForm(beat.PeriodicTaskForm):  # type: ignore[misc]  # the package has no types
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # Not there for those who may only look.
        if "regtask" in self.fields:
            self.fields["regtask"].widget = TaskSelect()
        if "task" in self.fields:
            self.fields["task"].widget = UnfoldAdminTextInputWidget()


def next_run(task: PeriodicTask, now: datetime) -> datetime | None:
    """When beat fires it next; None when it does not."""
    if not task.enabled or (task.one_off and task.total_run_count):
        return None
    if task.start_time and task.start_time > now:
        return cast(datetime, task.start_time)
    last = task.last_run_at or task.date_changed or now
    left: timedelta = task.schedule.remaining_estimate(task.schedule.maybe_make_aware(last))
    return max(now + left, now)


@admin.register(PeriodicTask)
class PeriodicTaskAdmin(beat.PeriodicTaskAdmin, ModelAdmin):  # type: ignore[misc]  # untyped
    form = PeriodicTaskForm
    list_display = ("name", "enabled", "task", "fires", "last_run", "next_run")
    list_filter = ("enabled", "one_off")
    date_hierarchy = None
    list_per_page = 25
    # Not its own: they tell nobody who did it, and "run" sends a message from a web process.
    actions = ("enable_schedules", "disable_schedules")
    readonly_fields = ("last_run_at", "crontab_translation")

    def crontab_translation(self, task: PeriodicTask | None) -> str:
        return task.crontab.human_readable if task and task.crontab else "–"

    @column("fires")
    def fires(self, task: PeriodicTask) -> str:
        return str(task.scheduler)

    @column("last run", ordering="last_run_at")
    def last_run(self, task: PeriodicTask) -> str:
        return from_now(task.last_run_at, timezone.now()) if task.last_run_at else "not yet"

    @column("next run")
    def next_run(self, task: PeriodicTask) -> str:
        now = timezone.now()
        at = next_run(task, now)
        if at is None:
            return "over" if task.enabled else "paused"
        return from_now(at, now) if at > now else "now"

    @admin.action(description="Let the chosen schedules fire", permissions=["change"])
    def enable_schedules(self, request: HttpRequest, chosen: QuerySet[PeriodicTask]) -> None:
        self._set_enabled(request, chosen, is_enabled=True)

    @admin.action(description="Pause the chosen schedules", permissions=["change"])
    def disable_schedules(self, request: HttpRequest, chosen: QuerySet[PeriodicTask]) -> None:
        self._set_enabled(request, chosen, is_enabled=False)

    def _set_enabled(
        self, request: HttpRequest, chosen: QuerySet[PeriodicTask], *, is_enabled: bool
    ) -> None:
        done = "resumed" if is_enabled else "paused"
        with transaction.atomic():
            found = list(chosen.exclude(enabled=is_enabled))
            for task in found:
                task.enabled = is_enabled
                # Saved one by one: beat does not see an update of many.
                task.save()
                _tell(request, f"schedule.{done}", task)
        number = f"{len(found)} schedule{'' if len(found) == 1 else 's'}"
        self.message_user(request, f"{number} {done}.", messages.SUCCESS)

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        kind = "schedule.changed" if change else "schedule.made"
        _tell(request, kind, obj, fields=sorted(form.changed_data))

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        _tell(request, "schedule.deleted", obj)
        super().delete_model(request, obj)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        with transaction.atomic():
            for task in queryset:
                self.delete_model(request, task)


def _tell(request: HttpRequest, kind: str, task: PeriodicTask, **data: Any) -> None:
    """Who changed a schedule, in the transaction that changes it."""
    actor = request.user.get_username()
    transitions.tell(None, kind, actor=actor, name=task.name, task=task.task, **data)


class TasksInline(TabularInline):  # type: ignore[misc]  # unfold has no types
    """The schedules that fire at these times."""

    model = PeriodicTask
    fields = readonly_fields = ("name", "task", "enabled")
    can_delete = False
    extra = 0
    show_change_link = True
    verbose_name_plural = "Schedules that use it"

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


class SchedulesInline(TasksInline):
    """The schedules of workflows that are due at these times: they change with them."""

    model = Schedule
    fields = readonly_fields = ("name", "workflow", "paused_at")
    verbose_name_plural = "Workflow schedules that use it"


class _Times(ModelAdmin):  # type: ignore[misc]  # unfold has no types
    """Times that schedules name. They are made beside the schedule that needs them."""

    inlines: tuple[type[TabularInline], ...] = (TasksInline, SchedulesInline)
    list_per_page = 25


@admin.register(IntervalSchedule)
class IntervalScheduleAdmin(_Times):
    list_display = ("__str__", "every", "period")


@admin.register(CrontabSchedule)
class CrontabScheduleAdmin(_Times):
    list_display = ("__str__", "human_readable")
    fields = beat.CrontabScheduleAdmin.fields
    readonly_fields = ("human_readable",)


@admin.register(ClockedSchedule)
class ClockedScheduleAdmin(_Times):
    list_display = ("clocked_time",)


@admin.register(SolarSchedule)
class SolarScheduleAdmin(_Times):
    # No workflow is due by the sun.
    inlines = (TasksInline,)
    list_display = ("__str__", "event")
