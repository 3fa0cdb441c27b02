"""Events from outside: kept once, and told to the runs that wait for them."""

from __future__ import annotations

import threading
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection, transaction
from django.utils import timezone

from aiops.execution import dispatch
from aiops.execution.incoming import Incoming
from aiops.execution.receive import receive, take_in
from aiops.execution.resume import NotPossible
from aiops.models import Signal
from aiops.upkeep.retention import sweep
from tests.execution.engine import COMMITS, Engine, fresh, result, the_step
from tests.execution.threads import at_once

pytestmark = COMMITS


def paid(number: str = "e1", **fields: Any) -> Incoming:
    given = {"name": "order.paid", "payload": {"pence": 7}, "match": "A1", "source": "/shop"}
    return Incoming(**{**given, "source_id": number, **fields})


def became(number: str = "e1") -> str:
    return str(Signal.objects.get(source_id=number).became)


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


# The inbox


def test_one_event_that_comes_twice_at_the_same_moment_is_kept_once_and_counted(
    engine: Engine,
) -> None:
    found = at_once([lambda: take_in(paid())] * 4)

    assert sorted(signal.is_new for signal in found) == [False, False, False, True]
    assert list(Signal.objects.values_list("duplicates", flat=True)) == [3]


def test_one_id_at_the_same_moment_under_two_keys_is_one_event(engine: Engine) -> None:
    found = at_once([lambda: take_in(paid(match="A1")), lambda: take_in(paid(match="A2"))])

    assert sorted(signal.is_new for signal in found) == [False, True]
    assert Signal.objects.count() == 1


def test_a_duplicate_says_when_it_came(engine: Engine) -> None:
    first = take_in(paid())
    Signal.objects.update(last_seen_at=timezone.now() - timedelta(days=2))

    again = take_in(paid())

    assert again.last_seen_at >= first.received_at
    assert again.received_at == first.received_at


@pytest.mark.parametrize("other", [{"source": "/till"}, {"tenant": "acme"}])
def test_another_senders_event_of_the_same_id_is_another_event(
    engine: Engine, other: dict[str, str]
) -> None:
    take_in(paid())

    assert take_in(paid(**other)).is_new


def test_an_event_without_a_waiter_is_kept_and_says_so_until_it_is_taken(engine: Engine) -> None:
    take_in(paid())
    before = became()

    run = engine.run("payment", input={"label": "A1"})

    assert (before, became(), run.state) == ("kept", "woke", "succeeded")


def test_an_event_names_the_runs_that_waited_for_it(engine: Engine) -> None:
    run = engine.run("payment", input={"label": "A1"})

    signal = take_in(paid())

    assert (signal.became, signal.woken) == ("woke", [str(run.id)])


def test_an_event_whose_duplicate_is_being_counted_is_taken_all_the_same(engine: Engine) -> None:
    take_in(paid())
    counted, began = threading.Event(), threading.Event()

    def count() -> None:
        with transaction.atomic():
            Signal.objects.update(duplicates=1)
            counted.set()
            began.wait(10)
        connection.close()

    counter = threading.Thread(target=count)
    counter.start()
    counted.wait(10)
    threading.Timer(0.2, began.set).start()
    run = engine.run("payment", input={"label": "A1"})
    counter.join(10)

    assert run.state == "succeeded"


def test_data_that_is_nothing_is_kept_as_nothing(engine: Engine) -> None:
    take_in(paid(payload=None))

    assert Signal.objects.get().payload is None


@pytest.mark.parametrize(
    ("payload", "told"),
    [
        ({"a": "\x00"}, "NUL"),
        ({"a": float("nan")}, "cannot be kept"),
        ({"a": "x" * 1_000_001}, "send its address"),
    ],
)
def test_data_that_cannot_be_kept_is_refused_with_what_to_do(
    engine: Engine, payload: Any, told: str
) -> None:
    with pytest.raises(NotPossible, match=told):
        take_in(paid(payload=payload))

    assert not Signal.objects.exists()


def test_data_that_is_nested_without_an_end_is_refused(engine: Engine) -> None:
    deep: Any = []
    for _ in range(5_000):
        deep = [deep]

    with pytest.raises(NotPossible, match="make it flatter"):
        take_in(paid(payload=deep))


# How long it is kept


def days_ago(days: float, **fields: Any) -> None:
    Signal.objects.update(received_at=timezone.now() - timedelta(days=days), **fields)


@pytest.mark.parametrize(
    ("days", "fields", "is_left"),
    [
        (29, {"became": "woke"}, True),
        (31, {"became": "woke"}, False),
        (31, {"became": "started", "has_started": True}, False),
        (31, {"became": "kept"}, True),
        (31, {"became": "failed"}, True),
        (91, {"became": "kept"}, False),
        (91, {"became": "failed"}, False),
    ],
)
def test_an_event_is_swept_after_its_days_and_later_when_nobody_has_taken_it(
    engine: Engine, days: int, fields: dict[str, Any], is_left: bool
) -> None:
    take_in(paid())
    days_ago(days, **fields)

    sweep()

    assert Signal.objects.exists() == is_left
