"""Runs: the list and the page."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.contrib.admin.views.main import ChangeList
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString

from aiops.admin.history import (
    HistoryAdmin,
    HistoryInline,
    as_text,
    column,
    error_text,
    list_of,
    page_of,
)
from aiops.execution import facts, judge
from aiops.execution.retry_price import price_of_run
from aiops.models import Escalation, Run, Step


class StepInline(HistoryInline):
    """The steps of the plan; a map's items have a list of their own."""

    model = Step
    fk_name = "run"
    fields = ("step", "state", "kind", "effect", "reason", "since", "until", "worker", "items")
    verbose_name_plural = "Steps"

    def get_queryset(self, request: HttpRequest) -> QuerySet[Step]:
        found: QuerySet[Step] = super().get_queryset(request)
        return (
            found.filter(map__isnull=True)
            .defer("result", "item_value", "error", "progress")
            .order_by("id")
        )

    @column("step")
    def step(self, step: Step) -> SafeString:
        return page_of("step", step.pk, step.name)

    @column("items")
    def items(self, step: Step) -> SafeString | str:
        return list_of("step", "items", map__id__exact=step.pk) if step.kind == "map" else "–"


class EscalationInline(HistoryInline):
    """What people are, or were, asked about this run."""

    model = Escalation
    fields = ("asked", "kind", "state", "owner", "due_at", "answer", "answered_by", "answered_at")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Escalation]:
        found: QuerySet[Escalation] = super().get_queryset(request)
        return found.defer("shows").order_by("-opened_at")

    @column("question")
    def asked(self, escalation: Escalation) -> SafeString:
        return page_of("escalation", escalation.pk, escalation.question)


class Judged(ChangeList):
    """A page of runs with their verdicts, read in one query."""

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        verdicts = judge.verdicts_of([run.pk for run in self.result_list])
        for run in self.result_list:
            run.verdict_shown = verdicts.get(run.pk)


@admin.register(Run)
class RunAdmin(HistoryAdmin):
    list_display = (
        *("told", "state_chip", "reason", "verdict_chip", "workflow", "since", "created_at", "id"),
    )
    list_filter = ("state", "workflow", "priority", "tenant", "created_at")
    list_filter_submit = True
    search_fields = ("title", "key", "started_by")
    search_help_text = "An id or its first 8 characters, a key, a title, or who started it"
    exact_fields = ("key",)
    heavy = ("input", "metadata", "error")
    ordering = ("-created_at",)
    inlines = (StepInline, EscalationInline)
    content = ("input_shown", "input_ref", "metadata_shown", "results")
    shown = (
        (
            None,
            {
                "fields": (
                    *("id", "state", "reason", "since", "verdict_told", "events"),
                    *("workflow", "version", "tenant", "key", "turn", "title", "priority"),
                )
            },
        ),
        (
            "Times",
            {
                "fields": (
                    *("created_at", "started_at", "finished_at", "deadline_at"),
                    *("paused_at", "cancel_requested_at"),
                )
            },
        ),
        (
            "Where it comes from",
            {"fields": ("started_by", "after", "replay_of", "parent_step")},
        ),
        ("Error", {"fields": ("error_shown",)}),
    )

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return Judged

    @column("run", ordering="created_at")
    def told(self, run: Run) -> str:
        return run.title or run.workflow

    @column("state", ordering="state", has_chip=True)
    def state_chip(self, run: Run) -> tuple[str, str]:
        return run.state, run.get_state_display()

    @column("retry", has_chip=True)
    def verdict_chip(self, run: Run) -> tuple[str, str] | None:
        judged = getattr(run, "verdict_shown", None)
        return (judged.key, judged.word) if judged else None

    @column("retry")
    def verdict_told(self, run: Run) -> SafeString:
        read = facts.load(run.pk)
        judged, price = judge.of_run(read), price_of_run(read)
        cost = "unknown" if price.cost_microusd is None else f"${price.cost_microusd / 1e6:.3f}"
        return format_html(
            "<strong>{}</strong>: {} A retry costs: {}. It keeps {} finished steps and {} items.",
            *(judged.word, judged.sentence, cost, price.keeps_steps, price.keeps_items),
        )

    @column("events")
    def events(self, run: Run) -> SafeString:
        return list_of("event", "all events of this run", run__id__exact=run.pk)

    @column("error")
    def error_shown(self, run: Run) -> SafeString:
        return error_text(run.error)

    @column("input")
    def input_shown(self, run: Run) -> SafeString:
        return as_text(run.input)

    @column("metadata")
    def metadata_shown(self, run: Run) -> SafeString:
        return as_text(run.metadata)

    @column("results")
    def results(self, run: Run) -> SafeString:
        """A link for each step that has one: results can be large."""
        done = Step.objects.filter(run=run, map__isnull=True, state="succeeded").order_by("id")
        links = [page_of("step", key, name) for key, name in done.values_list("id", "name")]
        return SafeString(", ".join(links) or "–")
