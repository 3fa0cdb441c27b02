"""An escalation: a question that only a person can answer."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.db.models.functions import Coalesce, Now

from aiops.models.ids import new_id
from aiops.models.run import Run
from aiops.models.step import Step


class EscalationKind(models.TextChoices):
    APPROVAL = "approval", "Approval"
    IN_DOUBT = "in_doubt", "May have happened"
    RETRIES_USED_UP = "retries_used_up", "Retries used up"
    BUG = "bug", "Unexpected error"
    BAD_OUTPUT = "bad_output", "Unusable answers"
    WAITED_TOO_LONG = "waited_too_long", "Held up too long"
    ITEMS_FAILED = "items_failed", "Too many items failed"
    EVENT_MISSING = "event_missing", "The event did not come"
    CHILD_FAILED = "child_failed", "Its child run failed"
    LOST = "lost", "Lost three workers"
    LANE = "lane", "The provider refuses"
    BUDGET = "budget", "Over budget"
    QUESTION = "question", "The step asks"
    CODE_GONE = "code_gone", "Its code is gone"
    BY_HAND = "by_hand", "Asked by a person"
    WEBHOOK = "webhook", "A receiver takes nothing"
    PROMISE = "promise", "A promise was not kept"


#: Questions about what a run has caused outside; its end does not answer them.
OUTLIVES_ITS_RUN: tuple[str, ...] = (EscalationKind.WEBHOOK, EscalationKind.PROMISE)


class EscalationState(models.TextChoices):
    OPEN = "open", "Open"
    ANSWERED = "answered", "Answered"
    CLOSED = "closed", "Closed: its cause is gone"


class Severity(models.TextChoices):
    """How much depends on the answer. Sorted by `SEVERITIES`."""

    LOW = "low", "Low"
    NORMAL = "normal", "Normal"
    HIGH = "high", "High"
    CRITICAL = "critical", "Critical"


#: The most urgent first.
SEVERITIES: tuple[str, ...] = (
    Severity.CRITICAL,
    Severity.HIGH,
    Severity.NORMAL,
    Severity.LOW,
)


class Escalation(models.Model):
    """A question with an owner, a due time and the answers that are allowed."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="escalations")
    step = models.ForeignKey(
        Step, null=True, blank=True, on_delete=models.CASCADE, related_name="escalations"
    )
    kind = models.CharField(max_length=16, choices=EscalationKind.choices)
    question = models.CharField(max_length=500)
    #: What the person is shown, and its hash: an answer is bound to what was seen.
    shows = models.JSONField(null=True, blank=True)
    shown_hash = models.CharField(max_length=64, blank=True, default="")
    answers = models.JSONField(default=list)
    severity = models.CharField(max_length=10, choices=Severity.choices, default=Severity.NORMAL)
    #: Who has it: a person, and the group of people that it is for; "" for anyone.
    owner = models.CharField(max_length=150, blank=True, default="")
    group = models.CharField(max_length=150, blank=True, default="")
    #: How many different people must approve, and those who have: [{"by", "at", "note"}, ...].
    people = models.SmallIntegerField(default=1)
    approvals = models.JSONField(default=list)
    #: Who may not approve: the one who started the run, where the workflow says so.
    not_by = models.CharField(max_length=150, blank=True, default="")
    opened_at = models.DateTimeField(db_default=Now())
    due_at = models.DateTimeField(null=True, blank=True)
    #: When somebody is reminded next, how often that happened, and how often it was handed up.
    remind_at = models.DateTimeField(null=True, blank=True)
    reminders = models.SmallIntegerField(default=0)
    level = models.SmallIntegerField(default=0)
    #: What happens when nobody answers in time: "wait", "approve" or "reject".
    if_nobody = models.CharField(max_length=10, default="wait")
    state = models.CharField(
        max_length=10, choices=EscalationState.choices, default=EscalationState.OPEN
    )
    answer = models.CharField(max_length=20, blank=True, default="")
    note = models.TextField(blank=True, default="")
    answered_by = models.CharField(max_length=150, blank=True, default="")
    answered_at = models.DateTimeField(null=True, blank=True)
    #: When and why it closed without an answer: its cause is gone.
    closed_at = models.DateTimeField(null=True, blank=True)
    closed_why = models.CharField(max_length=200, blank=True, default="")

    class Meta:
        verbose_name_plural = "inbox"
        constraints = [
            models.UniqueConstraint(
                fields=["step"], condition=Q(state="open"), name="escalation_one_open_per_step"
            ),
            models.CheckConstraint(
                condition=~Q(state="answered") | (~Q(answer="") & Q(answered_at__isnull=False)),
                name="escalation_answered_has_answer",
            ),
        ]
        indexes = [
            models.Index(fields=["due_at"], condition=Q(state="open"), name="escalation_due"),
            models.Index(fields=["remind_at"], condition=Q(state="open"), name="escalation_remind"),
            models.Index(fields=["run", "state"], name="escalation_of_run"),
            models.Index(fields=["state", "opened_at"], name="escalation_by_state"),
            models.Index(
                Coalesce("answered_at", "closed_at").desc(),
                condition=~Q(state="open"),
                name="escalation_resolved",
            ),
        ]
        permissions = [("decide_escalation", "Answer an escalation")]

    def __str__(self) -> str:
        return self.question
