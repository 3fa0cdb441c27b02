"""What people decided about a group of failures that are alike."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now


class GroupState(models.TextChoices):
    OPEN = "open", "Open"
    RESOLVED = "resolved", "Resolved"
    IGNORED = "ignored", "Ignored"


class FailureGroup(models.Model):
    """A decision about all failures of one fingerprint.

    A row is written when a person decides. How often it failed, since when and where is read from
    the steps: a row that every failing step had to update would be the slowest of the database.
    """

    fingerprint = models.CharField(max_length=64, primary_key=True)
    state = models.CharField(
        max_length=10, choices=GroupState.choices, default=GroupState.OPEN, db_index=True
    )
    #: Until when it is ignored; then it is open again by itself.
    ignored_until = models.DateTimeField(null=True, blank=True)
    #: The version of its workflow that mends it; a later failure of that version or above reopens it.
    resolved_in = models.PositiveIntegerField(null=True, blank=True)
    owner = models.CharField(max_length=150, blank=True, default="")
    note = models.CharField(max_length=300, blank=True, default="")
    decided_by = models.CharField(max_length=150, blank=True, default="")
    decided_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=~Q(state=GroupState.IGNORED) | Q(ignored_until__isnull=False),
                name="failure_group_ignored_has_end",
            )
        ]
        permissions = [("decide_failuregroup", "Resolve or ignore a group of failures")]

    def __str__(self) -> str:
        return self.fingerprint
