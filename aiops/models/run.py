"""A run: one execution of a workflow on one input."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

from aiops.models.ids import new_id
from aiops.models.workflow import WorkflowVersion


class RunState(models.TextChoices):
    """Where a run stands. The labels are the words shown everywhere."""

    QUEUED = "queued", "Queued"
    RUNNING = "running", "Running"
    RETRYING = "retrying", "Retrying"
    WAITING = "waiting", "Waiting"
    ATTENTION = "attention", "Needs attention"
    FAILED = "failed", "Failed"
    CANCELLING = "cancelling", "Cancelling"
    CANCELLED = "cancelled", "Cancelled"
    SUCCEEDED = "succeeded", "Succeeded"
    PARTIAL = "partial", "Succeeded with skips"


#: States in which nothing more happens by itself. A failed run may be resumed by a retry.
ENDED: tuple[str, ...] = (
    RunState.FAILED,
    RunState.CANCELLED,
    RunState.SUCCEEDED,
    RunState.PARTIAL,
)


class Priority(models.TextChoices):
    INTERACTIVE = "interactive", "Someone is waiting for it"
    BATCH = "batch", "May wait until there is room"


class Run(models.Model):
    """One execution of a workflow on one input."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    workflow = models.CharField(max_length=100)
    version = models.ForeignKey(WorkflowVersion, on_delete=models.PROTECT)
    tenant = models.CharField(max_length=100, default="default")
    #: The caller's name for this piece of work; with `turn`, at most one run each.
    key = models.CharField(max_length=200, null=True, blank=True)  # noqa: DJ001  # no key is not ""
    #: 1 for the first run of a key; higher when a later start replaced it or queued behind it.
    turn = models.PositiveIntegerField(default=1)
    title = models.CharField(max_length=200, blank=True, default="")
    priority = models.CharField(
        max_length=12, choices=Priority.choices, default=Priority.INTERACTIVE
    )
    started_by = models.CharField(max_length=150, blank=True, default="")
    metadata = models.JSONField(default=dict, blank=True)

    state = models.CharField(max_length=12, choices=RunState.choices, default=RunState.QUEUED)
    #: Why it is in this state, in one sentence.
    reason = models.CharField(max_length=300, blank=True, default="")
    since = models.DateTimeField(db_default=Now())
    paused_at = models.DateTimeField(null=True, blank=True)
    cancel_requested_at = models.DateTimeField(null=True, blank=True)
    deadline_at = models.DateTimeField(null=True, blank=True)
    #: The run whose end this one waits for (policy "queue" of a key).
    after = models.ForeignKey(
        "self", null=True, blank=True, on_delete=models.SET_NULL, related_name="queued_behind"
    )

    input = models.JSONField(null=True, blank=True)
    input_ref = models.CharField(max_length=200, blank=True, default="")
    #: SHA-256 of the canonical input: tells a repeated start from a reused key.
    input_hash = models.CharField(max_length=64)
    error = models.JSONField(null=True, blank=True)

    #: The step of another run that started this one and waits for it.
    parent_step = models.ForeignKey(
        "aiops.Step", null=True, blank=True, on_delete=models.SET_NULL, related_name="children"
    )
    replay_of = models.ForeignKey(
        "self", null=True, blank=True, on_delete=models.SET_NULL, related_name="replays"
    )
    created_at = models.DateTimeField(db_default=Now())
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    #: False on a run that `start_run` found by its key instead of starting it.
    is_new: bool = False

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["workflow", "tenant", "key", "turn"],
                condition=Q(key__isnull=False),
                name="run_one_per_key",
            ),
            models.CheckConstraint(
                condition=Q(state__in=RunState.values), name="run_state_is_known"
            ),
            models.CheckConstraint(
                condition=Q(state__in=ENDED, finished_at__isnull=False)
                | (~Q(state__in=ENDED) & Q(finished_at__isnull=True)),
                name="run_finished_at_when_ended",
            ),
            models.CheckConstraint(
                condition=~Q(state=RunState.CANCELLING) | Q(cancel_requested_at__isnull=False),
                name="run_cancelling_was_asked",
            ),
        ]
        indexes = [
            models.Index(F("created_at").desc(), name="run_newest"),
            models.Index(fields=["workflow", "created_at"], name="run_by_workflow"),
            models.Index(fields=["tenant", "created_at"], name="run_by_tenant"),
            models.Index(fields=["state", "since"], name="run_by_state"),
            models.Index(
                fields=["deadline_at"],
                condition=Q(deadline_at__isnull=False, finished_at__isnull=True),
                name="run_deadline",
            ),
        ]
        permissions = [
            ("start_run", "Start a run"),
            ("retry_run", "Retry, resume, pause or replay a run"),
            ("cancel_run", "Cancel a run"),
            ("skip_step", "Skip a step or supply its result by hand"),
            ("override_safety", "Retry where the verdict is Check first"),
            ("view_payload", "See inputs, prompts and results"),
        ]

    def __str__(self) -> str:
        return self.title or f"{self.workflow} {self.id}"

    @property
    def is_ended(self) -> bool:
        return self.state in ENDED
