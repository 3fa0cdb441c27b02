"""Nodes: the worker and keeper processes, as they last reported themselves."""

from __future__ import annotations

from datetime import timedelta

from django.contrib import admin
from django.utils import timezone
from django.utils.safestring import SafeString

from aiops.admin.history import HistoryAdmin, as_text, column
from aiops.models import Node
from aiops.upkeep.doctor import SILENT_S


@admin.register(Node)
class NodeAdmin(HistoryAdmin):
    list_display = ("name", "role", "pool", "alive", "is_leader", "seen_at", "skew_s")
    list_filter = ("role", "pool")
    search_fields = ("name", "host")
    id_fields = ()
    exact_fields = ("name", "host")
    ordering = ("role", "name")
    shown = (
        (
            None,
            {
                "fields": (
                    *("name", "role", "pool", "alive", "is_leader", "host", "pid"),
                    *("started_at", "seen_at", "skew_s", "counters_shown"),
                )
            },
        ),
    )

    @column("alive", is_yes_or_no=True)
    def alive(self, node: Node) -> bool:
        return node.seen_at > timezone.now() - timedelta(seconds=SILENT_S)

    @column("messages that did nothing")
    def counters_shown(self, node: Node) -> SafeString:
        return as_text(node.counters)
