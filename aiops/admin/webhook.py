"""Webhooks: how each endpoint does, making and changing one, and steering it by hand."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.cache import add_never_cache_headers

from aiops.admin.history import HistoryAdmin
from aiops.admin.page import asked, webhooks
from aiops.admin.page.amounts import count
from aiops.admin.page.asked import Asked
from aiops.admin.webhook_form import EndpointForm
from aiops.execution.resume import NotPossible
from aiops.models import DeliveryState, EndpointState, WebhookDelivery, WebhookEndpoint
from aiops.webhooks import configure, signing

CONFIGURE = "aiops.configure_webhook"
STEER = "aiops.steer_webhook"
REPLAY = "aiops.replay_delivery"

#: Verb -> the permission that it takes.
VERBS: dict[str, str] = {
    "pause": STEER,
    "resume": STEER,
    "test": STEER,
    "rotate": CONFIGURE,
    "remove": CONFIGURE,
}
#: How long an old secret signs beside the new one.
OVERLAPS = (("24", "24 hours"), ("1", "1 hour"), ("168", "7 days"), ("0", "Not at all"))
#: What was given up may be sent again since so many hours.
SINCE = (("1", "the last hour"), ("24", "the last day"), ("168", "the last week"))


@admin.register(WebhookEndpoint)
class WebhookEndpointAdmin(HistoryAdmin):
    list_display = ("name", "state", "since")

    def get_urls(self) -> list[URLPattern]:
        guarded = self.admin_site.admin_view
        # Before the page of one row, whose pattern takes everything.
        return [
            path("new/", guarded(self.new_view), name="aiops_webhook_new"),
            path("<uuid:id_>/edit/", guarded(self.edit_view), name="aiops_webhook_edit"),
            path("<uuid:id_>/do/<slug:verb>/", guarded(self.do_view), name="aiops_webhook_do"),
            *super().get_urls(),
        ]

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        if not self.has_view_permission(request):
            raise PermissionDenied
        return self._page(
            request, "webhooks.html", title="Webhooks", rows=webhooks.rows(), **_may(request)
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
        one = self._found(object_id)
        stands = webhooks.row(one)
        return self._page(
            request,
            "webhook.html",
            title=one.name,
            original=one,
            one=one,
            stands=stands,
            facts=webhooks.facts(one, stands),
            question=webhooks.question(one),
            newest=webhooks.deliveries(webhooks.Wanted(endpoint=str(one.id)), most=20),
            since=SINCE,
            **_may(request),
        )

    def new_view(self, request: HttpRequest) -> HttpResponse:
        _refuse_without(request, CONFIGURE)
        form = EndpointForm(request.POST or None)
        if request.method == "POST" and form.is_valid():
            try:
                one, secret = configure.make(
                    form.given(), actor=_actor(request), id_=form.cleaned_data["id"]
                )
            except NotPossible as error:
                form.add_error(None, _sentence(error))
            else:
                if not secret:  # the same form a second time
                    return HttpResponseRedirect(_page_of(one))
                return self._secret(request, one, secret)
        return self._form(request, form, title="New webhook")

    def edit_view(self, request: HttpRequest, id_: UUID) -> HttpResponse:
        _refuse_without(request, CONFIGURE)
        one = self._found(str(id_))
        form = EndpointForm(request.POST or None, endpoint=one)
        if request.method == "POST" and form.is_valid():
            try:
                changed = configure.edit(one, form.given(), actor=_actor(request))
            except NotPossible as error:
                form.add_error(None, _sentence(error))
            else:
                told = f"Changed: {', '.join(changed)}." if changed else "Nothing was different."
                messages.success(request, told)
                return HttpResponseRedirect(_page_of(one))
        return self._form(request, form, title=f"Change {one.name}", one=one)

    def do_view(self, request: HttpRequest, id_: UUID, verb: str) -> HttpResponse:
        """GET tells what it would bring about; POST does it."""
        if verb not in VERBS:
            raise Http404(f"There is no such verb: {verb}")
        _refuse_without(request, VERBS[verb])
        one = self._found(str(id_))
        question = replace(_QUESTIONS[verb](one), action=request.get_full_path())
        if request.method != "POST":
            return asked.asked(request, self.admin_site, question)
        if request.POST.get("fingerprint", "") != question.fingerprint:
            told = "It has changed since you looked: look again, then decide. Nothing was changed."
            return asked.asked(request, self.admin_site, question, error=told, status=409)
        try:
            return self._done(request, one, verb, question)
        except NotPossible as error:
            told = f"{_sentence(error)} Nothing was changed."
            return asked.asked(request, self.admin_site, question, error=told)

    def _done(
        self, request: HttpRequest, one: WebhookEndpoint, verb: str, question: Asked
    ) -> HttpResponse:
        actor, reason = _actor(request), request.POST.get("reason", "").strip()
        if verb == "rotate":
            secret = configure.rotate(one, actor=actor, overlap=_overlap(request))
            return self._secret(request, self._found(str(one.id)), secret)
        if verb == "test":
            sent = configure.test(one, actor=actor)
            messages.success(request, "Done: it is on its way. This page shows how it went.")
            page = reverse("admin:aiops_webhookdelivery_change", args=[sent.pk])
            return asked.led_to(request, page)
        if question.needs_reason and not reason:
            raise NotPossible("say why: it stands in the record")
        act = {"pause": configure.pause, "resume": configure.resume, "remove": configure.remove}
        act[verb](one, actor=actor, reason=reason)
        messages.success(request, f"Done: {question.button}.")
        back = reverse("admin:aiops_webhookendpoint_changelist")
        return asked.led_to(request, back if verb == "remove" else _page_of(one))

    def _found(self, id_: str) -> WebhookEndpoint:
        try:
            return WebhookEndpoint.objects.select_related("question").get(id=UUID(id_))
        except (WebhookEndpoint.DoesNotExist, ValueError):
            raise Http404(f"There is no webhook {id_}") from None

    def _form(
        self,
        request: HttpRequest,
        form: EndpointForm,
        *,
        title: str,
        one: WebhookEndpoint | None = None,
    ) -> HttpResponse:
        back = _page_of(one) if one else reverse("admin:aiops_webhookendpoint_changelist")
        return self._page(
            request, "webhook_form.html", title=title, form=form, one=one, back=back, original=one
        )

    def _secret(self, request: HttpRequest, one: WebhookEndpoint, secret: str) -> HttpResponse:
        """The only page that ever shows it; nothing keeps this page."""
        response = self._page(
            request,
            "webhook_secret.html",
            title="The signing secret",
            one=one,
            original=one,
            secret=secret,
            has_older=len(signing.live(one.secrets, timezone.now())) > 1,
        )
        add_never_cache_headers(response)
        return response

    def _page(self, request: HttpRequest, template: str, **context: Any) -> HttpResponse:
        shell = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "is_fullwidth": "1",
            **context,
        }
        return render(request, f"console/{template}", shell)


def _may(request: HttpRequest) -> dict[str, bool]:
    can = request.user.has_perm
    return {
        "may_configure": can(CONFIGURE),
        "may_steer": can(STEER),
        "may_replay": can(REPLAY),
        "may_see_deliveries": can("aiops.view_webhookdelivery"),
    }


def _refuse_without(request: HttpRequest, permission: str) -> None:
    if not request.user.has_perm(permission):
        raise PermissionDenied(permission)


def _actor(request: HttpRequest) -> str:
    return request.user.get_username()


def _sentence(error: Exception) -> str:
    text = str(error).rstrip(".")
    return f"{text[:1].upper()}{text[1:]}."


def _page_of(one: WebhookEndpoint) -> str:
    return reverse("admin:aiops_webhookendpoint_change", args=[one.id])


def _overlap(request: HttpRequest) -> timedelta:
    hours = request.POST.get("hours", "24")
    if hours not in dict(OVERLAPS):
        raise NotPossible("choose how long the old secret signs too")
    return timedelta(hours=int(hours))


# The questions


def _base(one: WebhookEndpoint, verb: str, label: str, icon: str, tone: str = "primary") -> Asked:
    newest = one.secrets[0]["made_at"] if one.secrets else ""
    return Asked(
        title=f"{label}?",
        button=label,
        verb=verb,
        tone=tone,
        about=one.name,
        back=_page_of(one),
        action="",
        icon=icon,
        # One that somebody else, or the system, has moved meanwhile is looked at again.
        fingerprint=f"{verb}-{one.state}-{one.since.timestamp()}-{newest}",
    )


def _waiting(one: WebhookEndpoint) -> str:
    found = WebhookDelivery.objects.filter(endpoint=one, state=DeliveryState.WAITING)
    number = found[: webhooks.MOST_COUNTED].count()
    return f"{count(number, 'message')} {'waits' if number == 1 else 'wait'} for it."


def _to_pause(one: WebhookEndpoint) -> Asked:
    base = _base(one, "pause", "Pause the webhook", "pause")
    if one.state != EndpointState.ACTIVE:
        return replace(base, refused="It is not active: there is nothing to pause.")
    notes = (
        "Nothing is sent meanwhile. What happens is kept, and goes in order when it is resumed.",
        _waiting(one),
    )
    return replace(base, notes=notes, needs_reason=True)


def _to_resume(one: WebhookEndpoint) -> Asked:
    base = _base(one, "resume", "Resume the webhook", "play_arrow")
    if one.state not in (EndpointState.PAUSED, EndpointState.DISABLED):
        return replace(base, refused="It is active: it goes on by itself.")
    notes = (f"It is {one.get_state_display().lower()}: {one.why}", _waiting(one))
    goes = "It goes at once, in order; the three days of patience begin anew."
    return replace(base, notes=(*notes, goes), needs_reason=True)


def _to_test(one: WebhookEndpoint) -> Asked:
    base = _base(one, "test", "Send a test", "send")
    if one.state != EndpointState.ACTIVE:
        return replace(base, refused="It is not active: resume it first.")
    notes = (
        "A signed message of the kind webhook.test is sent once. It is about no run.",
        "Its page shows what was answered.",
    )
    return replace(base, notes=notes)


def _to_rotate(one: WebhookEndpoint) -> Asked:
    notes = (
        "A new secret is made, and shown once.",
        "The old one signs too for as long as you choose: each message carries both signatures, "
        "so that the receiver can change over in between.",
        "If the old one has leaked, choose “Not at all”.",
    )
    base = _base(one, "rotate", "Rotate the secret", "key")
    return replace(base, notes=notes, wants="until", choices=OVERLAPS)


def _to_remove(one: WebhookEndpoint) -> Asked:
    base = _base(one, "remove", "Remove the webhook", "delete", tone="danger")
    notes = (
        "Nothing is sent there any more, and its secrets are forgotten. It does not come back.",
        f"{_waiting(one)} They are dropped.",
        "What was sent stays in the record.",
    )
    return replace(base, notes=notes, needs_reason=True)


_QUESTIONS = {
    "pause": _to_pause,
    "resume": _to_resume,
    "test": _to_test,
    "rotate": _to_rotate,
    "remove": _to_remove,
}
