"""A signal: an event from outside, in the inbox: kept, told to who waits for it, and what became of it."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from aiops.models.ids import new_id


class Became(models.TextChoices):
    """What became of an event."""

    KEPT = "kept", "Kept"
    WOKE = "woke", "Woke a run"
    STARTED = "started", "Started a run"
    FAILED = "failed", "Could not start a run"


class Signal(models.Model):
    """An event from outside. One that arrives before its waiter is kept; a repeated one is counted.

    Moves go through `models/signal_moves.py`.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    tenant = models.CharField(max_length=100, default="default")
    #: The type of the event, as `wait_for` and triggers name it.
    name = models.CharField("type", max_length=200)
    #: The value that tells whose event it is, compared with the waiter's `match`.
    match = models.CharField(max_length=200, blank=True, default="")
    #: Who sent it, and the sender's id of it; a second one with the same two is a duplicate.
    source = models.CharField(max_length=300, default="")
    source_id = models.CharField("id of its sender", max_length=200)
    #: What it is about, in the words of its sender.
    subject = models.CharField(max_length=200, blank=True, default="")
    #: When it happened, as its sender says.
    happened_at = models.DateTimeField(null=True, blank=True)
    payload = models.JSONField(default=dict)
    #: What else the sender said about it: attributes that we do not know.
    extensions = models.JSONField(default=dict)
    #: Who handed it in: a key, or a person.
    actor = models.CharField("handed in by", max_length=150, blank=True, default="")
    received_at = models.DateTimeField(db_default=Now())
    became = models.CharField(max_length=10, choices=Became.choices, default=Became.KEPT)
    #: Whether it has started a run. Then only runs that were there before it may still take it.
    has_started = models.BooleanField(default=False)
    #: The runs that waited for it when it came. One of them takes it.
    woken = models.JSONField(default=list)
    #: The step that took it.
    taken_by = models.UUIDField(null=True, blank=True)
    duplicates = models.PositiveIntegerField(default=0)
    #: When it came last: its only time, or its newest duplicate.
    last_seen_at = models.DateTimeField(db_default=Now())

    #: Whether this very receipt wrote it; False for a duplicate.
    is_new = False

    class Meta:
        verbose_name = "event in"
        verbose_name_plural = "events in"
        constraints = [
            models.UniqueConstraint(fields=["tenant", "source", "source_id"], name="signal_once")
        ]
        indexes = [
            models.Index(
                fields=["tenant", "name", "match"],
                condition=Q(taken_by__isnull=True),
                name="signal_untaken",
            ),
            models.Index(fields=["-received_at"], name="signal_newest"),
            models.Index(
                fields=["-received_at"], condition=Q(became="failed"), name="signal_failed"
            ),
        ]
        permissions = [("retry_event", "Try an event again that could not start a run")]

    def __str__(self) -> str:
        return f"{self.name} {self.match}".strip()
