"""An answer is in the record while it is written, and a cancelled run closes it."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from django.db import connection
from pytest_django.fixtures import Settings

from aiops.execution.cancel import cancel
from aiops.models import ModelCall, Run
from tests.execution.engine import COMMITS, Engine, fresh, result, the_step
from tests.fault_server.control import FaultServer

pytestmark = COMMITS


@pytest.fixture(autouse=True)
def priced(settings: Settings) -> None:
    settings.AIOPS_PRICES = {"faulty": {"input": 1.0, "output": 1.0}}
    settings.AIOPS_BUDGETS = {}


def test_what_is_written_is_in_the_record_while_it_is_written(
    engine: Engine, faults: FaultServer
) -> None:
    faults.always("drip:0.5")
    run = engine.start("narrating", input={"label": "a b c d"})
    seen: list[dict[str, Any]] = []

    with _watched(run, seen):
        engine.work()

    texts = [one["partial"] for one in seen if one and "partial" in one]
    assert texts
    assert all("tell of a b c d".startswith(text) for text in texts)
    assert all(one["text"] == "Writing" for one in seen if one)
    assert result(run) == "tell of a b c d"
    assert the_step(run, "narrate").progress is None


def test_cancelling_a_run_closes_its_stream(engine: Engine, faults: FaultServer) -> None:
    faults.always("drip:0.5")
    run = engine.start("narrating", input={"label": "a b c d e f g h i j k l m n o p"})
    waiter = threading.Thread(target=_cancel_when_it_runs, args=(run, faults))
    waiter.start()

    engine.work()
    waiter.join()

    counts = faults.wait_for(lambda counts: counts["client_gone"] == 1)
    assert counts == {"arrived": 1, "computed": 1, "completed": 0, "client_gone": 1}
    assert fresh(run).state == "cancelled"
    [call] = ModelCall.objects.filter(run=run)
    assert (call.outcome, call.is_uncertain) == ("cancelled", True)


def _cancel_when_it_runs(run: Run, faults: FaultServer) -> None:
    faults.wait_for(lambda counts: counts["arrived"] == 1)
    cancel(run.id, actor="ann", reason="enough")
    connection.close()


class _watched:
    """Reads a run's only step now and then, from another thread."""

    def __init__(self, run: Run, seen: list[dict[str, Any]]) -> None:
        self._run, self._seen = run, seen
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._over.wait(0.1):
            self._seen.append(the_step(self._run, "narrate").progress or {})
        connection.close()
