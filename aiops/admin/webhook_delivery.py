"""Deliveries of webhooks: what was sent, what was answered, and sending it again."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import URLPattern, path, reverse
from django.utils import timezone

from aiops.admin.history import VIEW_PAYLOAD, HistoryAdmin
from aiops.admin.page import asked, webhooks
from aiops.admin.page.amounts import count
from aiops.admin.page.asked import Asked
from aiops.admin.webhook import REPLAY, SINCE
from aiops.execution.resume import NotPossible
from aiops.models import WebhookDelivery, WebhookEndpoint
from aiops.webhooks import configure

#: An address holds so many ids.
MOST_CHOSEN = 200


@admin.register(WebhookDelivery)
class WebhookDeliveryAdmin(HistoryAdmin):
    list_display = ("kind", "state", "made_at")
    id_fields = ()

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.replay_view)
        # Before the page of one row, whose pattern takes everything.
        return [path("replay/", view, name="aiops_webhookdelivery_replay"), *super().get_urls()]

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        if not self.has_view_permission(request):
            raise PermissionDenied
        wanted = webhooks.Wanted.of(request.GET)
        found = webhooks.deliveries(wanted)
        shown = found[: webhooks.PER_PAGE]
        older = wanted.query(before=shown[-1].one.pk) if len(found) > len(shown) else ""
        return self._page(
            request,
            "webhook_deliveries.html",
            title="Deliveries",
            wanted=wanted,
            deliveries=shown,
            older=older,
            newest=wanted.query(before=""),
            may_replay=request.user.has_perm(REPLAY),
            **webhooks.choices(),
        )

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        if not self.has_view_permission(request) or request.method == "POST":
            raise PermissionDenied
        found = WebhookDelivery.objects.select_related("endpoint", "run")
        one = found.filter(id=int(object_id)).first() if _is_id(object_id) else None
        if one is None:
            raise Http404(f"There is no delivery {object_id}")
        can_read = request.user.has_perm(VIEW_PAYLOAD)
        return self._page(
            request,
            "webhook_delivery.html",
            title=one.kind,
            original=one,
            one=one,
            sent=webhooks.sent(one),
            envelope=webhooks.envelope_shown(one),
            attempts=webhooks.attempts(one),
            # Who got a result may say it back.
            excerpt=one.excerpt if can_read or not one.endpoint.gives_result else "",
            hides_excerpt=bool(one.excerpt) and one.endpoint.gives_result and not can_read,
            can_replay=request.user.has_perm(REPLAY)
            and one.state in configure.OVER
            and not one.endpoint.is_removed,
        )

    def replay_view(self, request: HttpRequest) -> HttpResponse:
        """GET counts what would be sent again; POST does it."""
        if not request.user.has_perm(REPLAY):
            raise PermissionDenied(REPLAY)
        chosen = _chosen(request)
        question = _question(request, chosen)
        if request.method != "POST":
            return asked.asked(request, self.admin_site, question)
        if request.POST.get("fingerprint", "") != question.fingerprint:
            told = "It has changed since you looked: look again, then decide. Nothing was sent."
            return asked.asked(request, self.admin_site, question, error=told, status=409)
        reason = request.POST.get("reason", "").strip()
        actor = request.user.get_username()
        try:
            if not reason:
                raise NotPossible("say why: it stands in the record")
            number = configure.replay(chosen.found, actor=actor, reason=reason)
        except NotPossible as error:
            told = f"{str(error)[:1].upper()}{str(error)[1:]}. Nothing was sent."
            return asked.asked(request, self.admin_site, question, error=told)
        messages.success(request, f"Done: {count(number, 'message')} will be sent again.")
        return asked.led_to(request, question.back)

    def _page(self, request: HttpRequest, template: str, **context: Any) -> HttpResponse:
        shell = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "is_fullwidth": "1",
            **context,
        }
        return render(request, f"console/{template}", shell)


@dataclass(frozen=True, slots=True)
class Chosen:
    """What is to be sent again, and how it was chosen."""

    found: list[WebhookDelivery]
    told: str
    back: str
    #: How many of those that were chosen cannot be sent again.
    left_out: int = 0


def _chosen(request: HttpRequest) -> Chosen:
    if "since" in request.GET:
        return _failed_since(request)
    ids = [int(text) for text in request.GET.getlist("id") if _is_id(text)][:MOST_CHOSEN]
    rows = list(
        WebhookDelivery.objects.select_related("endpoint").filter(id__in=ids).order_by("id")
    )
    found = [one for one in rows if one.state in configure.OVER and not one.endpoint.is_removed]
    one = found[0] if len(found) == 1 else None
    back = reverse("admin:aiops_webhookdelivery_changelist")
    if one is not None:
        back = reverse("admin:aiops_webhookdelivery_change", args=[one.pk])
    names = ", ".join(sorted({one.endpoint.name for one in found}))
    return Chosen(found, f"To {names}" if names else "", back, left_out=len(ids) - len(found))


def _failed_since(request: HttpRequest) -> Chosen:
    hours = dict(SINCE)
    try:
        endpoint = WebhookEndpoint.objects.get(id=UUID(request.GET.get("endpoint", "")))
        words = hours[request.GET["since"]]
    except (WebhookEndpoint.DoesNotExist, ValueError, KeyError):
        raise Http404("There is no such webhook, or no such time") from None
    since = timezone.now() - timedelta(hours=int(request.GET["since"]))
    back = reverse("admin:aiops_webhookendpoint_change", args=[endpoint.id])
    found = configure.failed_since(endpoint, since)
    return Chosen(found, f"To {endpoint.name}: what was given up in {words}", back)


def _question(request: HttpRequest, chosen: Chosen) -> Asked:
    number = count(len(chosen.found), "message")
    notes = [
        f"{number} will be sent again, in order, each under the id that it had: a receiver that "
        "has it already drops it.",
        "Its status is what the user sees when it is sent, not what it was.",
    ]
    if chosen.left_out:
        notes.append(
            f"{count(chosen.left_out, 'message')} of the chosen is left out: what waits comes by "
            "itself, and to a removed webhook nothing is sent."
        )
    refused = "" if chosen.found else "There is nothing to send again: what waits comes by itself."
    return Asked(
        title="Send again?",
        button=f"Send {number} again",
        verb="replay",
        tone="primary",
        about=chosen.told,
        back=chosen.back,
        action=request.get_full_path(),
        icon="replay",
        notes=tuple(notes) if chosen.found else (),
        needs_reason=True,
        # What is sent is what was counted.
        fingerprint=f"replay-{len(chosen.found)}-{chosen.found[-1].pk if chosen.found else 0}",
        refused=refused,
    )


def _is_id(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= 18
