"""A schedule: a workflow that is started at times, the times it was, and back-fills of those it was not."""

from __future__ import annotations

from datetime import datetime

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils import timezone
from django_celery_beat.models import ClockedSchedule, CrontabSchedule, IntervalSchedule

from aiops.models.run import Priority, Run


class Overlap(models.TextChoices):
    """What happens at a due time while an earlier run of the schedule is open."""

    SKIP = "skip", "Skip this one"
    QUEUE = "queue", "Start it when the earlier one has ended"
    REPLACE = "replace", "Stop the earlier one, and start this one"
    ALLOW = "allow", "Start it beside the earlier one"


class CatchUp(models.TextChoices):
    """Which of several missed due times are made up for."""

    LATEST = "latest", "Only the latest"
    EACH = "each", "Each of them"


def whole_second() -> datetime:
    """Now, as a form can show it: one that was opened and saved has changed nothing."""
    return timezone.now().replace(microsecond=0)


class Schedule(models.Model):
    """A workflow, an input and times. Moves go through `models/schedule_moves.py`.

    Beat only says that it is time to look; what is due is computed from the times, and everything
    up to `considered_until` has been dealt with.
    """

    name = models.CharField(max_length=100, unique=True)
    workflow = models.CharField(max_length=100)
    tenant = models.CharField(max_length=100, default="default")
    #: JSON; its texts may hold {due_at} and others, see `upkeep/due_input.py`.
    input = models.JSONField(default=dict, blank=True)
    title = models.CharField(max_length=200, blank=True, default="")
    priority = models.CharField(max_length=12, choices=Priority.choices, default=Priority.BATCH)
    metadata = models.JSONField(default=dict, blank=True)

    crontab = models.ForeignKey(
        CrontabSchedule, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    interval = models.ForeignKey(
        IntervalSchedule, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    clocked = models.ForeignKey(
        ClockedSchedule, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    #: Nothing is due before it; an interval counts from it.
    start_at = models.DateTimeField(default=whole_second)
    end_at = models.DateTimeField(null=True, blank=True)
    #: Each due time is put off by a part of this, always the same part.
    jitter_s = models.PositiveIntegerField(default=0)

    overlap = models.CharField(max_length=8, choices=Overlap.choices, default=Overlap.SKIP)
    #: What was missed by less is made up for; what was missed by more is only written down.
    catch_up_s = models.PositiveIntegerField(default=3600)
    catch_up = models.CharField(max_length=6, choices=CatchUp.choices, default=CatchUp.LATEST)

    paused_at = models.DateTimeField(null=True, blank=True)
    paused_by = models.CharField(max_length=150, blank=True, default="")
    paused_why = models.CharField(max_length=300, blank=True, default="")
    considered_until = models.DateTimeField(default=timezone.now)
    made_by = models.CharField(max_length=150, blank=True, default="")
    made_at = models.DateTimeField(db_default=Now())

    class Meta:
        ordering = ["name"]
        constraints = [
            models.CheckConstraint(
                condition=(
                    Q(crontab__isnull=False, interval__isnull=True, clocked__isnull=True)
                    | Q(crontab__isnull=True, interval__isnull=False, clocked__isnull=True)
                    | Q(crontab__isnull=True, interval__isnull=True, clocked__isnull=False)
                ),
                name="schedule_has_one_kind_of_times",
            ),
            models.CheckConstraint(
                condition=Q(end_at__isnull=True) | Q(end_at__gt=models.F("start_at")),
                name="schedule_ends_after_start",
                violation_error_message="It ends before it starts: choose a later end.",
            ),
        ]
        permissions = [
            ("run_schedule", "Run a schedule now"),
            ("pause_schedule", "Pause or resume a schedule"),
            ("backfill_schedule", "Back-fill a schedule"),
        ]

    def __str__(self) -> str:
        return self.name


class BackfillState(models.TextChoices):
    RUNNING = "running", "At work"
    STOPPED = "stopped", "Stopped"
    DONE = "done", "Done"


class Backfill(models.Model):
    """Due times of the past that a person wants made up for, a few at a time."""

    schedule = models.ForeignKey(Schedule, on_delete=models.CASCADE, related_name="backfills")
    from_at = models.DateTimeField()
    to_at = models.DateTimeField()
    #: So many of its runs are open at once.
    at_once = models.PositiveSmallIntegerField(default=2)
    state = models.CharField(
        max_length=8, choices=BackfillState.choices, default=BackfillState.RUNNING
    )
    reason = models.CharField(max_length=300, blank=True, default="")
    made_by = models.CharField(max_length=150)
    made_at = models.DateTimeField(db_default=Now())
    finished_at = models.DateTimeField(null=True, blank=True)
    #: Who stopped it ("" for the system), and why.
    stopped_by = models.CharField(max_length=150, blank=True, default="")
    stopped_why = models.CharField(max_length=300, blank=True, default="")

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(state__in=BackfillState.values), name="backfill_state_is_known"
            ),
        ]
        indexes = [
            models.Index(fields=["schedule"], condition=Q(state="running"), name="backfill_at_work")
        ]

    def __str__(self) -> str:
        return f"{self.schedule} {self.from_at:%Y-%m-%d} – {self.to_at:%Y-%m-%d}"


class OccurrenceState(models.TextChoices):
    PLANNED = "planned", "Will start"
    STARTED = "started", "Started"
    QUEUED = "queued", "Started behind another"
    SKIPPED = "skipped", "Skipped"
    MISSED = "missed", "Missed"
    REFUSED = "refused", "Refused"


class Occurrence(models.Model):
    """What became of one due time of a schedule. There is at most one row for each."""

    schedule = models.ForeignKey(
        Schedule, on_delete=models.CASCADE, related_name="occurrences", db_index=False
    )
    due_at = models.DateTimeField()
    #: The due time with its jitter.
    starts_at = models.DateTimeField()
    state = models.CharField(max_length=8, choices=OccurrenceState.choices)
    #: In one sentence: why it was skipped, missed or refused, or how late it is.
    why = models.CharField(max_length=500, blank=True, default="")
    run = models.ForeignKey(
        Run, null=True, blank=True, on_delete=models.SET_NULL, related_name="occurrences"
    )
    backfill = models.ForeignKey(
        Backfill, null=True, blank=True, on_delete=models.SET_NULL, related_name="occurrences"
    )
    #: The person who ran it by hand; "" when its time had come.
    asked_by = models.CharField(max_length=150, blank=True, default="")
    #: How many due times this row stands for: a long stretch of missed ones is told as one.
    stands_for = models.PositiveIntegerField(default=1)
    made_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["schedule", "due_at"], name="occurrence_once"),
            models.CheckConstraint(
                condition=Q(state__in=OccurrenceState.values), name="occurrence_state_is_known"
            ),
        ]
        indexes = [
            models.Index(
                fields=["backfill", "due_at"],
                condition=Q(state="planned"),
                name="occurrence_planned",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.schedule} {self.due_at:%Y-%m-%d %H:%M:%S}"

    @property
    def is_backfill(self) -> bool:
        return self.backfill_id is not None
