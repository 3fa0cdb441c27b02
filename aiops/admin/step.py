"""Steps, their items and their attempts."""

from __future__ import annotations

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString

from aiops.admin.compare import Compares
from aiops.admin.content import ShowsContent
from aiops.admin.history import (
    HistoryAdmin,
    HistoryInline,
    as_text,
    column,
    error_text,
    list_of,
    page_of,
)
from aiops.execution import looking
from aiops.models import Attempt, Step


class AttemptInline(HistoryInline):
    """How often it was tried, and how each try ended."""

    model = Attempt
    fk_name = "step"
    fields = (
        *("attempt", "outcome", "sent", "started_at", "finished_at", "worker", "cost_microusd"),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Attempt]:
        found: QuerySet[Attempt] = super().get_queryset(request)
        return found.defer("error").order_by("-number")

    @column("attempt")
    def attempt(self, attempt: Attempt) -> SafeString:
        return page_of("attempt", attempt.pk, str(attempt.number))


@admin.register(Step)
class StepAdmin(Compares, ShowsContent, HistoryAdmin):
    look = staticmethod(looking.at_step)
    change_form_outer_after_template = "console/parts/reveal_row.html"
    list_display = ("__str__", "run_id", "state_chip", "reason", "since", "until", "worker")
    list_filter = ("state", "kind", "pool", "effect")
    list_filter_submit = True
    search_fields = ("name",)
    search_help_text = "A name, or the id of a step or a run"
    id_fields = ("id", "run_id")
    heavy = ("result", "item_value", "error", "progress", "history")
    ordering = ("-id",)
    inlines = (AttemptInline,)
    shown = (
        (
            None,
            {
                "fields": (
                    *("id", "run", "name", "state", "reason", "since", "until", "wake_at"),
                    *("kind", "pool", "effect", "in_doubt", "key", "items", "map", "item"),
                )
            },
        ),
        (
            "The worker",
            {"fields": ("worker", "task_id", "lease_until", "dispatch_due", "dispatches")},
        ),
        (
            "Its past",
            {
                "fields": (
                    *("started_at", "finished_at", "tries", "losses", "history_shown"),
                    *("epoch", "fence", "copied_from", "error_shown"),
                )
            },
        ),
    )

    @column("state", ordering="state", has_chip=True)
    def state_chip(self, step: Step) -> tuple[str, str]:
        return step.state, step.get_state_display()

    @column("idempotency key")
    def key(self, step: Step) -> str:
        return step.idempotency_key

    @column("items")
    def items(self, step: Step) -> SafeString | str:
        return list_of("step", "its items", map__id__exact=step.pk) if step.kind == "map" else "–"

    @column("history")
    def history_shown(self, step: Step) -> SafeString:
        return as_text(step.history)

    @column("error")
    def error_shown(self, step: Step) -> SafeString:
        return error_text(step.error)


@admin.register(Attempt)
class AttemptAdmin(HistoryAdmin):
    list_display = ("step", "number", "outcome_chip", "sent", "started_at", "finished_at", "worker")
    list_filter = ("outcome", "sent")
    list_filter_submit = True
    list_select_related = ("step",)
    search_fields = ("worker", "task_id")
    search_help_text = "A worker, a Celery task, or the id of a step or a run"
    id_fields = ("step_id", "run_id")
    exact_fields = ("task_id",)
    heavy = ("error", "step__result", "step__item_value", "step__error", "step__progress")
    ordering = ("-id",)
    shown = (
        (
            None,
            {
                "fields": (
                    *("step", "run", "number", "epoch", "outcome", "sent"),
                    *("started_at", "finished_at", "worker", "task_id", "cost_microusd"),
                    "error_shown",
                )
            },
        ),
    )

    @column("outcome", ordering="outcome", has_chip=True)
    def outcome_chip(self, attempt: Attempt) -> tuple[str, str]:
        return attempt.outcome, attempt.get_outcome_display()

    @column("error")
    def error_shown(self, attempt: Attempt) -> SafeString:
        return error_text(attempt.error)
