"""Webhooks: the endpoints that programs outside want to be told at, and what is sent to them."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

from aiops.models.escalation import Escalation
from aiops.models.ids import new_id
from aiops.models.run import Run


class EndpointState(models.TextChoices):
    ACTIVE = "active", "Active"
    PAUSED = "paused", "Paused by a person"
    DISABLED = "disabled", "Disabled: it takes nothing"
    REMOVED = "removed", "Removed"


class DeliveryState(models.TextChoices):
    WAITING = "waiting", "Waiting"
    SENT = "sent", "Sent"
    FAILED = "failed", "Given up"
    DROPPED = "dropped", "Dropped"


class WebhookEndpoint(models.Model):
    """Where a program outside is told what happens, and how it stands with that program."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    name = models.CharField(max_length=100)
    url = models.CharField(max_length=500)
    #: The tenant whose runs it is told of; "" for a program that serves every tenant.
    tenant = models.CharField(max_length=100, blank=True, default="default")
    #: Public kinds, and names of workflows; an empty list stands for all of them.
    kinds = models.JSONField(default=list, blank=True)
    workflows = models.JSONField(default=list, blank=True)
    #: Whether messages of a run that is done carry what it has produced.
    gives_result = models.BooleanField(default=False)
    #: Signing secrets, encrypted: [{"sealed", "made_at", "until"}, ...], the newest first. One with
    #: an "until" was rotated, and signs beside the newest until then.
    secrets = models.JSONField(default=list)

    state = models.CharField(
        max_length=10, choices=EndpointState.choices, default=EndpointState.ACTIVE
    )
    #: Why it is in this state, in one sentence.
    why = models.CharField(max_length=300, blank=True, default="")
    since = models.DateTimeField(db_default=Now())
    #: Since when it has taken nothing; None while it takes what it is sent.
    failing_since = models.DateTimeField(null=True, blank=True)
    #: How often in a row it has not taken something, and when it is tried again at all.
    failures = models.PositiveIntegerField(default=0)
    next_at = models.DateTimeField(null=True, blank=True)
    #: What was wrong when it failed last, whatever has been taken since.
    last_error = models.CharField(max_length=300, blank=True, default="")
    #: The one open question about it.
    question = models.ForeignKey(
        Escalation, null=True, blank=True, on_delete=models.SET_NULL, related_name="webhooks"
    )

    #: A worker sends to it until then; the number makes each message to a worker good for once.
    held_until = models.DateTimeField(null=True, blank=True)
    turn = models.PositiveIntegerField(default=0)
    #: When a worker was last sent here: the one that was served longest ago comes first.
    served_at = models.DateTimeField(null=True, blank=True)

    made_by = models.CharField(max_length=150, blank=True, default="")
    made_at = models.DateTimeField(db_default=Now())

    class Meta:
        verbose_name = "webhook"
        constraints = [
            models.CheckConstraint(condition=~Q(name=""), name="webhook_has_name"),
            models.CheckConstraint(
                condition=Q(state__in=EndpointState.values), name="webhook_state_is_known"
            ),
        ]
        permissions = [
            ("configure_webhook", "Make, change, rotate and remove webhooks"),
            ("steer_webhook", "Pause, resume and test webhooks"),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def is_removed(self) -> bool:
        return self.state == EndpointState.REMOVED


class WebhookDelivery(models.Model):
    """One message to one endpoint, written in the transaction of the event that it tells of."""

    #: The `webhook-id`: the same for every try, and for a replay.
    message_id = models.UUIDField(default=new_id, editable=False)
    endpoint = models.ForeignKey(
        # No foreign keys in the database: each message would lock the endpoint's row, and the run's.
        WebhookEndpoint,
        on_delete=models.CASCADE,
        related_name="deliveries",
        db_constraint=False,
        db_index=False,
    )
    run = models.ForeignKey(
        Run,
        null=True,
        blank=True,
        on_delete=models.CASCADE,
        related_name="deliveries",
        db_constraint=False,
        db_index=False,
    )
    #: The event it tells of; None for a test.
    event_id = models.BigIntegerField(null=True, blank=True)
    kind = models.CharField(max_length=40)
    #: What was so when it happened. What the user sees is added when it is sent.
    data = models.JSONField(default=dict, blank=True)

    state = models.CharField(
        max_length=10, choices=DeliveryState.choices, default=DeliveryState.WAITING
    )
    tries = models.PositiveIntegerField(default=0)
    next_at = models.DateTimeField(db_default=Now())
    #: When the first of its tries was: it is given up some days after that.
    trying_since = models.DateTimeField(null=True, blank=True)
    #: A worker is sending it until then.
    leased_until = models.DateTimeField(null=True, blank=True)
    #: Of the last try: the HTTP status, what was wrong, and the beginning of the answer.
    status = models.PositiveSmallIntegerField(null=True, blank=True)
    error = models.CharField(max_length=300, blank=True, default="")
    excerpt = models.CharField(max_length=500, blank=True, default="")
    #: The last tries: [{"at", "took_ms", "status", "error"}, ...].
    attempts = models.JSONField(default=list, blank=True)
    made_at = models.DateTimeField(db_default=Now())
    sent_at = models.DateTimeField(null=True, blank=True)
    #: The delivery that a person sent again by this one.
    replay_of = models.BigIntegerField(null=True, blank=True)

    class Meta:
        verbose_name_plural = "webhook deliveries"
        constraints = [
            models.CheckConstraint(
                condition=Q(state__in=DeliveryState.values), name="delivery_state_is_known"
            ),
        ]
        indexes = [
            models.Index(
                fields=["endpoint", "next_at"], condition=Q(state="waiting"), name="delivery_due"
            ),
            models.Index(
                fields=["endpoint", "run", "id"], condition=Q(state="waiting"), name="delivery_line"
            ),
            models.Index(fields=["run"], condition=Q(run__isnull=False), name="delivery_of_run"),
            models.Index(F("endpoint"), F("id").desc(), name="delivery_newest"),
            models.Index(
                fields=["made_at"], condition=~Q(state="waiting"), name="delivery_to_sweep"
            ),
        ]
        permissions = [("replay_delivery", "Send deliveries of webhooks again")]

    def __str__(self) -> str:
        return f"{self.kind} {self.message_id}"
