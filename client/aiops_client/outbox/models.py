"""A start that is owed: written with the caller's own rows, sent when they are committed."""

from __future__ import annotations

import uuid

from django.db import models
from django.db.models import Q
from django.utils import timezone


class Start(models.Model):
    """One run to start. Its id is the key of the run: sent twice, it is one run."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    workflow = models.CharField(max_length=100)
    input = models.JSONField()
    options = models.JSONField(default=dict, blank=True)
    made_at = models.DateTimeField(default=timezone.now)
    #: When to try next; None when there is nothing left to do.
    next_at = models.DateTimeField(null=True, blank=True, default=timezone.now)
    tries = models.PositiveIntegerField(default=0)
    #: Why it was not taken; with no `next_at`, for good.
    error = models.TextField(blank=True, default="")
    run_id = models.CharField(max_length=36, blank=True, default="")
    #: The page to show to the user who waits.
    page = models.TextField(blank=True, default="")

    class Meta:
        indexes = [
            models.Index(fields=["next_at"], condition=Q(next_at__isnull=False), name="outbox_due")
        ]

    def __str__(self) -> str:
        return f"{self.workflow} {self.id}"
