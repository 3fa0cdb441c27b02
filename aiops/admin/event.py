"""Events: what happened, and who did it."""

from __future__ import annotations

from django.contrib import admin
from django.utils.safestring import SafeString

from aiops.admin.history import HistoryAdmin, as_text, column
from aiops.models import Event


@admin.register(Event)
class EventAdmin(HistoryAdmin):
    list_display = ("kind", "run_id", "actor", "at")
    list_filter = ("kind", "actor")
    list_filter_submit = True
    search_fields = ("kind", "actor")
    search_help_text = "A kind, an actor, or the id of a run or a step"
    id_fields = ("run_id", "step")
    heavy = ("data",)
    ordering = ("-id",)
    shown = ((None, {"fields": ("id", "kind", "run", "step", "actor", "at", "data_shown")}),)

    @column("data")
    def data_shown(self, event: Event) -> SafeString:
        return as_text(event.data)
