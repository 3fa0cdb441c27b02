"""A back-fill: first how many runs it would start and what they usually cost, then a button."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.admin import AdminSite
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone

from aiops.admin.page.schedules import usual_cost
from aiops.execution.resume import NotPossible
from aiops.models import Schedule
from aiops.upkeep import backfills
from aiops.upkeep.backfills import MOST, MOST_AT_ONCE, Wanted

_MINUTES = "%Y-%m-%dT%H:%M"


def _moment(label: str) -> forms.DateTimeField:
    widget = forms.DateTimeInput(attrs={"type": "datetime-local"}, format=_MINUTES)
    formats = [_MINUTES, "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M", "%Y-%m-%d"]
    return forms.DateTimeField(label=label, widget=widget, input_formats=formats)


class RangeForm(forms.Form):
    """Which due times, and how fast."""

    from_at = _moment("From (UTC)")
    to_at = _moment("To (UTC)")
    at_once = forms.IntegerField(
        label="Open at once", min_value=1, max_value=MOST_AT_ONCE, initial=2
    )
    most = forms.IntegerField(label="At most", min_value=1, max_value=MOST, initial=100)

    @property
    def wanted(self) -> Wanted:
        return Wanted(**self.cleaned_data)


def backfill_page(request: HttpRequest, site: AdminSite, schedule: Schedule) -> HttpResponse:
    """GET with a range tells what it would start; POST starts what was told."""
    given = request.POST if request.method == "POST" else request.GET
    form = RangeForm(given or None, initial=_last_week(timezone.now()))
    shown: dict[str, Any] = {}
    if form.is_bound and form.is_valid():
        shown = _dry_run(schedule, form.wanted)
    if request.method == "POST" and shown.get("number"):
        if request.POST.get("fingerprint") != shown["fingerprint"]:
            shown["wrong"] = "Other due times are left by now: look again. Nothing was started."
        elif wrong := _make(request, schedule, form.wanted):
            shown["wrong"] = wrong
        else:
            return _back(schedule)
    context = {
        **site.each_context(request),
        "title": f"Back-fill {schedule.name}",
        "is_fullwidth": "1",
        "schedule": schedule,
        "form": form,
        "reason": request.POST.get("reason", ""),
        **shown,
    }
    return render(request, "console/schedule_backfill.html", context)


def _dry_run(schedule: Schedule, wanted: Wanted) -> dict[str, Any]:
    """How many due times would be started, which, and what that usually costs."""
    try:
        planned = backfills.plan(schedule, wanted)
    except NotPossible as error:
        return {"wrong": f"{str(error)[:1].upper()}{str(error)[1:]}."}
    number = len(planned.moments)
    return {
        "planned": planned,
        "number": number,
        "first": planned.moments[0] if number else None,
        "last": planned.moments[-1] if number else None,
        "cost": usual_cost(schedule, number),
        "fingerprint": f"{number}-{planned.done}-{planned.moments[:1]}-{planned.moments[-1:]}",
    }


def _make(request: HttpRequest, schedule: Schedule, wanted: Wanted) -> str:
    """Begin it; returns why it was refused, "" when it was not."""
    actor, reason = request.user.get_username(), request.POST.get("reason", "")
    try:
        made = backfills.make(schedule.pk, wanted, actor=actor, reason=reason)
    except NotPossible as error:
        return f"{str(error)[:1].upper()}{str(error)[1:].rstrip('.')}. Nothing was started."
    number = made.occurrences.count()
    messages.success(request, f"{number} runs will be started, {made.at_once} at a time.")
    return ""


def _back(schedule: Schedule) -> HttpResponse:
    return HttpResponseRedirect(reverse("admin:aiops_schedule_page", args=[schedule.pk]))


def _last_week(now: datetime) -> dict[str, Any]:
    end = now.astimezone(UTC).replace(second=0, microsecond=0)
    return {"from_at": end - timedelta(days=7), "to_at": end}
