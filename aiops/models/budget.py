"""A budget: a limit on what model calls may cost, and what of it is spent and held back."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

from aiops.models.escalation import Escalation


class BudgetScope(models.TextChoices):
    RUN = "run", "Run"
    WORKFLOW = "workflow", "Workflow"
    TENANT = "tenant", "Tenant"
    ALL = "all", "Everything"


def dollars(microusd: int) -> str:
    """Dollars and cents; what is less than a cent keeps its digits."""
    if 0 < microusd < 10_000:
        return f"${microusd / 1e6:.6f}".rstrip("0")
    return f"${microusd / 1e6:,.2f}"


class Budget(models.Model):
    """A limit, and what is used of it.

    A run's budget is for the whole run. The others are for a day each (UTC): the row of a day is made
    at its first call, with the limit of the row without a day if there is one, else that of the settings.
    Moves go through `models/budget_moves.py`.
    """

    scope = models.CharField(max_length=10, choices=BudgetScope.choices)
    #: The run's id, the workflow's or the tenant's name; "" for everything.
    name = models.CharField(max_length=100, blank=True, default="")
    #: The day that it is for; null for a run, and for the limit that every further day begins with.
    day = models.DateField(null=True, blank=True)
    limit_microusd = models.BigIntegerField()
    spent_microusd = models.BigIntegerField(default=0)
    #: Held back for calls that are on their way.
    reserved_microusd = models.BigIntegerField(default=0)
    #: Who raised (or set) the limit last, when and why; "" for the declaration.
    raised_by = models.CharField(max_length=150, blank=True, default="")
    raised_at = models.DateTimeField(null=True, blank=True)
    why = models.CharField(max_length=300, blank=True, default="")
    created_at = models.DateTimeField(db_default=Now())
    #: The one open question about it.
    question = models.ForeignKey(
        Escalation, null=True, blank=True, on_delete=models.SET_NULL, related_name="budgets"
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["scope", "name", "day"], nulls_distinct=False, name="budget_once"
            ),
            models.CheckConstraint(
                condition=Q(limit_microusd__gte=0) & Q(reserved_microusd__gte=0),
                name="budget_is_not_negative",
            ),
            models.CheckConstraint(
                condition=~Q(scope="run") | Q(day__isnull=True), name="budget_of_run_has_no_day"
            ),
        ]
        indexes = [
            models.Index(F("day").desc(nulls_last=True), "scope", name="budget_by_day"),
        ]
        permissions = [("raise_budget", "Raise a budget")]

    def __str__(self) -> str:
        name = self.name[:8] if self.scope == BudgetScope.RUN else self.name
        whose = f"{self.get_scope_display().lower()} {name}".strip()
        return f"{whose} on {self.day:%d %b %Y}" if self.day else whose

    @property
    def left_microusd(self) -> int:
        """What a further call may reserve; below zero where calls cost more than was thought."""
        return self.limit_microusd - self.spent_microusd - self.reserved_microusd

    @property
    def is_standing(self) -> bool:
        """Whether it is no budget itself, but the limit of the days to come."""
        return self.day is None and self.scope != BudgetScope.RUN
