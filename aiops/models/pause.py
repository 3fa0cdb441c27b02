"""A pause: a pool, or a workflow, of which no further step starts until a person lets it go on."""

from __future__ import annotations

from django.db import models
from django.db.models.functions import Now


class Pausable(models.TextChoices):
    POOL = "pool", "Pool"
    WORKFLOW = "workflow", "Workflow"


class Pause(models.Model):
    """What is paused now, by whom and why. Going on deletes the row; the events keep both."""

    what = models.CharField(max_length=10, choices=Pausable.choices)
    name = models.CharField(max_length=100)
    reason = models.CharField(max_length=300)
    paused_by = models.CharField(max_length=150)
    paused_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [models.UniqueConstraint(fields=["what", "name"], name="pause_once")]
        permissions = [("pause_work", "Pause a pool or a workflow, or let it go on")]

    def __str__(self) -> str:
        return f"{self.what} {self.name}"
