"""An attempt: one try of a step by one worker, written when it ends."""

from __future__ import annotations

from django.db import models
from django.db.models.fields.json import KeyTextTransform

from aiops.models.run import Run
from aiops.models.step import Step


class Outcome(models.TextChoices):
    SUCCEEDED = "succeeded", "Succeeded"
    FAILED = "failed", "Failed"
    PARKED = "parked", "Parked: it may go on later"
    LOST = "lost", "Its worker was lost"
    TIMED_OUT = "timed_out", "Ran past its time limit"
    CANCELLED = "cancelled", "Stopped on request"
    RECONCILED = "reconciled", "The outside says it had happened"


class Attempt(models.Model):
    """One try of a step by one worker.

    While it runs, the step's own row holds it (lease, worker, fence); this row is written when it
    ends, or by the keeper for a worker that is gone.
    """

    step = models.ForeignKey(
        # A foreign key in the database costs a look-up per attempt; the step is written in the
        # same statement, and rows leave only together with their run.
        Step,
        on_delete=models.CASCADE,
        related_name="attempts",
        db_constraint=False,
        db_index=False,  # `attempt_once` begins with it
    )
    run = models.ForeignKey(
        Run, on_delete=models.CASCADE, related_name="attempts", db_constraint=False, db_index=False
    )
    #: The claim's fence: unique within the step, rising.
    number = models.IntegerField()
    epoch = models.IntegerField(default=0)
    outcome = models.CharField(max_length=12, choices=Outcome.choices)
    error = models.JSONField(null=True, blank=True)
    #: Whether anything may have gone out: "no", "maybe", "yes", "" when the effect does not matter.
    sent = models.CharField(max_length=5, blank=True, default="")
    worker = models.CharField(max_length=150, blank=True, default="")
    task_id = models.CharField(max_length=50, blank=True, default="")
    started_at = models.DateTimeField()
    finished_at = models.DateTimeField()
    #: None: not known.
    cost_microusd = models.BigIntegerField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["step", "number"], name="attempt_once"),
            models.CheckConstraint(
                condition=models.Q(outcome__in=Outcome.values), name="attempt_outcome_is_known"
            ),
        ]
        indexes = [
            # How often an error came, hour by hour; successful attempts are not in it.
            models.Index(
                KeyTextTransform("fingerprint", "error"),
                "finished_at",
                condition=models.Q(error__isnull=False),
                name="attempt_failed_alike",
            ),
            # What was spent lately: most attempts cost nothing, and are not in it.
            models.Index(
                fields=["finished_at"],
                include=["cost_microusd"],
                condition=models.Q(cost_microusd__isnull=False),
                name="attempt_paid",
            ),
            models.Index(
                fields=["run"],
                include=["cost_microusd"],
                condition=models.Q(cost_microusd__isnull=False),
                name="attempt_cost_of_run",
            ),
        ]

    def __str__(self) -> str:
        return f"attempt {self.number}: {self.outcome}"
