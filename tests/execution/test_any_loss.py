"""Messages that are lost, doubled and mixed up, workers that die: every run completes all the same."""

from __future__ import annotations

import random
from datetime import timedelta

import pytest
from django.utils import timezone

from aiops.execution import claim as claims
from aiops.execution import recovery, resend
from aiops.execution.advance import advance
from aiops.execution.claim import Owner
from aiops.models import Attempt, Run, Step
from aiops.upkeep import prove
from tests.execution.engine import COMMITS, Engine, fresh, result, states
from tests.flows.script import Script

pytestmark = COMMITS

CASES = [
    ("line", {"number": 5}, 7),
    ("relay", {"number": 5}, 51),
    ("diamond", {"number": 5}, 14),
    ("fork", {}, [1, None, None]),
    ("squares", {"items": [1, 2, 3, 4]}, 30),
    ("family", {"number": 1}, "child made 4"),
]


@pytest.fixture(autouse=True)
def empty_queues(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resend, "queue_lengths", lambda pools: {})


def mistreat(engine: Engine, rng: random.Random) -> None:
    """Deliver what is on its way: some of it not at all, some twice, in any order."""
    while engine.letters:
        letter = engine.letters.pop(rng.randrange(len(engine.letters)))
        for _ in range(rng.choice([0, 1, 1, 2])):
            engine.deliver(letter)


def die(rng: random.Random) -> None:
    """A worker takes a step and is killed."""
    for step in Step.objects.filter(state="queued", map__isnull=True):
        if rng.random() < 0.3:
            claims.claim(
                run_id=step.run_id, step_id=step.id, epoch=step.epoch, owner=Owner("gone/1", "t")
            )


def keep() -> None:
    """An hour passes, with a keeper at work."""
    ago = timedelta(hours=1)
    for name in ("dispatch_due", "lease_until", "wake_at", "since", "finished_at"):
        for step in Step.objects.filter(**{f"{name}__isnull": False}):
            Step.objects.filter(id=step.id).update(**{name: getattr(step, name) - ago})
    for run in Run.objects.all():
        Run.objects.filter(id=run.id).update(since=run.since - ago)
    recovery.recover(recovery.expired(), "its lease ended without a word")
    for run_id in Step.objects.filter(wake_at__lte=timezone.now()).values_list("run_id", flat=True):
        advance(run_id)
    resend.resend_due()
    for one in prove.limbo(recent_s=None):
        prove.repair(one)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(("name", "given", "expected"), CASES, ids=[case[0] for case in CASES])
def test_a_run_completes_and_runs_each_step_once_whatever_becomes_of_its_messages(
    engine: Engine, script: Script, name: str, given: dict[str, object], expected: object, seed: int
) -> None:
    rng = random.Random(seed)
    run = engine.start(name, input=given)

    for _ in range(40):
        mistreat(engine, rng)
        if fresh(run).is_ended:
            break
        keep()

    assert fresh(run).state == "succeeded", states(run)
    assert result(run) == expected
    assert len(script.calls) == len(set(script.calls)), script.calls


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(("name", "given", "expected"), CASES, ids=[case[0] for case in CASES])
def test_a_run_completes_and_records_one_success_a_step_whoever_dies(
    engine: Engine, script: Script, name: str, given: dict[str, object], expected: object, seed: int
) -> None:
    rng = random.Random(seed)
    run = engine.start(name, input=given)

    for _ in range(40):
        # Three lost workers in a row are a person's business, and not of this test.
        Step.objects.update(losses=0)
        die(rng)
        mistreat(engine, rng)
        if fresh(run).is_ended:
            break
        keep()

    assert (fresh(run).state, result(run)) == ("succeeded", expected), states(run)
    succeeded = Attempt.objects.filter(outcome="succeeded").values_list("step", flat=True)
    assert len(succeeded) == len(set(succeeded))
