"""A step: one unit of work in a run; a map has one record for each item."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.db.models.fields.json import KeyTextTransform
from django.db.models.functions import Now

from aiops.models.ids import new_id
from aiops.models.run import Run


class StepState(models.TextChoices):
    """Where a step stands. The labels are the words shown everywhere."""

    PENDING = "pending", "Not started"
    QUEUED = "queued", "Queued"
    RUNNING = "running", "Running"
    RETRYING = "retrying", "Retry scheduled"
    WAITING = "waiting", "Waiting"
    ATTENTION = "attention", "Needs attention"
    FAILED = "failed", "Failed"
    SKIPPED = "skipped", "Skipped"
    CANCELLED = "cancelled", "Cancelled"
    SUCCEEDED = "succeeded", "Succeeded"


#: How the name of a step begins that takes another back; the name of the other follows.
UNDO = "undo:"

#: Finished for good, as far as the steps after it are concerned.
DONE: tuple[str, ...] = (StepState.SUCCEEDED, StepState.SKIPPED)
#: Something will move it by itself, or a wait holds it.
ALIVE: tuple[str, ...] = (
    StepState.QUEUED,
    StepState.RUNNING,
    StepState.RETRYING,
    StepState.WAITING,
)


class Reason(models.TextChoices):
    """What an unfinished step waits for: the one live reason that keeps it out of limbo."""

    NONE = "", "Nothing"
    MESSAGE = "message", "A worker of its pool"
    LEASE = "lease", "The worker that runs it"
    RETRY = "retry", "The next attempt"
    LANE = "lane", "Its provider"
    BUDGET = "budget", "Its budget"
    ITEMS = "items", "Its items"
    APPROVAL = "approval", "An approval"
    EVENT = "event", "An event"
    TIMER = "timer", "A timer"
    CHILD = "child", "A child run"
    JOB = "job", "A job outside"
    PERSON = "person", "A person's decision"


class Step(models.Model):
    """One unit of work in a run.

    Rows move through two doors only: `execution/claim.py` for whoever holds (or takes) the lease,
    `models/transitions.py` for whoever holds the run's lock.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    #: `step_once_in_run` begins with it.
    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="steps", db_index=False)
    name = models.CharField(max_length=100)
    kind = models.CharField(max_length=10)
    pool = models.CharField(max_length=20, blank=True, default="")
    effect = models.CharField(max_length=10, default="pure")
    #: The map this row is an item of, and its place in it; null for a step of the plan itself.
    map = models.ForeignKey(
        # `step_item_once` finds the items of a map; an index of the key would hold every step.
        "self",
        null=True,
        blank=True,
        on_delete=models.CASCADE,
        related_name="items",
        db_index=False,
    )
    item = models.IntegerField(null=True, blank=True)
    item_value = models.JSONField(null=True, blank=True)

    state = models.CharField(max_length=12, choices=StepState.choices, default=StepState.PENDING)
    reason = models.CharField(max_length=10, choices=Reason.choices, blank=True, default="")
    since = models.DateTimeField(db_default=Now())
    #: When the wait ends at the latest (due time of an approval, timeout of an event).
    until = models.DateTimeField(null=True, blank=True)
    #: The lane, or the budget, that a parked step waits for; it says nothing once the reason is another.
    lane = models.CharField(max_length=200, blank=True, default="", db_default="")
    #: When the keeper wakes it.
    wake_at = models.DateTimeField(null=True, blank=True)
    #: When its message counts as lost; for a map, when its members are looked at again.
    dispatch_due = models.DateTimeField(null=True, blank=True)
    #: Messages sent for the present wait in a queue; 0: not yet published.
    dispatches = models.SmallIntegerField(default=0)

    #: Raised by a person's rerun: messages of an older epoch are stale.
    epoch = models.IntegerField(default=0)
    #: Raised by every claim: a write under an older fence fails.
    fence = models.IntegerField(default=0)
    lease_until = models.DateTimeField(null=True, blank=True)
    worker = models.CharField(max_length=150, blank=True, default="")
    task_id = models.CharField(max_length=50, blank=True, default="")

    #: Attempts burnt by failures, and workers lost, in this epoch.
    tries = models.SmallIntegerField(default=0)
    losses = models.SmallIntegerField(default=0)
    #: What else the retry decision counts: {"ambiguous": n, "repairs": n (and of
    #: these "checks" and "cuts"), "bugs": n, "waited_s": s},
    #: and "parked_at": since when it waits in line for its lane.
    history = models.JSONField(default=dict, blank=True)
    #: A `once` effect whose call began and whose end nobody recorded.
    in_doubt = models.BooleanField(default=False)

    #: What finds the job again that it has submitted elsewhere (see `aiops.flow.later`).
    handle = models.JSONField(null=True, blank=True)
    result = models.JSONField(null=True, blank=True)
    result_ref = models.CharField(max_length=200, blank=True, default="")
    error = models.JSONField(null=True, blank=True)
    progress = models.JSONField(null=True, blank=True)
    #: The step of an earlier run whose result this one keeps (replay).
    copied_from = models.UUIDField(null=True, blank=True)
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["run", "name", "item"], nulls_distinct=False, name="step_once_in_run"
            ),
            models.UniqueConstraint(
                fields=["map", "item"], condition=Q(map__isnull=False), name="step_item_once"
            ),
            models.CheckConstraint(
                condition=Q(state__in=StepState.values), name="step_state_is_known"
            ),
            models.CheckConstraint(
                condition=Q(map__isnull=True, item__isnull=True)
                | Q(map__isnull=False, item__isnull=False),
                name="step_item_belongs_to_map",
            ),
            models.CheckConstraint(
                condition=~Q(state=StepState.RUNNING)
                | (Q(lease_until__isnull=False) & ~Q(worker="")),
                name="step_running_has_lease",
            ),
            models.CheckConstraint(
                condition=~Q(state=StepState.QUEUED)
                | Q(dispatch_due__isnull=False)
                | Q(map__isnull=False),
                name="step_queued_has_due",
            ),
            models.CheckConstraint(
                condition=~Q(state=StepState.RETRYING) | Q(wake_at__isnull=False),
                name="step_retrying_has_wake",
            ),
            models.CheckConstraint(
                condition=~Q(state=StepState.WAITING) | ~Q(reason=""),
                name="step_waiting_has_reason",
            ),
            models.CheckConstraint(
                condition=Q(effect__in=["pure", "idempotent", "once"]),
                name="step_effect_is_known",
            ),
        ]
        indexes = [
            models.Index(
                fields=["lease_until"], condition=Q(lease_until__isnull=False), name="step_leases"
            ),
            models.Index(fields=["wake_at"], condition=Q(wake_at__isnull=False), name="step_wakes"),
            models.Index(
                fields=["dispatch_due"],
                condition=Q(dispatch_due__isnull=False),
                name="step_dispatches",
            ),
            models.Index(
                fields=["map", "item"],
                condition=Q(state="queued", map__isnull=False),
                name="step_items_ready",
            ),
            # Only what waits in line is in it.
            models.Index(
                fields=["lane"], condition=Q(reason__in=["lane", "budget"]), name="step_parked"
            ),
            # What failed alike, and what stands still.
            models.Index(
                KeyTextTransform("fingerprint", "error"),
                "run",
                condition=Q(state__in=["failed", "attention"]),
                name="step_failed_alike",
            ),
        ]

    def __str__(self) -> str:
        return self.name if self.item is None else f"{self.name}[{self.item}]"

    @property
    def idempotency_key(self) -> str:
        """The same for every attempt: what an `idempotent` or `once` call sends along."""
        return f"{self.run_id}:{self}"
