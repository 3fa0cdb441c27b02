"""The version of what a page shows: a poll that brings the same one is answered with nothing."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from django.db.models import Count, Max, OuterRef, Q, Subquery, Sum
from django.db.models.functions import Coalesce, Now
from django.utils.crypto import salted_hmac

from aiops.models import Event, Run, StepState

#: What the page shows of a run that goes on ages; it is drawn anew after this long at the latest.
AGES_S = 60

#: What a run is about: read only for somebody who may see it.
CONTENT = ("input", "input_ref", "metadata")


def look_at(run_id: UUID, *, with_content: bool = False) -> Run | None:
    """The run with what changes when anything of it does, in one query; None when there is none.

    Steps begin, end and are taken back without events: their rows are counted too.
    """
    newest = Event.objects.filter(run=OuterRef("id")).order_by("-id").values("id")[:1]
    is_worked_on = Q(steps__state=StepState.RUNNING, steps__lease_until__gt=Now())
    found = Run.objects.annotate(
        newest_event=Coalesce(Subquery(newest), 0),
        step_rows=Count("steps"),
        claims=Sum("steps__fence"),
        moved_at=Max("steps__since"),
        live_leases=Count("steps", filter=is_worked_on),
    )
    content = () if with_content else CONTENT
    return found.defer("error", *content).filter(id=run_id).first()


def token(run: Run, user_id: int, now: datetime) -> str:
    """The version of a run's page for one user.

    Nobody can make it without having been shown that page: who brings the present one may be told
    that nothing has changed, before any permission is looked up.
    """
    seen = [
        *(user_id, run.id, run.state, run.reason, run.since, run.paused_at),
        # What `look_at` counted.
        *(getattr(run, name) for name in ("newest_event", "step_rows", "claims", "moved_at")),
        getattr(run, "live_leases"),  # noqa: B009  # an annotation
        None if run.is_ended else int(now.timestamp() // AGES_S),
    ]
    return salted_hmac("aiops.admin.page", repr(seen), algorithm="sha256").hexdigest()[:32]
