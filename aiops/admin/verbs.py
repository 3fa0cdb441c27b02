"""The views behind every button of a run: look at the plan, then do it."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from functools import partial
from http import HTTPStatus
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.contrib.admin import AdminSite, ModelAdmin
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import URLPattern, path, reverse
from django.utils.cache import add_never_cache_headers

from aiops.admin.history import VIEW_PAYLOAD
from aiops.admin.page.amounts import length, money
from aiops.admin.page.words import VERB_ICONS, VERDICT
from aiops.execution import looking, offers
from aiops.execution.carry_out import Given, Stale, carry_out
from aiops.execution.payloads import check_out
from aiops.execution.planned import Plan
from aiops.execution.plans import plan
from aiops.execution.resume import NotPossible
from aiops.execution.start import StartRefused
from aiops.flow.errors import StepError
from aiops.flow.refusals import WorkflowError
from aiops.models import Escalation, EscalationState, Run

#: A larger input is not put into a form; the same one can still be run again.
MAX_SHOWN_CHARS = 50_000


class Unreadable(Exception):
    """A field of the form is not JSON: the message says which, and where it breaks off."""


class Verbs:
    """What the admin of runs inherits first, to have the views of the verbs."""

    def get_urls(self) -> list[URLPattern]:
        # Before the page of one row, whose pattern takes everything.
        return [*urls(self), *super().get_urls()]  # type: ignore[misc, arg-type]  # a mixin


def urls(admin: ModelAdmin[Run]) -> list[URLPattern]:
    """One address for each verb: GET shows its plan, POST does it."""
    view = admin.admin_site.admin_view(partial(_view, admin.admin_site))
    return [path("<uuid:run_id>/do/<slug:verb>/", view, name="aiops_run_do")]


def _view(site: AdminSite, request: HttpRequest, run_id: UUID, verb: str) -> HttpResponse:
    step = request.GET.get("step") or None
    escalation = _uuid(request.GET.get("escalation"))
    _refuse_without(request, "aiops.view_run")
    try:
        shown = plan(run_id, verb, step=step, escalation=escalation)
    except (Run.DoesNotExist, Escalation.DoesNotExist, KeyError):
        raise Http404(f"There is no such run, question or verb: {verb}") from None
    _refuse_without(request, shown.permissions[0])
    form = Form(site, request, shown)
    if request.method != "POST":
        return form.shown()
    if "show" in request.POST:
        return form.revealed()
    for needed in shown.permissions[1:]:
        _refuse_without(request, needed)
    return form.done(step, escalation)


@dataclass(frozen=True, slots=True)
class Form:
    """A plan in front of a person."""

    site: AdminSite
    request: HttpRequest
    plan: Plan

    @property
    def is_dialog(self) -> bool:
        return "HX-Request" in self.request.headers

    def done(self, step: str | None, escalation: UUID | None) -> HttpResponse:
        """Do it; what stands in the way is told above the form, which keeps what was typed."""
        plan = self.plan
        try:
            found = carry_out(
                plan.run_id, plan.verb, self._given(), step=step, escalation=escalation
            )
        except Stale as stale:
            moved = replace(self, plan=stale.fresh)
            return moved.shown(error=_sentence(stale), status=HTTPStatus.CONFLICT)
        except (NotPossible, StartRefused, WorkflowError, StepError, Unreadable) as error:
            return self.shown(error=_sentence(error))
        asked = plan.escalation
        if asked is not None and plan.verb != "claim":
            asked.refresh_from_db()
            if asked.state == EscalationState.OPEN:
                count = f"{len(asked.approvals)} of {asked.people}"
                messages.info(self.request, f"{count} have approved: it takes another person.")
                return self._see(reverse("admin:aiops_escalation_change", args=[asked.id]))
        messages.success(self.request, f"Done: {plan.button}.")
        return self._see(reverse("admin:aiops_run_change", args=[found]))

    @transaction.atomic
    def revealed(self) -> HttpResponse:
        """The plan with what it is about, and the event that says who saw it."""
        _refuse_without(self.request, VIEW_PAYLOAD)
        actor, plan = self.request.user.get_username(), self.plan
        if plan.wants == "input":
            looking.record(plan.run_id, actor=actor, what="the run's input")
        if plan.escalation is not None and plan.escalation.shows is not None:
            step = plan.escalation.step_id
            looking.record(plan.run_id, actor=actor, what="what a question shows", step=step)
        response = self.shown(is_revealed=True)
        add_never_cache_headers(response)
        return response

    def shown(
        self, *, error: str = "", status: int = HTTPStatus.OK, is_revealed: bool = False
    ) -> HttpResponse:
        """The plan as a page; what htmx asks for is the same without the shell around it.

        What it is about comes when somebody asks for it.
        """
        plan, can_read = self.plan, self.request.user.has_perm(VIEW_PAYLOAD)
        columns = ("title", "workflow", *(("input", "input_ref") if is_revealed else ()))
        run = Run.objects.only(*columns).get(id=plan.run_id)
        shell = {} if self.is_dialog else self.site.each_context(self.request)
        context = {
            **shell,
            "base": "console/bare.html" if self.is_dialog else "admin/base_site.html",
            "is_dialog": self.is_dialog,
            "title": plan.title,
            "plan": plan,
            "again": [(row, VERDICT[row.verdict.key]) for row in plan.again],
            "price": _price(plan),
            "reads": _reads(plan),
            "icon": VERB_ICONS.get(plan.verb, "bolt"),
            "opts": Run._meta,
            "original": run,
            "run": run,
            "error": error,
            "refused": plan.refused or self._lacking(),
            "back": reverse("admin:aiops_run_change", args=[plan.run_id]),
            "action": self.request.get_full_path(),
            "can_read": can_read,
            "is_revealed": is_revealed,
            "evidence": _evidence(plan) if is_revealed else "",
            "input": _input(run) if is_revealed and plan.wants == "input" else "",
            "typed": self.request.POST,
        }
        return render(self.request, "console/do.html", context, status=status)

    def _given(self) -> Given:
        form, wants = self.request.POST, self.plan.wants
        edited = _json(form.get("input", ""), "The input") if wants == "input" else None
        if edited is not None:
            _refuse_without(self.request, VIEW_PAYLOAD)
        return Given(
            actor=self.request.user.get_username(),
            fingerprint=form.get("fingerprint", ""),
            reason=form.get("reason", "").strip(),
            is_ticked=form.get("ticked") == "1",
            result=_json(form.get("result", ""), "The result") if wants == "result" else None,
            input=edited,
            person=form.get("person", "").strip()[:150],
        )

    def _lacking(self) -> str:
        """What they may not do of what this plan takes."""
        able = self.request.user.has_perm
        return next((offers.missing(one) for one in self.plan.permissions if not able(one)), "")

    def _see(self, url: str) -> HttpResponse:
        """Go to a page; a plain redirect would be followed by htmx, into the dialog."""
        if self.is_dialog:
            return HttpResponse(headers={"HX-Redirect": url})
        return HttpResponseRedirect(url)


def _json(text: str, what: str) -> Any:
    """Read a field; None when it is empty."""
    if not text.strip():
        return None
    try:
        return json.loads(text)
    except ValueError as error:
        raise Unreadable(f'{what} is not JSON: {error}. A text needs quotes: "paid".') from None


def _price(plan: Plan) -> str:
    """How long and how much, as far as it is known; "" where nothing runs again."""
    if not plan.again:
        return ""
    lasts = "time not known" if plan.lasts_s is None else f"about {length(plan.lasts_s)}"
    cost = "cost not known" if plan.cost_microusd is None else money(plan.cost_microusd)
    return f"{lasts}, {cost}"


def _reads(plan: Plan) -> str:
    """What the user reads afterwards; a headline that the sentence begins with is not said twice."""
    if plan.reads is None:
        return ""
    headline, sentence = plan.reads.headline, plan.reads.sentence
    return sentence if sentence.startswith(headline) else f"{headline}. {sentence}"


def _evidence(plan: Plan) -> str:
    """What a question shows; only for who may see what runs are about."""
    if plan.escalation is None or plan.escalation.shows is None:
        return ""
    return json.dumps(plan.escalation.shows, indent=2, ensure_ascii=False)


def _input(run: Run) -> str:
    """The input as text to edit; "" when it is too large for a form."""
    text = json.dumps(check_out(run.input, run.input_ref), indent=2, ensure_ascii=False)
    return text if len(text) <= MAX_SHOWN_CHARS else ""


def _refuse_without(request: HttpRequest, needed: str) -> None:
    if not request.user.has_perm(needed):
        raise PermissionDenied(needed)


def _sentence(error: Exception) -> str:
    text = str(error).rstrip(".")
    return f"{text[:1].upper()}{text[1:]}. Nothing was changed."


def _uuid(text: str | None) -> UUID | None:
    """An id of an address; a wrong one is no page."""
    if not text:
        return None
    try:
        return UUID(text)
    except ValueError:
        raise Http404(f"{text} is no id") from None
