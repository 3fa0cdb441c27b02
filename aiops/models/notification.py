"""A notification: a message to the outside about an escalation, kept until it was handed over."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from aiops.models.escalation import Escalation


class Channel(models.TextChoices):
    EMAIL = "email", "E-mail"
    WEBHOOK = "webhook", "Webhook"


class NotificationState(models.TextChoices):
    WAITING = "waiting", "Waiting"
    SENT = "sent", "Sent"
    FAILED = "failed", "Given up"
    DROPPED = "dropped", "Not needed any more"


class Notification(models.Model):
    """Written in the transaction that opens, reminds of, hands up or closes a question."""

    escalation = models.ForeignKey(
        Escalation, on_delete=models.CASCADE, related_name="notifications"
    )
    #: "opened", "reminder", "handed_up", "answered" or "closed".
    about = models.CharField(max_length=12)
    channel = models.CharField(max_length=10, choices=Channel.choices)
    #: An e-mail address, or the URL of a webhook.
    address = models.CharField(max_length=500)
    state = models.CharField(
        max_length=10, choices=NotificationState.choices, default=NotificationState.WAITING
    )
    tries = models.SmallIntegerField(default=0)
    next_at = models.DateTimeField(db_default=Now())
    error = models.CharField(max_length=300, blank=True, default="")
    made_at = models.DateTimeField(db_default=Now())
    sent_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        indexes = [
            models.Index(fields=["next_at"], condition=Q(state="waiting"), name="notification_due")
        ]

    def __str__(self) -> str:
        return f"{self.about} to {self.address}"
