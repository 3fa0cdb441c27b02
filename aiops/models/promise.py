"""A promise: "we will e-mail you when it is done", given with a start and owed until it is kept."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from aiops.models.run import Run


class PromiseState(models.TextChoices):
    WAITING = "waiting", "Owed"
    KEPT = "kept", "Kept"
    BROKEN = "broken", "Given up"
    DROPPED = "dropped", "Not needed any more"


class Promise(models.Model):
    """Written in the transaction of the start. What is due is read off the run: nothing has to happen
    at its end for the mail to be owed."""

    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="promises")
    #: Of the person who waits.
    address = models.CharField(max_length=254)
    #: In which the mail is written.
    language = models.CharField(max_length=10, default="en")
    state = models.CharField(
        max_length=10, choices=PromiseState.choices, default=PromiseState.WAITING
    )
    #: The end that the mail told of: a run that failed may yet be done.
    told = models.CharField(max_length=12, blank=True, default="")
    tries = models.SmallIntegerField(default=0)
    #: Not before; a run that has not ended is not due whatever this says.
    next_at = models.DateTimeField(db_default=Now())
    error = models.CharField(max_length=300, blank=True, default="")
    made_at = models.DateTimeField(db_default=Now())
    kept_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["run", "address"], name="promise_once_to_each"),
            models.CheckConstraint(
                condition=Q(state__in=PromiseState.values), name="promise_state_is_known"
            ),
        ]
        indexes = [
            models.Index(fields=["next_at"], condition=Q(state="waiting"), name="promise_due")
        ]

    def __str__(self) -> str:
        # Whose address it is concerns nobody who lists them.
        return f"a mail about {self.run_id}"
