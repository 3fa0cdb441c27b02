"""Two requests of one name at the same time: one does it, the other is answered."""

from __future__ import annotations

from datetime import timedelta
from uuid import uuid4

from django.utils import timezone

from aiops.models import ApiRequest, Event
from aiops.upkeep.retention import REQUEST_DAYS, sweep
from tests.api.calling import post, program
from tests.execution.engine import COMMITS
from tests.execution.orders import begun
from tests.execution.threads import at_once


@COMMITS
def test_requests_of_one_name_at_the_same_time_do_it_once(no_session_left: None) -> None:
    run, client = begun(), program()

    def ask() -> object:
        named = {"Idempotency-Key": "a"}
        return post(client, f"/runs/{run.id}/cancel", {"reason": "Twice."}, **named).json()

    answers = at_once([ask, ask, ask])

    assert answers[0] == answers[1] == answers[2]
    assert Event.objects.filter(run=run, kind="run.cancelling").count() == 1
    assert ApiRequest.objects.count() == 1


@COMMITS
def test_answered_requests_are_swept_after_their_days() -> None:
    old = timezone.now() - timedelta(days=REQUEST_DAYS, seconds=1)
    for at in (old, timezone.now()):
        ApiRequest.objects.create(whose=uuid4(), key="a", digest="", answer={}, at=at)

    sweep()

    assert [row.at > old for row in ApiRequest.objects.all()] == [True]
