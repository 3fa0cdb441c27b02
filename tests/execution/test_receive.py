"""Events from outside: kept once, and told to the runs that wait for them."""

from __future__ import annotations

import pytest

from aiops.execution.receive import receive
from aiops.execution.resume import NotPossible
from aiops.models import Signal
from tests.execution.engine import COMMITS, Engine, fresh, result

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
