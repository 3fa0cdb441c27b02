"""A bulk job: one verb over a frozen list of runs."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from aiops.models.ids import new_id
from aiops.models.run import Run


class BulkState(models.TextChoices):
    PLANNED = "planned", "Planned: nothing has been done"
    CANARY = "canary", "The first few are tried"
    RUNNING = "running", "At work"
    STOPPED = "stopped", "Stopped"
    DONE = "done", "Done"


class BulkOutcome(models.TextChoices):
    """What became of one run of the list."""

    READY = "ready", "Will go ahead"
    LEFT_OUT = "left_out", "Left out"
    DONE = "done", "Done"
    CHANGED = "changed", "Has changed meanwhile: left alone"
    REFUSED = "refused", "Refused"
    STOPPED = "stopped", "Not done: the job was stopped"


class BulkJob(models.Model):
    """One verb over runs that were chosen, and frozen, when its plan was made."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    #: "retry", "cancel" or "escalate".
    verb = models.CharField(max_length=20)
    state = models.CharField(max_length=10, choices=BulkState.choices, default=BulkState.PLANNED)
    #: What was chosen, in words, and the query of the list that it was chosen from.
    chosen = models.CharField(max_length=300)
    query = models.CharField(max_length=1000, blank=True, default="")
    reason = models.CharField(max_length=300, blank=True, default="")
    #: Whom to ask, where the verb asks somebody.
    person = models.CharField(max_length=150, blank=True, default="")
    #: Fingerprints of the errors that it is about: when one comes back, the job stops.
    fingerprints = models.JSONField(default=list)
    made_by = models.CharField(max_length=150)
    made_at = models.DateTimeField(db_default=Now())
    #: Until when the plan may be confirmed.
    expires_at = models.DateTimeField()
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)
    #: When its next chunk is due.
    wake_at = models.DateTimeField(null=True, blank=True)
    stopped_by = models.CharField(max_length=150, blank=True, default="")
    stopped_why = models.CharField(max_length=300, blank=True, default="")

    class Meta:
        indexes = [
            models.Index(fields=["wake_at"], condition=Q(wake_at__isnull=False), name="bulk_wakes")
        ]
        permissions = [("bulk_run", "Retry, cancel or escalate many runs at once")]

    def __str__(self) -> str:
        return f"{self.verb}: {self.chosen}"


class BulkItem(models.Model):
    """One run of the list, with what was planned for it and what became of it."""

    job = models.ForeignKey(BulkJob, on_delete=models.CASCADE, related_name="items")
    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="+", db_constraint=False)
    place = models.PositiveIntegerField()
    #: That of the plan which was shown.
    fingerprint = models.CharField(max_length=64, blank=True, default="")
    verdict = models.CharField(max_length=10, blank=True, default="")
    #: How many steps run again.
    steps = models.PositiveIntegerField(default=0)
    #: None: not known.
    cost_microusd = models.BigIntegerField(null=True, blank=True)
    outcome = models.CharField(max_length=10, choices=BulkOutcome.choices)
    #: Why it was left out, refused, or had changed.
    note = models.CharField(max_length=300, blank=True, default="")
    at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["job", "place"], name="bulk_item_place"),
            models.UniqueConstraint(fields=["job", "run"], name="bulk_item_run"),
        ]

    def __str__(self) -> str:
        return f"{self.run_id}: {self.outcome}"
