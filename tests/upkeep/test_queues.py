"""What the page of queues, the dashboard and the metrics say of every pool."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from aiops.celery import app
from aiops.models import Node, Pause, Run, Step
from aiops.pools import POOLS
from aiops.upkeep.queues import QueueRow, drain_s, messages, oldest_of, queues
from tests.execution.orders import begun, done, edit, map_of, set_run, tried

pytestmark = pytest.mark.django_db


def of(pool: str) -> QueueRow:
    return next(row for row in queues() if row.pool == pool)


def worker(pool: str, *, silent_s: float = 0, name: str = "") -> Node:
    seen_at = timezone.now() - timedelta(seconds=silent_s)
    return Node.objects.create(
        name=name or f"{pool}@here", role="worker", pool=pool, host="here", pid=1, seen_at=seen_at
    )


def waiting_since(seconds: float) -> Run:
    run = begun()
    edit(run, "read", since=timezone.now() - timedelta(seconds=seconds))
    return run


def test_every_pool_is_told_in_its_order_even_when_nothing_happens() -> None:
    assert [row.pool for row in queues()] == list(POOLS)
    assert of("llm") == QueueRow("llm", 0, None, 0, 0, 0, None, 0.0)


def test_steps_that_wait_are_counted_and_the_oldest_gives_the_age() -> None:
    waiting_since(90)
    waiting_since(20)

    row = of("io")

    assert row.waiting == 2
    assert row.oldest_s == pytest.approx(90, abs=2)


def test_ready_items_of_an_open_map_wait_too() -> None:
    run = begun()
    map_of(run, queued=5, running=1, succeeded=3)

    row = of("io")

    assert (row.waiting, row.busy) == (5, 1)


def test_steps_that_wait_for_no_worker_are_not_in_a_queue() -> None:
    retried, ended = begun(), begun()
    edit(retried, "read", state="retrying", wake_at=timezone.now(), dispatch_due=None)
    set_run(ended, state="cancelled", finished_at=timezone.now())

    assert of("io").waiting == 0


def test_what_a_person_has_paused_is_held_and_waits_for_no_worker() -> None:
    begun()
    set_run(begun(), paused_at=timezone.now())

    row = of("io")

    assert (row.waiting, row.held) == (1, 1)


def test_steps_of_a_paused_workflow_are_held() -> None:
    run = begun()
    Pause.objects.create(what="workflow", name=run.workflow, reason="why", paused_by="ann")

    row = of("io")

    assert (row.waiting, row.held, row.oldest_s) == (0, 1, None)


def test_a_paused_pool_says_who_paused_it_and_when_it_ends_is_not_known() -> None:
    begun()
    worker("io")
    Pause.objects.create(what="pool", name="io", reason="provider change", paused_by="ann")

    row = of("io")

    assert row.paused is not None
    assert (row.paused.paused_by, row.waiting, row.drain_s) == ("ann", 1, None)


def test_slots_are_those_of_live_nodes() -> None:
    worker("llm")
    worker("llm", name="llm@there")
    worker("llm", name="llm@gone", silent_s=600)

    row = of("llm")

    assert (row.nodes, row.slots) == (2, 2 * POOLS["llm"].concurrency)


def test_a_worker_that_holds_several_items_is_busy_once() -> None:
    run = begun()
    whole = map_of(run, running=4)
    Step.objects.filter(map=whole, item=3).update(worker="io@a/2")

    assert of("io").busy == 2


def test_the_queue_drains_at_the_rate_of_the_last_minutes() -> None:
    worker("io")
    old = begun()
    for _ in range(30):
        tried(edit(old, "read"))
    waiting_since(1)

    # Thirty attempts in five minutes, and two steps wait.
    assert of("io").drain_s == pytest.approx(20, abs=0.1)


def test_attempts_of_long_ago_say_nothing_about_the_rate() -> None:
    worker("io")
    run = begun()
    tried(edit(run, "read"), finished_at=timezone.now() - timedelta(hours=1))

    assert of("io").drain_s is None


@pytest.mark.parametrize(
    ("waiting", "rate", "is_moving", "expected"),
    [(0, 0.0, False, 0.0), (10, 2.0, True, 5.0), (10, 0.0, True, None), (10, 2.0, False, None)],
)
def test_a_drain_time_is_told_only_when_it_is_known(
    waiting: int, rate: float, is_moving: bool, expected: float | None
) -> None:
    assert drain_s(waiting, rate, is_moving=is_moving) == expected


def test_the_longest_wait_is_not_that_of_a_paused_pool() -> None:
    io = QueueRow("io", 1, 900.0, 0, 0, 0, Pause(what="pool", name="io"), None)
    llm = QueueRow("llm", 1, 30.0, 0, 0, 0, None, None)

    assert oldest_of([io, llm]) == llm
    assert oldest_of([io]) is None


def test_all_pools_cost_four_queries_however_many_runs_wait() -> None:
    for _ in range(5):
        run = begun()
        done(run, "read")
    map_of(begun(), queued=3)

    with CaptureQueriesContext(
        connection,
    ) as spent:
        queues()

    assert len(spent) == 4


def test_messages_at_the_broker_are_told_for_every_pool() -> None:
    found = messages()

    assert found is not None
    assert set(found) == set(POOLS)


@pytest.fixture
def silent_port() -> Iterator[int]:
    """A port that takes connections and never answers."""
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        yield server.getsockname()[1]


def test_a_broker_that_does_not_answer_holds_nobody_up(
    silent_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(app.conf, "broker_read_url", f"redis://127.0.0.1:{silent_port}/0")
    began = time.monotonic()

    assert messages() is None
    assert time.monotonic() - began < 1.5


def test_a_broker_that_is_not_there_holds_nobody_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(app.conf, "broker_read_url", "redis://127.0.0.1:1/0")
    began = time.monotonic()

    assert messages() is None
    assert time.monotonic() - began < 1.5
