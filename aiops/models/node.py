"""A node: a worker or keeper process that says it is alive."""

from __future__ import annotations

from django.db import models
from django.db.models.functions import Now


class Node(models.Model):
    """A worker or keeper process, as it last reported itself."""

    name = models.CharField(max_length=150, primary_key=True)
    role = models.CharField(max_length=10)
    pool = models.CharField(max_length=20, blank=True, default="")
    host = models.CharField(max_length=100)
    pid = models.IntegerField()
    #: Start time of that pid in clock ticks since boot: tells a process from a later one.
    pid_started = models.BigIntegerField(default=0)
    started_at = models.DateTimeField(db_default=Now())
    seen_at = models.DateTimeField(db_default=Now())
    #: Its own clock minus the database's, in seconds, at the last report.
    skew_s = models.FloatField(default=0.0)
    is_leader = models.BooleanField(default=False)
    #: Of a keeper that leads: how many steps were in limbo when it last looked. None: not looked yet.
    limbo = models.IntegerField(null=True, blank=True)
    #: Messages that did nothing, by cause: {"duplicate": n, "stale": n, ...}; and what a keeper has
    #: sent again: {"resent": n}.
    counters = models.JSONField(default=dict)

    class Meta:
        verbose_name_plural = "queues and workers"

    def __str__(self) -> str:
        return self.name
