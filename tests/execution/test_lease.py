"""While a step runs: its lease is renewed, its time is limited, its neighbours are not held up."""

from __future__ import annotations

import time
from datetime import timedelta

import pytest
from django.db import OperationalError
from django.utils import timezone

from aiops.execution import claim as claims
from aiops.execution.lease import Held, leases
from aiops.models import Attempt, Step
from tests.execution.engine import (
    COMMITS,
    Engine,
    error_of,
    fresh,
    items,
    result,
    the_step,
)
from tests.flows.script import Script

pytestmark = COMMITS


def held() -> Held:
    """The claim that this process holds, seen from inside its step."""
    (one,) = leases._held
    return one


def test_a_lease_is_renewed_when_it_is_time(engine: Engine, script: Script) -> None:
    run = engine.start("line")
    found: list[bool] = []

    def work() -> int:
        one = held()
        one.renewed = time.monotonic() - 3600
        Step.objects.filter(id=one.claim.step_id).update(lease_until=timezone.now())
        leases._look_after([one])
        lease_until = the_step(run, "one").lease_until
        assert lease_until is not None
        found.append(lease_until > timezone.now() + timedelta(seconds=10))
        return 1

    script.tell("one", work)
    engine.work()

    assert found == [True]


def test_a_lease_is_let_go_when_the_step_ends(engine: Engine) -> None:
    engine.run("line")

    assert leases._held == set()


def test_a_lease_is_let_go_when_the_step_fails(engine: Engine, script: Script) -> None:
    script.tell("one", KeyError("x"))

    engine.run("line")

    assert leases._held == set()


def test_a_step_that_does_not_end_in_its_time_is_recorded_without_it(
    engine: Engine, script: Script
) -> None:
    run = engine.start("line")

    def work() -> int:
        held().deadline = time.monotonic() - 3600
        leases._end_overtime(held())
        return 1

    script.tell("one", work)
    engine.deliver(engine.letters.pop())

    assert Attempt.objects.get(run=run).outcome == "timed_out"
    assert the_step(run, "one").state == "retrying"
    assert the_step(run, "one").result is None


def test_a_step_in_its_time_is_left_alone(engine: Engine, script: Script) -> None:
    run = engine.start("line")

    def work() -> int:
        leases._end_overtime(held())
        return 1

    script.tell("one", work)
    engine.work()

    assert fresh(run).state == "succeeded"


def test_a_step_that_can_be_interrupted_is_ended_at_its_time(
    engine: Engine, script: Script
) -> None:
    script.tell("crunch", lambda: time.sleep(20))
    began = time.monotonic()

    run = engine.run("crunching")

    assert time.monotonic() - began < 10
    assert error_of(run, "crunch")["type"] == "TimedOut"


def test_an_async_step_runs(engine: Engine) -> None:
    assert result(engine.run("patient", input={"number": 4})) == 4


@pytest.fixture
def large_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    """A member takes all it can, and writes results late."""
    monkeypatch.setattr("aiops.execution.member.FLUSH_S", 60.0)


def let_go() -> None:
    """What the lease thread does to a member whose item is slow."""
    (tick,) = leases._watches
    tick.__self__._began -= 5  # type: ignore[attr-defined]  # a bound method of the member
    tick()


def test_a_slow_item_gives_back_what_its_member_has_not_begun(
    engine: Engine, script: Script, large_batches: None
) -> None:
    run = engine.start("roots", input={"items": list(range(20))})
    seen: list[list[str]] = []

    def work() -> int:
        let_go()
        seen.append(items(run, "root"))
        return 9

    script.tell("root[9]", work)
    engine.work()

    (states,) = seen
    assert states.count("running") == 1
    assert states[9] == "running"
    assert result(run) == list(range(20))


def test_a_slow_item_does_not_hold_up_the_results_before_it(
    engine: Engine, script: Script, large_batches: None
) -> None:
    run = engine.start("roots", input={"items": list(range(20))})
    seen: list[list[str]] = []

    def work() -> int:
        let_go()
        seen.append(items(run, "root")[:9])
        return 9

    script.tell("root[9]", work)
    engine.work()

    assert seen == [["succeeded"] * 9]


def test_results_that_could_not_be_written_are_kept(
    engine: Engine, script: Script, large_batches: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = engine.start("roots", input={"items": list(range(20))})

    def refuse(*_: object, **__: object) -> None:
        raise OperationalError("away")

    def work() -> int:
        with monkeypatch.context() as patch:
            patch.setattr(claims, "finish_items", refuse)
            with pytest.raises(OperationalError):
                let_go()
        return 9

    script.tell("root[9]", work)
    engine.work()

    assert result(run) == list(range(20))
    assert [script.times(f"root[{n}]") for n in range(20)] == [1] * 20
