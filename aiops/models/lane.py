"""A lane: one provider, model and credential. Its limits, holds and breaker are shared by all workers."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from aiops.models.escalation import Escalation


class LaneState(models.TextChoices):
    OPEN = "open", "Open"
    HELD = "held", "Held"
    STOPPED = "stopped", "Stopped"
    PROBING = "probing", "Trying it out"
    RAMPING = "ramping", "Picking up again"


class LaneCause(models.TextChoices):
    """Why a lane is not simply open."""

    NONE = "", "Nothing"
    RATE = "rate", "The provider limits the rate"
    FAILING = "failing", "The provider fails"
    QUOTA = "quota", "No quota or credit left"
    AUTH = "auth", "The key is refused"
    CONFIG = "config", "The address or the model is wrong"
    PERSON = "person", "A person did it"


class Lane(models.Model):
    """One provider, model and credential, as all workers see it before each call.

    Moves go through `models/lane_moves.py`. What is counted (requests, tokens, calls in flight) is
    in Redis; this row is what is decided.
    """

    name = models.CharField(max_length=200, primary_key=True)
    state = models.CharField(max_length=10, choices=LaneState.choices, default=LaneState.OPEN)
    cause = models.CharField(max_length=10, choices=LaneCause.choices, blank=True, default="")
    since = models.DateTimeField(db_default=Now())
    #: When a hold ends by itself.
    held_until = models.DateTimeField(null=True, blank=True)
    #: Why, in one sentence, and which person did it; "" for the system itself.
    reason = models.CharField(max_length=500, blank=True, default="")
    who = models.CharField(max_length=150, blank=True, default="")
    #: Since when the provider has failed without a break; null while it works.
    failing_since = models.DateTimeField(null=True, blank=True)
    #: Calls let through while it is tried out, and how many of them were answered.
    probes = models.SmallIntegerField(default=0)
    probes_answered = models.SmallIntegerField(default=0)
    #: The best priority among the parked steps, and when that was seen: who comes later waits too.
    line = models.CharField(max_length=12, blank=True, default="")
    line_at = models.DateTimeField(null=True, blank=True)
    #: Limits as the settings declare them, and what a person has set instead.
    declared = models.JSONField(default=dict, blank=True)
    own_limits = models.JSONField(default=dict, blank=True)
    #: The one open question about it.
    question = models.ForeignKey(
        Escalation, null=True, blank=True, on_delete=models.SET_NULL, related_name="lanes"
    )

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(state__in=LaneState.values), name="lane_state_is_known"
            ),
            models.CheckConstraint(
                condition=~Q(state=LaneState.HELD) | Q(held_until__isnull=False),
                name="lane_held_has_end",
            ),
        ]
        permissions = [("steer_lane", "Hold, stop or resume a lane")]

    def __str__(self) -> str:
        return self.name
