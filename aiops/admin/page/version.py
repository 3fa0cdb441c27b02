"""The version of what a page shows: a poll that brings the same one is answered with nothing."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import Count, Max, OuterRef, Q, Subquery, Sum
from django.db.models.functions import Coalesce, Now
from django.utils.crypto import salted_hmac

from aiops.execution.looking import VIEWED
from aiops.models import Event, Pause, Run, StepState

#: What the page shows of a run that goes on ages; it is drawn anew after this long at the latest.
AGES_S = 60

#: What a run is about: no page of it brings that along.
CONTENT = ("input", "input_ref", "metadata")


def look_at(run_id: UUID) -> Run | None:
    """The run with what changes when anything of it does, in one query; None when there is none.

    Steps begin, end and are taken back without events: their rows are counted too. That somebody
    looked at its content is no change of it.
    """
    of_run = Event.objects.filter(run=OuterRef("id")).exclude(kind=VIEWED)
    newest = of_run.order_by("-id").values("id")[:1]
    is_worked_on = Q(steps__state=StepState.RUNNING, steps__lease_until__gt=Now())
    found = Run.objects.annotate(
        newest_event=Coalesce(Subquery(newest), 0),
        step_rows=Count("steps"),
        claims=Sum("steps__fence"),
        moved_at=Max("steps__since"),
        live_leases=Count("steps", filter=is_worked_on),
        # Which pools and workflows are paused now: the page says what they hold.
        pauses=ArraySubquery(Pause.objects.order_by("id").values("id")),
    )
    return found.defer("error", *CONTENT).filter(id=run_id).first()


def token(run: Run, user_id: int, now: datetime) -> str:
    """The version of a run's page for one user.

    Nobody can make it without having been shown that page: who brings the present one may be told
    that nothing has changed, before any permission is looked up.
    """
    seen = [
        *(user_id, run.id, run.state, run.reason, run.since, run.paused_at),
        # What `look_at` counted.
        *(getattr(run, name) for name in ("newest_event", "step_rows", "claims", "moved_at")),
        *(getattr(run, name) for name in ("live_leases", "pauses")),
        None if run.is_ended else int(now.timestamp() // AGES_S),
    ]
    return salted_hmac("aiops.admin.page", repr(seen), algorithm="sha256").hexdigest()[:32]
