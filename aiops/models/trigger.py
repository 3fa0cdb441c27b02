"""A trigger: a rule by which an event from outside starts a run, and what each firing came to."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from aiops.models.run import Priority
from aiops.models.signal import Signal


def the_data() -> str:
    """The input of a new trigger: what the event carries, as it is."""
    return "=data"


class SameKey(models.TextChoices):
    """What a further event of the same key does."""

    RETURN = "return", "Leave the run that is there"
    REJECT = "reject", "Refuse it, and say so"
    REPLACE = "replace", "Cancel that run, and start this one"
    QUEUE = "queue", "Start this one after that run"


class Trigger(models.Model):
    """A rule: such an event starts a run of this workflow.

    People write it; what it does to an event is in `execution/triggers.py`. Moves go through
    `models/trigger_moves.py`.
    """

    name = models.CharField(max_length=80, unique=True)
    #: Whose events; "" for those of every tenant. The run is the event's tenant's.
    tenant = models.CharField(max_length=100, blank=True, default="default")
    #: A type, or the beginning of one and "*".
    event = models.CharField("type of the event", max_length=200)
    #: The same of its source; "" for any.
    source = models.CharField(max_length=300, blank=True, default="")
    #: JMESPath over the event; "" holds for all.
    condition = models.CharField(max_length=500, blank=True, default="")
    workflow = models.CharField(max_length=100)
    #: JSON; texts that begin with "=" are JMESPath over the event.
    input = models.JSONField(default=the_data)
    #: A text as those of `input`; "" for the trigger, the source and the id.
    key = models.CharField(max_length=500, blank=True, default="")
    title = models.CharField(max_length=500, blank=True, default="")
    priority = models.CharField(
        max_length=12, choices=Priority.choices, default=Priority.INTERACTIVE
    )
    if_exists = models.CharField(
        "same key again", max_length=10, choices=SameKey.choices, default=SameKey.RETURN
    )
    #: A new one is paused: it is tried first.
    is_active = models.BooleanField("active", default=False)
    made_by = models.CharField(max_length=150, blank=True, default="")
    made_at = models.DateTimeField(db_default=Now())
    changed_by = models.CharField(max_length=150, blank=True, default="")
    changed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=~Q(name="") & ~Q(event=""), name="trigger_is_named"),
        ]
        permissions = [("steer_trigger", "Activate or pause a trigger")]

    def __str__(self) -> str:
        return self.name


class Firing(models.Model):
    """What one trigger came to with one event: a run, or the sentence that says why there is none."""

    signal = models.ForeignKey(Signal, on_delete=models.CASCADE, related_name="firings")
    #: None when the trigger is gone; its name stays.
    trigger = models.ForeignKey(
        Trigger, null=True, on_delete=models.SET_NULL, related_name="firings"
    )
    trigger_name = models.CharField(max_length=80)
    run = models.UUIDField(null=True, blank=True)
    #: Why it could not start, and what to change; "" when it did.
    error = models.TextField(blank=True, default="")
    tries = models.PositiveIntegerField(default=1)
    at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["signal", "trigger"], name="firing_once"),
            models.CheckConstraint(
                condition=Q(run__isnull=False) ^ ~Q(error=""), name="firing_started_or_says_why"
            ),
        ]
        indexes = [models.Index(fields=["trigger", "-at"], name="firing_of_trigger")]

    def __str__(self) -> str:
        return f"{self.trigger_name}: {self.run or self.error}"
