"""What tests of lanes share: a provider that answers as told, and a clock that can be moved."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

import pytest
from django.db.models import F
from django.utils import timezone

from aiops.execution.advance import advance
from aiops.models import Lane, Run, Step
from aiops.providers import limits, session
from aiops.upkeep import lanes as upkeep
from tests.execution.engine import Engine
from tests.providers.stub import Stub, running


@contextmanager
def provider(monkeypatch: pytest.MonkeyPatch, **limits_: int) -> Iterator[Stub]:
    """A stub behind the alias "fast", with limits such as tokens_per_min=1000."""
    with running() as server:
        monkeypatch.setenv("AIOPS_MODEL_URL", server.url)
        monkeypatch.setenv("AIOPS_MODEL_NAME", "stub-model")
        monkeypatch.setenv("AIOPS_MODEL_KEY", "secret-key")
        for name, value in limits_.items():
            monkeypatch.setenv(f"AIOPS_MODEL_{name.upper()}", str(value))
        upkeep._woken.clear()
        yield server
    session.close_all()


def name_of(stub: Stub) -> str:
    return f"{stub.url.removeprefix('http://').removesuffix('/v1')}/stub-model@AIOPS_MODEL_KEY"


def lane(stub: Stub) -> Lane:
    return Lane.objects.get(name=name_of(stub))


def later(stub: Stub, seconds: float) -> None:
    """Move the clock: every time that the lane, its line and the counting know lies further back."""
    back = timedelta(seconds=seconds)
    Lane.objects.filter(name=name_of(stub)).update(
        **{name: F(name) - back for name in ("since", "held_until", "failing_since", "line_at")}
    )
    for step in Step.objects.filter(reason="lane", lane=name_of(stub)).only("history", "since"):
        parked_at = datetime.fromisoformat(step.history["parked_at"]) - back
        Step.objects.filter(id=step.id).update(
            history={**step.history, "parked_at": parked_at.isoformat()}, since=step.since - back
        )
    upkeep._woken.clear()
    if seconds >= 60:
        limits._redis().delete(f"aiops:lane:{{{name_of(stub)}}}:signs")


def keep(engine: Engine, *, looks: int = 1) -> None:
    """What the keeper does in a second, and then the workers."""
    for _ in range(looks):
        upkeep.look_after()
        due = Step.objects.filter(wake_at__lte=timezone.now(), run__paused_at__isnull=True)
        for run_id in set(due.values_list("run_id", flat=True)):
            advance(run_id)
        engine.work()
        upkeep._woken.clear()


def parked(run: Run | None = None) -> int:
    found = Step.objects.filter(reason="lane")
    return (found if run is None else found.filter(run=run)).count()
