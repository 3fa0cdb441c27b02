"""Every page of the console, with an address for each; the record has to have something to show."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from django.urls import reverse
from django.utils import timezone
from django_celery_beat.models import IntervalSchedule, PeriodicTask

from aiops.access import keys
from aiops.execution.incoming import Incoming
from aiops.execution.receive import take_in
from aiops.models import (
    ApiKey,
    BulkJob,
    Escalation,
    Run,
    Schedule,
    Signal,
    Step,
    Trigger,
    WebhookDelivery,
    WebhookEndpoint,
)
from aiops.upkeep.schedules import start_due
from aiops.webhooks import signing
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
    "triggers": "aiops_trigger_changelist",
    "new trigger": "aiops_trigger_add",
    "trying an event": "aiops_trigger_try",
    "events in": "aiops_signal_changelist",
    "schedules": "aiops_schedule_changelist",
    "new schedule": "aiops_schedule_add",
    "beat's tasks": "django_celery_beat_periodictask_changelist",
    "new task of beat's": "django_celery_beat_periodictask_add",
    "budgets": "aiops_budget_changelist",
    "webhooks": "aiops_webhookendpoint_changelist",
    "new webhook": "aiops_webhook_new",
    "deliveries": "aiops_webhookdelivery_changelist",
    "operator actions": "aiops_operatoraction_changelist",
    "bulk jobs": "aiops_bulkjob_changelist",
    "model calls": "aiops_modelcall_changelist",
    "results": "django_celery_results_taskresult_changelist",
    "users": "auth_user_changelist",
    "groups": "auth_group_changelist",
    "api keys": "aiops_apikey_changelist",
    "new api key": "aiops_apikey_make",
}


def every_page() -> Iterator[tuple[str, str]]:
    """Names and addresses; runs, requests and groups are those that the record has."""
    for name, url in LISTS.items():
        yield name, reverse(f"admin:{url}")
    yield "problems of the API", reverse("api-1:problems")
    for kind in ("rotate", "change", "revoke"):
        key = ApiKey.objects.filter(revoked_at=None, replaced_by=None).latest("made_at")
        yield f"an api key: {kind}", reverse("admin:aiops_apikey_do", args=[key.pk, kind])
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
    if webhook := WebhookEndpoint.objects.first():
        yield "a webhook", _of("webhookendpoint", webhook.pk)
        yield "changing a webhook", reverse("admin:aiops_webhook_edit", args=[webhook.pk])
        for verb in ("pause", "rotate"):
            yield f"a webhook: {verb}", reverse("admin:aiops_webhook_do", args=[webhook.pk, verb])
    for state in (
        WebhookDelivery.objects.order_by("state").values_list("state", flat=True).distinct()
    ):
        sent = WebhookDelivery.objects.filter(state=state).latest("id")
        yield f"a delivery: {state}", _of("webhookdelivery", sent.pk)
        again = reverse("admin:aiops_webhookdelivery_replay", query={"id": sent.pk})
        yield f"a delivery, again: {state}", again
    for signal in Signal.objects.order_by("became").distinct("became"):
        yield f"an event in: {signal.became}", _of("signal", signal.pk)
    if trigger := Trigger.objects.first():
        yield "a trigger", _of("trigger", trigger.pk)
        pause = reverse("admin:aiops_trigger_do", args=[trigger.pk, "pause"])
        yield "pausing a trigger", pause
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


def api_keys() -> None:
    """One in each state."""
    for name in ("shop", "mailer", "reports"):
        keys.make(name, scopes=["start", "read"], made_by="ann")
    mailer, reports = (ApiKey.objects.get(name=name) for name in ("mailer", "reports"))
    keys.rotate(mailer, by="ann", reason="each quarter")
    keys.revoke(reports, by="ann", reason="it was in a log")


def a_webhook() -> None:
    """One that hears of every run that is started from now on, and has trouble."""
    WebhookEndpoint.objects.create(
        name="Shop back end",
        url="https://shop.example.com/hooks/aiops",
        tenant="",
        kinds=["run.succeeded", "run.failed", "run.attention", "escalation.opened"],
        secrets=signing.first(signing.new_secret(), timezone.now()),
        failing_since=timezone.now() - timedelta(minutes=20),
        last_error="it answered 503",
        made_by="ann",
    )


def delivered() -> None:
    """Deliveries in every state, with what came of their tries."""
    now = timezone.now()
    tried = {"at": now.isoformat(), "took_ms": 212, "status": 503, "error": "it answered 503"}
    ids = list(WebhookDelivery.objects.order_by("id").values_list("id", flat=True))
    sent = WebhookDelivery.objects.filter(id__in=ids[: 2 * len(ids) // 3])
    sent.update(state="sent", status=204, tries=2, sent_at=now, attempts=[tried, tried])
    bad = {"status": 503, "error": "it answered 503", "excerpt": "Service Unavailable"}
    WebhookDelivery.objects.filter(id=ids[0]).update(
        state="failed", tries=12, sent_at=None, attempts=[tried] * 12, **bad
    )
    WebhookDelivery.objects.filter(id=ids[-1]).update(
        tries=3, attempts=[tried] * 3, next_at=now + timedelta(minutes=9), **bad
    )
    WebhookDelivery.objects.create(
        endpoint=WebhookEndpoint.objects.get(), kind="webhook.test", data={"asked_by": "ann"}
    )


def events_in() -> None:
    """An event that starts a run, one that cannot, and one that is kept."""
    given: Any = {"event": "lead.*", "workflow": "lead_research", "is_active": True}
    wanted = {"title": "=subject", "pace_s": "=data.pace_s"}
    Trigger.objects.create(name="Research new leads", **given, input=wanted)
    Trigger.objects.create(name="Large leads", **given, input=wanted, condition="data.size")
    for number, pace_s in enumerate((0, "slow")):
        about: Any = {"name": "lead.found", "source": "/crm/leads", "subject": f"lead {number}"}
        take_in(Incoming(**about, source_id=f"lead-{number}", payload={"pace_s": pace_s}))
    take_in(Incoming(name="nobody.waits", source="/demo", source_id="kept"))


def _of(model: str, key: Any) -> str:
    return reverse(f"admin:aiops_{model}_change", args=[key])
