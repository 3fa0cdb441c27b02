"""A model call: one request to a provider, what it used and what it cost."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from aiops.models.run import Run
from aiops.models.step import Step


class CallOutcome(models.TextChoices):
    """How a call ended: an answer, or the word of the failure (see `aiops.flow.errors`)."""

    OPEN = "open", "On its way"
    ANSWERED = "answered", "Answered"
    REUSED = "reused", "Used again, not asked"
    LOST = "lost", "Lost with its worker"
    TRANSIENT = "transient", "Failed, may work in a moment"
    RATE_LIMITED = "rate_limited", "Rate limited"
    AMBIGUOUS = "ambiguous", "No answer came"
    BAD_OUTPUT = "bad_output", "Unusable answer"
    PERMANENT_INPUT = "permanent_input", "Refused for good"
    LANE_STOPPED = "lane_stopped", "Refused by the provider"
    CANCELLED = "cancelled", "Stopped on request"
    BUG = "bug", "Broke off"


class CostSource(models.TextChoices):
    """Where the number in `cost_microusd` is from."""

    PROVIDER = "provider", "The provider said it"
    TABLE = "table", "Tokens used, times a price"
    ESTIMATED = "estimated", "What it may have used at most, times a price"
    UNKNOWN = "unknown", "No price is known"


class Purpose(models.TextChoices):
    """Why the call was made: what was paid before for the same step."""

    FIRST = "first", "For the first time"
    RETRY = "retry", "Again, after a failure"
    REPAIR = "repair", "Again, for a better answer"
    LOST = "lost", "Again, because the answer was lost"


class ModelCall(models.Model):
    """One request to a provider.

    A call that may cost money has its row, with what is reserved, before it leaves; the row is
    settled when the answer is there. A row that stays open is an uncertain spend, booked as such.
    """

    # Rows of a run leave together with it; a foreign key in the database costs a look-up per row.
    run = models.ForeignKey(
        Run,
        on_delete=models.CASCADE,
        related_name="model_calls",
        db_constraint=False,
        db_index=False,
    )
    step = models.ForeignKey(
        Step,
        on_delete=models.CASCADE,
        related_name="model_calls",
        db_constraint=False,
        db_index=False,
    )
    item = models.IntegerField(null=True, blank=True)
    #: The number of the attempt, which is its claim's fence.
    attempt = models.IntegerField()
    workflow = models.CharField(max_length=100)
    step_name = models.CharField(max_length=100)
    tenant = models.CharField(max_length=100)

    #: What the step asked for ("fast"), where it went, and who answered ("" when nobody did).
    alias = models.CharField(max_length=100)
    #: The alias that was asked instead, by a route of the settings, and the condition it was taken on.
    route = models.CharField(max_length=100, blank=True, default="")
    because = models.CharField(max_length=20, blank=True, default="")
    lane = models.CharField(max_length=200, blank=True, default="")
    asked_model = models.CharField(max_length=200)
    model = models.CharField(max_length=200, blank=True, default="")
    kind = models.CharField(max_length=10)
    purpose = models.CharField(max_length=10, choices=Purpose.choices, default=Purpose.FIRST)
    outcome = models.CharField(max_length=16, choices=CallOutcome.choices, default=CallOutcome.OPEN)
    #: Of everything that decides the answer; equal calls of one step have equal ones.
    fingerprint = models.CharField(max_length=32)
    prompt_hash = models.CharField(max_length=32, blank=True, default="")
    template = models.CharField(max_length=100, blank=True, default="")
    #: The call whose answer was used again.
    memo_of = models.BigIntegerField(null=True, blank=True)

    # None: not known.
    tokens_in = models.IntegerField(null=True, blank=True)
    tokens_cached = models.IntegerField(null=True, blank=True)
    tokens_out = models.IntegerField(null=True, blank=True)
    tokens_reasoning = models.IntegerField(null=True, blank=True)
    cost_microusd = models.BigIntegerField(null=True, blank=True)
    cost_source = models.CharField(
        max_length=10, choices=CostSource.choices, default=CostSource.UNKNOWN
    )
    #: The most that it may cost, held back from its budgets while it is open.
    reserved_microusd = models.BigIntegerField(null=True, blank=True)
    #: Whether nobody knows if it was billed: `cost_microusd` is then the most it can have been.
    is_uncertain = models.BooleanField(default=False)
    #: The budgets it is paid from.
    budgets = models.JSONField(default=list, blank=True)

    request_id = models.CharField(max_length=200, blank=True, default="")
    finish_reason = models.CharField(max_length=50, blank=True, default="")
    #: Seconds in line for the lane, and at the provider.
    queue_s = models.FloatField(null=True, blank=True)
    provider_s = models.FloatField(null=True, blank=True)
    started_at = models.DateTimeField(db_default=Now())
    finished_at = models.DateTimeField(null=True, blank=True)
    #: An open row is abandoned after this: its call has ended, one way or the other.
    over_at = models.DateTimeField()

    class Meta:
        indexes = [
            models.Index(fields=["step", "attempt"], name="call_of_attempt"),
            models.Index(fields=["run"], name="call_of_run"),
            models.Index(fields=["started_at"], name="call_by_time"),
            models.Index(fields=["tenant", "started_at"], name="call_by_tenant"),
            models.Index(fields=["workflow", "started_at"], name="call_by_workflow"),
            models.Index(fields=["over_at"], condition=Q(outcome="open"), name="call_open"),
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(outcome="open") | Q(finished_at__isnull=False),
                name="call_ended_has_time",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.alias}: {self.get_outcome_display()}"


class PaidAnswer(models.Model):
    """An answer that was paid for, kept while its step may need it again; never longer.

    Apart from the ledger, which is kept for years and holds no content.
    """

    call = models.OneToOneField(
        ModelCall,
        on_delete=models.CASCADE,
        primary_key=True,
        related_name="paid",
        db_constraint=False,
    )
    step = models.ForeignKey(
        Step, on_delete=models.CASCADE, related_name="paid_answers", db_constraint=False
    )
    answer = models.JSONField()

    def __str__(self) -> str:
        return f"the answer of call {self.call_id}"
