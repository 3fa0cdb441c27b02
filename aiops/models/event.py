"""An event: an append-only fact about a run, or about what all runs share."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

from aiops.models.run import Run


class Event(models.Model):
    """An append-only fact about a run: the source of timelines, streams, webhooks and the audit.

    The id of a run's newest event is the run's version. What a person did to a pool, a workflow, a
    group of failures, a lane or a schedule belongs to no run.
    """

    run = models.ForeignKey(
        # No foreign key in the database: it would lock the run's row for every step of it.
        Run,
        null=True,
        blank=True,
        on_delete=models.CASCADE,
        related_name="events",
        db_constraint=False,
        db_index=False,
    )
    step = models.UUIDField(null=True, blank=True)
    kind = models.CharField(max_length=40)
    #: Who did it; empty for the engine itself.
    actor = models.CharField(max_length=150, blank=True, default="")
    data = models.JSONField(default=dict, blank=True)
    at = models.DateTimeField(db_default=Now())

    class Meta:
        indexes = [
            models.Index(fields=["run", "id"], name="event_of_run"),
            models.Index(F("id").desc(), condition=~Q(actor=""), name="event_by_person"),
        ]

    def __str__(self) -> str:
        return self.kind
