"""API keys: who has one and what it may do; making one, rotating, changing and revoking it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import URLPattern, path, reverse
from django.utils import timezone

from aiops.access import keys
from aiops.access.caller import EVERY_TENANT
from aiops.access.keys import KeyRefused
from aiops.admin.history import HistoryAdmin
from aiops.admin.page import api_keys as page
from aiops.admin.page import asked
from aiops.admin.page.asked import Asked
from aiops.models import ApiKey, Scope

#: What each verb needs.
PERMISSIONS = {
    "make": "aiops.add_apikey",
    "rotate": "aiops.rotate_apikey",
    "change": "aiops.change_apikey",
    "revoke": "aiops.revoke_apikey",
}
#: For how many days a key may be made; "" for good. The form has their words.
DAYS = ("30", "90", "365", "")
#: For how long both keys work after a rotation.
OVERLAP_HOURS = (
    ("24", "1 day"),
    ("1", "1 hour"),
    ("168", "7 days"),
    ("720", "30 days"),
    ("0", "not at all: the old key ends now"),
)
_TEMPLATE = "console/api_key_do.html"
_AGAIN = "It has changed since you looked: look again, then decide. Nothing was changed."


@admin.register(ApiKey)
class ApiKeyAdmin(HistoryAdmin):
    """Nobody edits a row here: each verb has a question of its own."""

    exact_fields = ("prefix",)
    shown = (
        (
            None,
            {
                "fields": (
                    *("name", "prefix", "tenant", "scopes", "per_minute", "streams", "made_by"),
                    *("made_at", "expires_at", "revoked_at", "last_used_at", "replaced_by"),
                )
            },
        ),
    )

    def get_urls(self) -> list[URLPattern]:
        guarded = self.admin_site.admin_view
        # Before the page of one row, whose pattern takes everything.
        return [
            path("make/", guarded(self.make_view), name="aiops_apikey_make"),
            path("<uuid:key_id>/do/<slug:verb>/", guarded(self.do_view), name="aiops_apikey_do"),
            *super().get_urls(),
        ]

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        if not self.has_view_permission(request):
            raise PermissionDenied
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": "API keys",
            "is_fullwidth": "1",
            "may": {verb: request.user.has_perm(name) for verb, name in PERMISSIONS.items()},
            **page.build(),
        }
        return render(request, "console/api_keys.html", context)

    def make_view(self, request: HttpRequest) -> HttpResponse:
        """GET asks what the key may do; the answer to the POST shows it, once."""
        _refuse_without(request, "make")
        question = _to_make(request)
        return self._answer(request, question, lambda: self._made(request, question))

    def do_view(self, request: HttpRequest, key_id: UUID, verb: str) -> HttpResponse:
        """GET tells what it would bring about; POST does it."""
        if verb not in _QUESTIONS:
            raise Http404(f"There is no such verb: {verb}")
        _refuse_without(request, verb)
        row = ApiKey.objects.select_related("replaced_by").filter(id=key_id).first()
        if row is None:
            raise Http404(f"There is no key {key_id}")
        question = replace(_QUESTIONS[verb](row), action=request.get_full_path())
        return self._answer(request, question, lambda: self._done(request, row, question))

    def _answer(self, request: HttpRequest, question: Asked, act: Any) -> HttpResponse:
        def again(error: str = "", status: int = 200) -> HttpResponse:
            return asked.asked(
                request,
                self.admin_site,
                question,
                error=error,
                status=status,
                template=_TEMPLATE,
                chosen=request.POST.getlist("scopes"),
            )

        if request.method != "POST":
            return again()
        if request.POST.get("fingerprint", "") != question.fingerprint:
            return again(_AGAIN, 409)
        try:
            done: HttpResponse = act()
        except KeyRefused as error:
            return again(f"{str(error)[:1].upper()}{str(error)[1:]}. Nothing was changed.")
        return done

    def _made(self, request: HttpRequest, question: Asked) -> HttpResponse:
        form = request.POST
        row, key = keys.make(
            form.get("name", ""),
            scopes=form.getlist("scopes"),
            tenant=EVERY_TENANT if form.get("every_tenant") else _tenant(request),
            made_by=request.user.get_username(),
            expires_at=_expiry(request),
            per_minute=_number(request, "per_minute"),
            streams=_number(request, "streams"),
            reason=form.get("reason", "").strip(),
        )
        return self._shown_once(request, question, row, key)

    def _done(self, request: HttpRequest, row: ApiKey, question: Asked) -> HttpResponse:
        actor, reason = request.user.get_username(), request.POST.get("reason", "").strip()
        match question.verb:
            case "rotate":
                if not reason:
                    raise KeyRefused("say why: the reason stays in the audit")
                new, key = keys.rotate(row, overlap=_overlap(request), by=actor, reason=reason)
                return self._shown_once(request, question, new, key)
            case "change":
                values = {name: _number(request, name) for name in ("per_minute", "streams")}
                named = {"name": request.POST.get("name", "").strip(), **values}
                keys.change(row, named, by=actor, reason=reason)
                messages.success(request, f"Done: {row} is changed.")
            case _:
                keys.revoke(row, by=actor, reason=reason)
                messages.success(request, f"Done: {row} opens nothing any more.")
        return asked.led_to(request, question.back)

    def _shown_once(
        self, request: HttpRequest, question: Asked, row: ApiKey, key: str
    ) -> HttpResponse:
        """The key, in this answer and nowhere else: no message, no session and no cache has it."""
        is_dialog = "HX-Request" in request.headers
        context = {
            **({} if is_dialog else self.admin_site.each_context(request)),
            "base": "console/bare.html" if is_dialog else "admin/base_site.html",
            "is_dialog": is_dialog,
            "title": "The new key",
            "row": page.row(row, timezone.now()),
            "key": key,
            "back": question.back,
            "was_rotated": question.verb == "rotate",
        }
        response = render(request, "console/api_key_shown.html", context)
        response["Cache-Control"] = "no-store"
        return response


def _refuse_without(request: HttpRequest, verb: str) -> None:
    if not request.user.has_perm(PERMISSIONS[verb]):
        raise PermissionDenied(PERMISSIONS[verb])


def _tenant(request: HttpRequest) -> str:
    told = request.POST.get("tenant", "").strip()
    if not told:
        raise KeyRefused("name the tenant whose runs it reaches, or tick every tenant")
    return told


def _expiry(request: HttpRequest) -> Any:
    told = request.POST.get("days", "")
    if told not in DAYS:
        raise KeyRefused("choose for how long it works")
    return timezone.now() + timedelta(days=int(told)) if told else None


def _overlap(request: HttpRequest) -> timedelta:
    told = request.POST.get("hours", "")
    if told not in dict(OVERLAP_HOURS):
        raise KeyRefused("choose for how long both keys work")
    return timedelta(hours=int(told))


def _number(request: HttpRequest, name: str) -> int:
    told = request.POST.get(name, "").strip()
    if not (told.isascii() and told.isdigit() and len(told) <= 9):
        raise KeyRefused("give whole numbers as limits")
    return int(told)


def _to_make(request: HttpRequest) -> Asked:
    # A form that is sent a second time, as by a reload of the page, would make a second key.
    newest = ApiKey.objects.order_by("-made_at").values_list("id", flat=True).first()
    return Asked(
        title="Make an API key?",
        button="Make the key",
        verb="make",
        tone="primary",
        about="Another program is let in with it, until it expires or is revoked",
        back=reverse("admin:aiops_apikey_changelist"),
        action=request.get_full_path(),
        icon="vpn_key",
        notes=("It is shown once, after this. What it reaches cannot be changed later.",),
        fingerprint=f"make-{newest}",
        wants="make",
        choices=tuple((str(scope), str(told)) for scope, told in Scope.choices),
    )


def _base(row: ApiKey, verb: str, label: str, icon: str) -> Asked:
    # A key that somebody else has changed meanwhile is looked at again.
    seen = (row.name, row.per_minute, row.streams, row.replaced_by_id, row.expires_at)
    return Asked(
        title=f"{label} the key?",
        button=f"{label} the key",
        verb=verb,
        tone="primary",
        about=str(row),
        back=reverse("admin:aiops_apikey_changelist"),
        action="",
        icon=icon,
        fingerprint=f"{verb}-{row.id}-{'-'.join(map(str, seen))}",
        refused="" if row.opens(timezone.now()) else "It does not work any more: make another one.",
    )


def _to_rotate(row: ApiKey) -> Asked:
    base = _base(row, "rotate", "Rotate", "autorenew")
    if row.replaced_by is not None:
        base = replace(base, refused=f"It was replaced by {row.replaced_by}: rotate that one.")
    notes = (
        "A new key with the same tenant, scopes and limits is made, and shown once.",
        f"The old one, {page.mark(row)}, goes on for the time below, then it expires by itself.",
        _in_use(row),
    )
    return replace(base, notes=notes, needs_reason=True, wants="overlap", choices=OVERLAP_HOURS)


def _to_change(row: ApiKey) -> Asked:
    notes = ("Its tenant and its scopes stay: for others, make another key.",)
    values = (("name", row.name), ("per_minute", str(row.per_minute)))
    choices = (*values, ("streams", str(row.streams)))
    return replace(
        _base(row, "change", "Change", "tune"), notes=notes, wants="change", choices=choices
    )


def _to_revoke(row: ApiKey) -> Asked:
    notes = [
        "From the next request on, whoever shows it is refused. It cannot be taken back.",
        _in_use(row),
    ]
    if row.replaced_by is not None:
        notes.append(f"The key that replaced it, {row.replaced_by}, goes on.")
    base = _base(row, "revoke", "Revoke", "block")
    return replace(base, tone="danger", notes=tuple(notes), needs_reason=True)


def _in_use(row: ApiKey) -> str:
    now = timezone.now()
    return f"Last used: {page.row(row, now).last_used}."


_QUESTIONS = {"rotate": _to_rotate, "change": _to_change, "revoke": _to_revoke}
