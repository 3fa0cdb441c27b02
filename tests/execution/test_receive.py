"""Events from outside: kept once, and told to the runs that wait for them."""

from __future__ import annotations

import threading

import pytest
from django.db import connection, transaction
from django.utils import timezone

from aiops.execution import dispatch
from aiops.execution.receive import receive
from aiops.execution.resume import NotPossible
from aiops.models import Signal
from tests.execution.engine import COMMITS, Engine, fresh, result, the_step

pytestmark = COMMITS


def test_an_event_wakes_the_run_that_waits_for_it(engine: Engine) -> None:
    run = engine.run("payment", input={"label": "A1"})

    receive("order.paid", {"pence": 7}, match="A1", source_id="e1")
    engine.work()

    assert (fresh(run).state, result(run)) == ("succeeded", 7)


def test_an_event_of_another_key_wakes_nobody(engine: Engine) -> None:
    run = engine.run("payment", input={"label": "A1"})

    receive("order.paid", {"pence": 7}, match="A2", source_id="e1")
    engine.work()

    assert fresh(run).state == "waiting"


def test_an_event_that_comes_first_waits_for_its_run(engine: Engine) -> None:
    receive("order.paid", {"pence": 7}, match="A1", source_id="e1")

    run = engine.run("payment", input={"label": "A1"})

    assert (run.state, result(run)) == ("succeeded", 7)


def test_the_same_event_again_changes_nothing_and_is_counted(engine: Engine) -> None:
    receive("order.paid", {"pence": 7}, match="A1", source_id="e1")

    again = receive("order.paid", {"pence": 9}, match="A1", source_id="e1")

    assert (again.payload, again.duplicates) == ({"pence": 7}, 1)
    assert Signal.objects.count() == 1


def test_an_event_without_an_id_is_refused(engine: Engine) -> None:
    with pytest.raises(NotPossible, match="an id that its sender never uses again"):
        receive("order.paid", {}, source_id="")

    assert not Signal.objects.exists()


def test_a_process_that_does_not_publish_leaves_the_waking_to_the_keeper(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = engine.run("payment", input={"label": "A1"})
    monkeypatch.setattr(dispatch._Process, "publishes", False)

    receive("order.paid", {"pence": 7}, match="A1", source_id="e1")

    woken = the_step(run, "paid").wake_at
    assert woken is not None
    assert woken <= timezone.now()


def test_a_step_that_was_woken_for_nothing_waits_on(engine: Engine) -> None:
    runs = [engine.run("payment", input={"label": "A1"}) for _ in range(2)]

    receive("order.paid", {"pence": 7}, match="A1", source_id="e1")
    engine.work()

    first, second = sorted(runs, key=lambda run: fresh(run).state)
    assert (fresh(first).state, fresh(second).state) == ("succeeded", "waiting")
    waiting = the_step(second, "paid")
    assert waiting.wake_at == waiting.until


def test_an_event_and_its_waiter_that_come_at_once_do_not_miss_each_other(engine: Engine) -> None:
    def send() -> None:
        receive("order.paid", {"pence": 7}, match="A1", source_id="e1")
        connection.close()

    sender = threading.Thread(target=send)
    with transaction.atomic():
        # It begins to wait and looks for the event, which is sent before this has committed.
        run = engine.start("payment", input={"label": "A1"})
        sender.start()
        sender.join(timeout=0.5)
    sender.join(timeout=10)
    engine.work()

    assert (fresh(run).state, result(run)) == ("succeeded", 7)
