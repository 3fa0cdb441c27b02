"""The form of a schedule: its times as people write them, checked before anything is saved."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

from django import forms
from django.conf import settings
from django.utils import timezone
from django_celery_beat.models import ClockedSchedule, CrontabSchedule, IntervalSchedule
from unfold.widgets import (
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminSplitDateTimeWidget,
    UnfoldAdminTextareaWidget,
    UnfoldAdminTextInputWidget,
)

from aiops.flow.registry import registry
from aiops.models import Schedule
from aiops.upkeep.due_input import PLACEHOLDERS
from aiops.upkeep.due_times import starts_at
from aiops.upkeep.schedule_checks import next_times, problems
from aiops.upkeep.schedule_times import TimesRefused, in_words, read, written

_PERIODS = [
    (name, label) for name, label in IntervalSchedule.PERIOD_CHOICES if name != "microseconds"
]
_PLACES = ", ".join(f"{{{name}}}" for name in PLACEHOLDERS)
#: Which field of the form tells what is wrong with which kind of times.
_KINDS = {"crontab": "cron", "interval": "every", "clocked": "moment"}


class ScheduleForm(forms.ModelForm):  # type: ignore[type-arg]  # generic in the stubs only
    """A schedule. Exactly one of crontab, interval and one moment is filled in."""

    workflow = forms.ChoiceField(widget=UnfoldAdminSelectWidget())
    cron = forms.CharField(
        label="Crontab",
        required=False,
        widget=UnfoldAdminTextInputWidget(attrs={"placeholder": "0 7 * * mon-fri"}),
        help_text="Minute, hour, day of the month, month, day of the week (Sunday is 0).",
    )
    zone = forms.ChoiceField(
        label="Time zone of the crontab", required=False, widget=UnfoldAdminSelectWidget()
    )
    every = forms.IntegerField(
        label="Or every …",
        required=False,
        min_value=1,
        widget=UnfoldAdminIntegerFieldWidget(),
        help_text="Counted from “Start at”, whatever the clocks do.",
    )
    period = forms.ChoiceField(
        label="… of these",
        required=False,
        choices=_PERIODS,
        initial="minutes",
        widget=UnfoldAdminSelectWidget(),
    )
    moment = forms.SplitDateTimeField(
        label="Or once, at (UTC)", required=False, widget=UnfoldAdminSplitDateTimeWidget()
    )

    class Meta:
        model = Schedule
        fields = (
            *("name", "workflow", "tenant", "priority", "start_at", "end_at", "jitter_s"),
            *("input", "title", "metadata", "overlap", "catch_up", "catch_up_s"),
        )
        labels = {
            "jitter_s": "Jitter, in seconds",
            "catch_up_s": "Catch-up window, in seconds",
            "start_at": "Start at (UTC)",
            "end_at": "End at (UTC)",
            "overlap": "While an earlier run is open",
            "catch_up": "Of several that were missed, start",
        }
        help_texts = {
            "input": f"JSON. Its texts may hold {_PLACES}.",
            "title": "What the user and operators read; it may hold the same.",
            "jitter_s": "Each start is put off by up to this, always the same for a due time.",
            "catch_up_s": "What was missed by less is started late; what is older is only written down.",
            "metadata": "JSON, kept with each run.",
        }
        widgets = {"metadata": UnfoldAdminTextareaWidget(attrs={"rows": 3})}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "workflow" not in self.fields:
            return  # for those who may only look
        self.fields["workflow"].choices = _workflows(self.instance.workflow)  # type: ignore[attr-defined]
        self.fields["zone"].choices = _zones()  # type: ignore[attr-defined]
        # What was there when the form was opened is in the record.
        self.fields["start_at"].show_hidden_initial = False
        for name, value in _written(self.instance).items():
            self.initial.setdefault(name, value)

    def clean(self) -> dict[str, Any]:
        found = super().clean() or self.cleaned_data
        given = [name for name in ("cron", "every", "moment") if found.get(name)]
        if len(given) != 1 and not {"cron", "every", "moment"} & set(self.errors):
            self.add_error(
                "cron", "Give a crontab, an interval or one moment: exactly one of them."
            )
        return found

    def _post_clean(self) -> None:
        super()._post_clean()  # type: ignore[misc]  # the stubs leave it out
        if {"cron", "every", "moment", "zone", "start_at", "end_at"} & set(self.errors):
            return
        try:
            self._take_times()
        except TimesRefused as error:
            self.add_error("cron", _sentence(str(error)))
            return
        if not self.errors:
            for field, told in problems(self.instance, timezone.now()).items():
                self.add_error(self._times_field if field == "times" else field, _sentence(told))

    def _take_times(self) -> None:
        """Give the schedule its times, not saved yet."""
        given, mine = self.cleaned_data, self.instance
        mine.crontab = mine.interval = mine.clocked = None
        if given.get("cron"):
            mine.crontab = read(given["cron"], given.get("zone") or "UTC")
        elif given.get("every"):
            mine.interval = IntervalSchedule(every=given["every"], period=given["period"])
        else:
            mine.clocked = ClockedSchedule(clocked_time=given.get("moment"))

    @property
    def _times_field(self) -> str:
        return next(field for kind, field in _KINDS.items() if getattr(self.instance, kind))

    def shown_times(self) -> dict[str, Any]:
        """When it will be due, before it is saved: words and the next five times, or what is wrong."""
        fields = ("cron", "zone", "every", "period", "moment", "start_at", "end_at", "jitter_s")
        wrong = [error for name in fields for error in self.errors.get(name, [])]
        if wrong:
            return {"wrong": wrong}
        return times_shown(self.instance)

    def keep_times(self) -> set[str]:
        """Find or make the rows of its times; returns which kinds have changed."""
        mine = self.instance
        before = Schedule.objects.filter(id=mine.id).values(*_KINDS).first() or {}
        mine.crontab = mine.crontab and _row(CrontabSchedule, mine.crontab)
        mine.interval = mine.interval and _row(IntervalSchedule, mine.interval)
        mine.clocked = mine.clocked and _row(ClockedSchedule, mine.clocked)
        return {kind for kind in _KINDS if getattr(mine, f"{kind}_id") != before.get(kind)}


def times_shown(schedule: Schedule) -> dict[str, Any]:
    """When a schedule is due next, in words, by the clocks of its zone and of UTC."""
    zone = ZoneInfo(str(schedule.crontab.timezone) if schedule.crontab else "UTC")
    try:
        found = next_times(schedule, timezone.now())
    except TimesRefused as error:
        return {"wrong": [_sentence(str(error))]}
    return {
        "words": in_words(schedule),
        "zone": str(zone),
        "times": [_shown(schedule, moment, zone) for moment in found],
        "is_utc": str(zone) == "UTC",
    }


def _shown(schedule: Schedule, moment: datetime, zone: ZoneInfo) -> tuple[str, datetime, str]:
    """The time by the zone's clock, the moment, and when it really starts with its jitter."""
    local = moment.astimezone(zone)
    starts = starts_at(schedule.id, moment, schedule.jitter_s) if schedule.id else moment
    put_off = f"starts {starts.astimezone(zone):%H:%M:%S}" if starts != moment else ""
    return f"{local:%a %Y-%m-%d %H:%M:%S}", moment, put_off


def _row(model: Any, given: Any) -> Any:
    """The stored row of these times: beat's tables are shared, and each is written once."""
    names = [field.name for field in model._meta.concrete_fields if not field.primary_key]
    values = {name: getattr(given, name) for name in names}
    return model.objects.filter(**values).first() or model.objects.create(**values)


def _written(schedule: Schedule) -> dict[str, Any]:
    found: dict[str, Any] = {"zone": settings.TIME_ZONE}
    if schedule.crontab:
        found |= {"cron": written(schedule.crontab), "zone": str(schedule.crontab.timezone)}
    elif schedule.interval:
        found |= {"every": schedule.interval.every, "period": schedule.interval.period}
    elif schedule.clocked:
        found["moment"] = schedule.clocked.clocked_time
    return found


def _workflows(present: str) -> list[tuple[str, str]]:
    registry.load(settings.AIOPS_WORKFLOWS)
    names = {workflow.name for workflow in registry.all()}
    gone = [(present, f"{present} (not among the workflow files)")]
    return [(name, name) for name in sorted(names)] + (
        gone if present and present not in names else []
    )


def _zones() -> list[tuple[str, str]]:
    return [(name, name) for name in sorted(available_timezones())]


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:].rstrip('.')}."
