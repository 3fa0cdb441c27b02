"""Queues and workers: what waits, who works on it, and what is paused."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import URLPattern, path
from django.utils import timezone
from django.utils.safestring import SafeString

from aiops.admin.history import HistoryAdmin, as_text, column
from aiops.admin.page import queues
from aiops.admin.pause import PERMISSION
from aiops.models import Node


@admin.register(Node)
class NodeAdmin(HistoryAdmin):
    id_fields = ()
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

    def get_urls(self) -> list[URLPattern]:
        live = self.admin_site.admin_view(self.live_view)
        # Before the page of one row, whose pattern takes everything.
        return [path("live/", live, name="aiops_node_live"), *super().get_urls()]

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        self._refuse_stranger(request)
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": "Queues & workers",
            "is_fullwidth": "1",
            **self._context(request),
        }
        return render(request, "console/queues.html", context)

    def live_view(self, request: HttpRequest) -> HttpResponse:
        """What changes of the page; nothing (204) while its version is the one that is shown."""
        # Nobody can make a version without having been shown that page.
        if request.GET.get("v") == queues.version(request.user.pk or 0):
            return HttpResponse(status=204)
        self._refuse_stranger(request)
        return render(request, "console/parts/queues_body.html", self._context(request))

    def _context(self, request: HttpRequest) -> dict[str, Any]:
        return {
            # Before what it is the version of: a change in between is seen by the next poll.
            "version": queues.version(request.user.pk or 0),
            "may_pause": request.user.has_perm(PERMISSION),
            **queues.build(),
        }

    def _refuse_stranger(self, request: HttpRequest) -> None:
        if not self.has_view_permission(request):
            raise PermissionDenied

    @column("alive", is_yes_or_no=True)
    def alive(self, node: Node) -> bool:
        return queues.is_alive(node, timezone.now())

    @column("messages that did nothing")
    def counters_shown(self, node: Node) -> SafeString:
        return as_text(node.counters)
