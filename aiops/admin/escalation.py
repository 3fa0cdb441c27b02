"""Escalations: what people are asked."""

from __future__ import annotations

from django.contrib import admin
from django.utils.safestring import SafeString

from aiops.admin.history import HistoryAdmin, as_text, column
from aiops.models import Escalation


@admin.register(Escalation)
class EscalationAdmin(HistoryAdmin):
    list_display = ("question", "kind", "state_chip", "opened_at", "due_at", "owner", "run_id")
    list_filter = ("state", "kind", "owner")
    list_filter_submit = True
    search_fields = ("question", "owner")
    search_help_text = "A question, an owner, or the id of an escalation or a run"
    id_fields = ("id", "run_id")
    heavy = ("shows",)
    ordering = ("-opened_at",)
    content = ("shows_shown",)
    shown = (
        (
            None,
            {
                "fields": (
                    *("id", "question", "kind", "state", "run", "step"),
                    *("answers", "owner", "opened_at", "due_at", "if_nobody"),
                )
            },
        ),
        ("The answer", {"fields": ("answer", "note", "answered_by", "answered_at")}),
    )

    @column("state", ordering="state", has_chip=True)
    def state_chip(self, escalation: Escalation) -> tuple[str, str]:
        return escalation.state, escalation.get_state_display()

    @column("what the person is shown")
    def shows_shown(self, escalation: Escalation) -> SafeString:
        return as_text(escalation.shows)
