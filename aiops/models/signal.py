"""A signal: an event from outside, kept until a waiting step takes it."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from aiops.models.ids import new_id


class Signal(models.Model):
    """An event from outside. One that arrives before its waiter is kept; a repeated one is dropped."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    tenant = models.CharField(max_length=100, default="default")
    name = models.CharField(max_length=100)
    #: The value that tells whose event it is, compared with the waiter's `match`.
    match = models.CharField(max_length=200, blank=True, default="")
    #: The sender's id of the event; a second one with the same id is a duplicate.
    source_id = models.CharField(max_length=200)
    payload = models.JSONField(default=dict)
    received_at = models.DateTimeField(db_default=Now())
    taken_by = models.UUIDField(null=True, blank=True)
    duplicates = models.PositiveIntegerField(default=0)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["tenant", "name", "source_id"], name="signal_once")
        ]
        indexes = [
            models.Index(
                fields=["tenant", "name", "match"],
                condition=Q(taken_by__isnull=True),
                name="signal_untaken",
            )
        ]

    def __str__(self) -> str:
        return f"{self.name} {self.match}".strip()
