"""Model calls: the ledger, row by row."""

from __future__ import annotations

from typing import Any, ClassVar

from django.contrib import admin
from django.db.models import F, QuerySet
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString

from aiops.admin.content import ShowsContent
from aiops.admin.history import HistoryAdmin, column
from aiops.admin.page import cells
from aiops.admin.page.amounts import length
from aiops.admin.page.words import Look
from aiops.execution import looking
from aiops.models import CallOutcome, Capture, ModelCall
from aiops.models.budget import dollars
from aiops.providers.routes import WHEN

_LOOKS: dict[str, tuple[str, str]] = {
    CallOutcome.OPEN: ("sync", "blue"),
    CallOutcome.ANSWERED: ("check_circle", "green"),
    CallOutcome.REUSED: ("replay", "teal"),
    CallOutcome.LOST: ("link_off", "orange"),
    CallOutcome.AMBIGUOUS: ("help", "orange"),
    CallOutcome.RATE_LIMITED: ("hourglass_top", "slate"),
    CallOutcome.CANCELLED: ("block", "slate"),
}


def look(outcome: str) -> Look:
    return Look(str(CallOutcome(outcome).label), *_LOOKS.get(outcome, ("error", "red")))


@admin.register(ModelCall)
class ModelCallAdmin(ShowsContent, HistoryAdmin):
    look = staticmethod(looking.at_call)
    row_key = "int"
    change_form_outer_after_template = "console/parts/reveal_row.html"
    list_display = (
        *("step_told", "state", "asked_model", "tokens", "cost", "took", "text", "started_at"),
    )
    list_filter = ("outcome", "purpose", "kind", "cost_source", "is_uncertain", "started_at")
    list_filter_submit = True
    list_select_related = ()
    search_fields = ("request_id",)
    search_help_text = "The provider's request id, as a whole or its beginning"
    id_fields = ("run", "step")
    ordering = ("-started_at",)

    class Media:
        css: ClassVar = {"all": ("console/console.css",)}

    shown: ClassVar = (
        (
            None,
            {
                "fields": (
                    *(
                        "run",
                        "step",
                        "item",
                        "attempt",
                        "workflow",
                        "tenant",
                        "alias",
                        "route",
                        "because",
                    ),
                    *(
                        "lane",
                        "asked_model",
                        "model",
                        "kind",
                        "purpose",
                        "outcome",
                        "finish_reason",
                    ),
                )
            },
        ),
        (
            "What it used",
            {
                "fields": (
                    *("tokens_in", "tokens_cached", "tokens_out", "tokens_reasoning", "cost"),
                    *("cost_source", "is_uncertain", "reserved_microusd", "queue_s", "provider_s"),
                    *("started_at", "finished_at", "request_id", "prompt_hash", "template", "text"),
                )
            },
        ),
    )

    @column("step", ordering="step_name")
    def step_told(self, call: ModelCall) -> SafeString:
        item = "" if call.item is None else f"[{call.item}]"
        return format_html(
            '<span class="cx-cell"><b>{}{}</b><small>{}, attempt {}, {}{}</small></span>',
            *(call.step_name, item, call.workflow, call.attempt),
            call.get_purpose_display().lower(),
            f"; instead of {call.alias}: {WHEN.get(call.because, call.because)}"
            if call.route
            else "",
        )

    @column("outcome", ordering="outcome")
    def state(self, call: ModelCall) -> SafeString:
        return cells.chip(look(call.outcome))

    @column("tokens")
    def tokens(self, call: ModelCall) -> str:
        if call.tokens_in is None:
            return "not known" if call.outcome != CallOutcome.REUSED else "none"
        return f"{call.tokens_in:,} in, {call.tokens_out or 0:,} out"

    @column("cost", ordering="cost_microusd")
    def cost(self, call: ModelCall) -> str:
        if call.cost_microusd is None:
            return "not known"
        return f"{'up to ' if call.is_uncertain else ''}{dollars(call.cost_microusd)}"

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        # A join for one word; the text itself is not read.
        found: QuerySet[Any] = super().get_queryset(request).annotate(kept=F("content__policy"))
        return found

    @column("text")
    def text(self, call: ModelCall) -> str:
        if call.outcome == CallOutcome.REUSED:
            return "with the call it used again"
        kept = getattr(call, "kept", None)
        return f"kept, {kept}" if kept in (Capture.REDACTED, Capture.FULL) else "not kept"

    @column("took")
    def took(self, call: ModelCall) -> str:
        return "" if call.provider_s is None else length(call.provider_s)
