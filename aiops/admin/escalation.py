"""Escalations: the inbox, and the page of one request."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import URLPattern, path, reverse
from django.utils import timezone

from aiops.admin.content import ShowsContent
from aiops.admin.history import HistoryAdmin
from aiops.admin.page import inbox
from aiops.admin.page import request as request_page
from aiops.admin.page.amounts import count
from aiops.admin.page.inbox import Wanted
from aiops.execution import hand_over, looking, offers
from aiops.models import Escalation

#: At most so many are taken with one click.
MOST_CLAIMED = 100


@admin.register(Escalation)
class EscalationAdmin(ShowsContent, HistoryAdmin):
    """Both pages only show; what changes something goes through a plan, or is a claim."""

    look = staticmethod(looking.at_question)
    search_fields = ("question", "owner")
    id_fields = ("id", "run_id")
    heavy = ("shows",)

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        return [
            # Before the page of one row, whose pattern takes everything.
            path("live/", view(self.live_list_view), name="aiops_inbox_live"),
            path("claim/", view(self.claim_view), name="aiops_inbox_claim"),
            path("<uuid:asked_id>/live/", view(self.live_view), name="aiops_escalation_live"),
            *super().get_urls(),
        ]

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        self._refuse_stranger(request)
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": "Inbox",
            "is_fullwidth": "1",
            **self._list(request),
        }
        return render(request, "console/inbox.html", context)

    def live_list_view(self, request: HttpRequest) -> HttpResponse:
        """The list as it is now; nothing (204) while it is the one that is shown."""
        if request.GET.get("v") == self._list_version(request):
            return HttpResponse(status=204)
        self._refuse_stranger(request)
        return render(request, "console/parts/inbox_body.html", self._list(request))

    def claim_view(self, request: HttpRequest) -> HttpResponse:
        """Take those of the chosen questions that nobody has."""
        self._refuse_stranger(request)
        if request.method != "POST":
            raise PermissionDenied
        needed = offers.permission("claim", answers_a_question=True)
        if not request.user.has_perm(needed):
            raise PermissionDenied(offers.missing(needed))
        chosen = [UUID(one) for one in request.POST.getlist("chosen") if _is_id(one)]
        taken, left = hand_over.take_many(chosen[:MOST_CLAIMED], actor=request.user.get_username())
        _tell(request, taken, left)
        query = Wanted.of(request.GET).query
        return HttpResponseRedirect(f"{reverse('admin:aiops_escalation_changelist')}?{query}")

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """The page of a request. It only shows."""
        if request.method not in ("GET", "HEAD"):
            raise PermissionDenied
        self._refuse_stranger(request)
        asked = request_page.look_at(UUID(object_id)) if _is_id(object_id) else None
        if asked is None:
            raise Http404(f"There is no request {object_id}")
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "original": asked,
            "title": asked.question,
            "is_fullwidth": "1",
            **self._request(request, asked),
        }
        return render(request, "console/request.html", context)

    def live_view(self, request: HttpRequest, asked_id: UUID) -> HttpResponse:
        """What changes of the page; nothing (204) while its version is the one that is shown."""
        asked = request_page.look_at(asked_id)
        if asked is not None and request.GET.get("v") == self._version(request, asked):
            return HttpResponse(status=204)
        self._refuse_stranger(request)
        if asked is None:
            raise Http404(f"There is no request {asked_id}")
        return render(request, "console/parts/request_body.html", self._request(request, asked))

    def _list(self, request: HttpRequest) -> dict[str, Any]:
        user = request.user
        return {
            **inbox.build(Wanted.of(request.GET), user.get_username(), timezone.now()),
            "version": self._list_version(request),
            "may_claim": user.has_perm(offers.permission("claim", answers_a_question=True)),
        }

    def _list_version(self, request: HttpRequest) -> str:
        query = Wanted.of(request.GET).query
        return inbox.version(request.user.pk or 0, query, timezone.now())

    def _request(self, request: HttpRequest, asked: Escalation) -> dict[str, Any]:
        user = request.user
        return {
            **request_page.build(asked, user.get_username(), user.has_perm),
            "version": self._version(request, asked),
        }

    def _version(self, request: HttpRequest, asked: Escalation) -> str:
        return request_page.version(asked, request.user.pk or 0, timezone.now())

    def _refuse_stranger(self, request: HttpRequest) -> None:
        if not self.has_view_permission(request):
            raise PermissionDenied


def _tell(request: HttpRequest, taken: int, left: int) -> None:
    """How many are now theirs, and how many somebody else was first for."""
    if taken:
        messages.success(request, f"You have taken {count(taken, 'request')}.")
    if left:
        other = "has somebody or is" if left == 1 else "have somebody or are"
        messages.warning(request, f"{count(left, 'request')} {other} answered by now: left alone.")
    if not taken and not left:
        messages.warning(request, "Tick the requests first. Nothing was changed.")


def _is_id(text: str) -> bool:
    try:
        UUID(text)
    except ValueError:
        return False
    return True
