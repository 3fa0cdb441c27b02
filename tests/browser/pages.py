"""Every page of the console, with an address for each; the record has to have something to show."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from django.urls import reverse
from django.utils import timezone
from django_celery_beat.models import IntervalSchedule, PeriodicTask

from aiops.models import BulkJob, Escalation, Run, Schedule, Step
from aiops.upkeep.schedules import start_due
from tasks.demo.timetable import make_schedules

#: Lists and other pages that need nothing to be named.
LISTS: dict[str, str] = {
    "dashboard": "index",
    "runs": "aiops_run_changelist",
    "inbox": "aiops_escalation_changelist",
    "failure groups": "aiops_failuregroup_changelist",
    "queues": "aiops_node_changelist",
    "lanes": "aiops_lane_changelist",
    "workflows": "aiops_workflowversion_changelist",
    "schedules": "aiops_schedule_changelist",
    "new schedule": "aiops_schedule_add",
    "beat's tasks": "django_celery_beat_periodictask_changelist",
    "new task of beat's": "django_celery_beat_periodictask_add",
    "budgets": "aiops_budget_changelist",
    "operator actions": "aiops_operatoraction_changelist",
    "bulk jobs": "aiops_bulkjob_changelist",
    "model calls": "aiops_modelcall_changelist",
    "results": "django_celery_results_taskresult_changelist",
    "users": "auth_user_changelist",
    "groups": "auth_group_changelist",
}


def every_page() -> Iterator[tuple[str, str]]:
    """Names and addresses; runs, requests and groups are those that the record has."""
    for name, url in LISTS.items():
        yield name, reverse(f"admin:{url}")
    for view in ("needs_you", "active", "waiting", "failed", "finished"):
        yield f"runs, {view}", reverse("admin:aiops_run_changelist", query={"view": view})
    for view in ("mine", "resolved"):
        yield f"inbox, {view}", reverse("admin:aiops_escalation_changelist", query={"view": view})
    for state in Run.objects.order_by("state").values_list("state", flat=True).distinct():
        run = Run.objects.filter(state=state).latest("created_at")
        yield f"a run: {state}", _of("run", run.pk)
    for kind in Escalation.objects.order_by("kind").values_list("kind", flat=True).distinct():
        asked = Escalation.objects.filter(kind=kind).latest("opened_at")
        yield f"a request: {kind}", _of("escalation", asked.pk)
    failed = Step.objects.filter(state="attention", error__isnull=False).latest("since")
    yield "a failure group", _of("failuregroup", (failed.error or {})["fingerprint"])
    yield "a workflow", reverse("admin:aiops_workflow_page", args=[failed.run.workflow])
    if job := BulkJob.objects.first():
        yield "a bulk job", _of("bulkjob", job.pk)
    for schedule in Schedule.objects.all():
        yield (
            f"a schedule: {schedule.name}",
            reverse("admin:aiops_schedule_page", args=[schedule.pk]),
        )
    if mine := Schedule.objects.first():
        yield "a schedule's form", _of("schedule", mine.pk)
        yield "a back-fill", _back_fill(mine)
        yield (
            "a schedule's question",
            reverse("admin:aiops_schedule_do", args=[mine.pk, "run"]),
        )
    if schedule := PeriodicTask.objects.first():
        yield (
            "a task of beat's",
            reverse("admin:django_celery_beat_periodictask_change", args=[schedule.pk]),
        )


def a_schedule() -> None:
    every, _ = IntervalSchedule.objects.get_or_create(every=1, period="hours")
    PeriodicTask.objects.create(name="Sweep", task="tasks.sweep", interval=every)
    make_schedules()
    start_due()


def _back_fill(schedule: Schedule) -> str:
    """What a back-fill of the last days would start."""
    now = timezone.now()
    span = {"from_at": now - timedelta(days=9), "to_at": now}
    given = {name: f"{moment:%Y-%m-%dT%H:%M}" for name, moment in span.items()}
    query = {**given, "at_once": "2", "most": "100"}
    return reverse("admin:aiops_schedule_backfill", args=[schedule.pk], query=query)


def _of(model: str, key: Any) -> str:
    return reverse(f"admin:aiops_{model}_change", args=[key])
