"""Many workers at the same time, on real connections: what one of them does, no other repeats."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress

import pytest
from django.db import connection

from aiops.execution.advance import advance
from aiops.execution.cancel import cancel
from aiops.execution.resume import NotPossible, pause, resume
from aiops.models import Attempt, Run
from tests.execution.engine import COMMITS, Engine, at_random, fresh, result, states
from tests.execution.threads import at_once
from tests.flows.script import Script

pytestmark = COMMITS

WORKERS = 4


def deadlocks() -> int:
    """How many deadlocks PostgreSQL has broken up in this database."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_stat_clear_snapshot()")
        cursor.execute("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()")
        return int(cursor.fetchone()[0])


def worker(engine: Engine, runs: list[Run], seed: int) -> Callable[[], None]:
    """Take messages, each of them twice, until all runs have ended."""
    pick = at_random(seed)

    def work() -> None:
        give_up = time.monotonic() + 20
        while time.monotonic() < give_up:
            try:
                letter = engine.letters.pop(pick(engine.letters))
            except (IndexError, ValueError):
                if not Run.objects.filter(finished_at__isnull=True).exists():
                    return
                continue
            for _ in range(2):
                engine.deliver(letter)

    return work


@pytest.mark.parametrize(
    ("name", "given", "expected"),
    [
        ("diamond", {"number": 5}, 14),
        ("relay", {"number": 5}, 51),
        ("squares", {"items": list(range(30))}, sum(n * n for n in range(30))),
        ("family", {"number": 1}, "child made 4"),
    ],
)
def test_workers_at_the_same_time_run_each_step_once(
    engine: Engine, script: Script, name: str, given: dict[str, object], expected: object
) -> None:
    runs = [engine.start(name, input=given) for _ in range(5)]

    found = at_once([worker(engine, runs, seed) for seed in range(WORKERS)])

    assert found == [None] * WORKERS
    assert [(fresh(run).state, result(run)) for run in runs] == [("succeeded", expected)] * 5
    steps = Attempt.objects.filter(outcome="succeeded").values_list("step", flat=True)
    assert len(steps) == len(set(steps))
    assert deadlocks() == 0


def test_advancing_at_the_same_time_sends_each_message_once(engine: Engine) -> None:
    run = engine.start("diamond")
    engine.deliver(engine.letters.pop())
    letters = len(engine.letters)

    at_once([lambda: advance(run.id)] * 8)

    assert len(engine.letters) == letters


def test_verbs_in_the_middle_of_the_work_do_not_lock_each_other_out(engine: Engine) -> None:
    runs = [engine.start("roots", input={"items": list(range(20))}) for _ in range(6)]

    def operate() -> None:
        for run in runs[:3]:
            with suppress(NotPossible):  # it was faster
                pause(run.id, actor="ann")
                resume(run.id, actor="ann")
        for run in runs[3:]:
            with suppress(NotPossible):
                cancel(run.id, reason="enough", actor="ann", now=True)

    found = at_once([operate, *(worker(engine, runs, seed) for seed in range(WORKERS - 1))])

    assert found == [None] * WORKERS
    ended = {fresh(run).state for run in runs}
    assert ended <= {"succeeded", "cancelled"}, [states(run) for run in runs]
    assert deadlocks() == 0
