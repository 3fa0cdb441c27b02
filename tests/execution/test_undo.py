"""Taking back what was done, newest first, when a run fails or is cancelled."""

from __future__ import annotations

import pytest

from aiops.execution.answer import answer
from aiops.execution.cancel import cancel
from aiops.execution.lease import leases
from aiops.execution.resume import NotPossible, pause, retry
from aiops.flow import PermanentInput, Transient
from aiops.models import Run
from tests.execution.engine import (
    COMMITS,
    Engine,
    fresh,
    question,
    states,
    time_passes,
    told,
)
from tests.flows.script import Script

pytestmark = COMMITS

NO = PermanentInput("sold out")


def failed(engine: Engine, script: Script) -> Run:
    script.tell("ship", NO)
    return engine.run("order")


def test_a_failed_run_takes_back_what_it_did_newest_first(engine: Engine, script: Script) -> None:
    run = failed(engine, script)

    assert script.calls == ["reserve", "bill", "ship", "refund", "release"]
    assert (run.state, states(run)["undo:bill"]) == ("failed", "succeeded")


def test_a_run_that_took_back_says_why(engine: Engine, script: Script) -> None:
    run = failed(engine, script)

    assert run.reason == "undoing what was done: ship failed"


def test_each_undo_is_told(engine: Engine, script: Script) -> None:
    run = failed(engine, script)

    assert [event.data["name"] for event in told(run, "step.undoing")] == ["bill", "reserve"]


def test_only_what_was_done_is_taken_back(engine: Engine, script: Script) -> None:
    script.tell("bill", NO)

    engine.run("order")

    assert script.calls == ["reserve", "bill", "release"]


def test_a_run_that_succeeds_takes_nothing_back(engine: Engine, script: Script) -> None:
    engine.run("order")

    assert script.calls == ["reserve", "bill", "ship"]


def test_a_cancelled_run_takes_back_what_it_did(engine: Engine, script: Script) -> None:
    run = engine.start("order")
    engine.deliver(engine.letters[0])
    engine.letters = [engine.letters[-1]]

    cancel(run.id, reason="enough", actor="ann")
    engine.work()

    assert "release" in script.calls
    assert "ship" not in script.calls
    assert fresh(run).state == "cancelled"


def test_an_undo_waits_for_its_retry(engine: Engine, script: Script) -> None:
    script.tell("refund", Transient("busy"))
    run = failed(engine, script)
    before = (run.state, states(run)["undo:bill"])

    time_passes(run)
    engine.work()

    assert before == ("cancelling", "retrying")
    assert (fresh(run).state, script.times("refund")) == ("failed", 2)


def test_an_undo_that_cannot_asks_a_person(engine: Engine, script: Script) -> None:
    script.tell("refund", *[Transient("busy")] * 3)
    run = failed(engine, script)
    for _ in range(2):
        time_passes(run)
        engine.work()

    assert question(run).answers == ["retry", "skip"]
    assert states(run)["undo:bill"] == "attention"


def stuck(engine: Engine, script: Script) -> Run:
    """A run whose refund needs a person."""
    script.tell("refund", *[Transient("busy")] * 3)
    run = failed(engine, script)
    for _ in range(2):
        time_passes(run)
        engine.work()
    return run


def test_an_undo_that_a_person_retries_goes_on(engine: Engine, script: Script) -> None:
    run = stuck(engine, script)

    answer(question(run).id, "retry", actor="ann")
    engine.work()

    assert (fresh(run).state, script.times("refund")) == ("failed", 4)
    assert script.calls[-1] == "release"


def test_an_undo_that_a_person_gives_up_lets_the_others_go_on(
    engine: Engine, script: Script
) -> None:
    run = stuck(engine, script)

    answer(question(run).id, "skip", actor="ann")
    engine.work()

    assert (fresh(run).state, states(run)["undo:bill"]) == ("failed", "skipped")
    assert script.calls[-1] == "release"


def test_an_undo_that_fails_lets_the_others_go_on(engine: Engine, script: Script) -> None:
    script.tell("refund", NO)

    run = failed(engine, script)

    assert (run.state, script.calls[-1]) == ("failed", "release")


def test_an_undo_is_not_told_to_stop(engine: Engine, script: Script) -> None:
    heard: list[bool] = []

    def listen() -> None:
        (held,) = leases._held
        leases._hear_of_cancellation([held])
        heard.append(held.cancelled)

    script.tell("refund", listen)
    failed(engine, script)

    assert heard == [False]


def test_a_run_that_takes_back_cannot_be_paused(engine: Engine, script: Script) -> None:
    script.tell("refund", Transient("busy"))
    run = failed(engine, script)

    with pytest.raises(NotPossible, match="cancelling"):
        pause(run.id, actor="ann")


def test_a_run_that_took_back_is_not_retried(engine: Engine, script: Script) -> None:
    run = failed(engine, script)

    with pytest.raises(NotPossible, match="replay"):
        retry(run.id, actor="ann")


def test_an_undo_whose_message_comes_twice_runs_once(engine: Engine, script: Script) -> None:
    script.tell("ship", NO)
    run = engine.start("order")

    engine.work(times=2)

    assert script.calls == ["reserve", "bill", "ship", "refund", "release"]
    assert fresh(run).state == "failed"
