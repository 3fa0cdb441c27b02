"""The same jobs under the same faults: what is paid, sent twice, held up, and how soon it is over."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from celery import Celery
from django.db.models import F, Sum

from aiops.execution.start import start_run
from aiops.models import Attempt, Lane
from aiops.providers import limits
from bench import faulty
from bench.bench import Bench
from bench.figures import Figure, Spread
from bench.provider import Provider, providing
from bench.stack import Stack

JOBS = 24
OUTAGE_S = 20.0
#: After an outage, and for a scenario without one, this much is waited for all jobs to be done.
PATIENCE_S = 120.0
#: After the last job is sent, this long until the workers are done with it.
SETTLE_S = 2.0
#: After a redelivery, this long for what is sent a second time.
SECONDS_S = 10.0


@dataclass(frozen=True, slots=True)
class Scenario:
    """A script of the provider, how long it lasts (0: until it is used up), and what dies."""

    what: str
    rules: tuple[Mapping[str, Any], ...] = ()
    lasts_s: float = 0.0
    #: The worker is killed once so many jobs have been sent.
    kill_at: int = 0


@dataclass(frozen=True, slots=True)
class Seen:
    """What came of a scenario on one side."""

    paid: int
    requests: int
    done: int
    duplicates: int
    slot_s: float
    #: From the end of the fault until all were sent; None when not all were.
    drained_s: float | None


@dataclass(frozen=True, slots=True)
class Side:
    """Ours, or the peer."""

    node: str
    prefix: str
    start: Callable[[list[str]], None]
    slot_s: Callable[[], float]
    forget: Callable[[], None]


def measure(bench: Bench) -> Iterator[Figure]:
    outage_s = OUTAGE_S / 2 if bench.is_quick else OUTAGE_S
    with providing() as provider:
        bench.stack.env |= {
            "BENCH_PROVIDER": provider.root,
            "AIOPS_WORKFLOWS": "bench.workflows,bench.faulty",
            "AIOPS_MODEL_URL": f"{provider.root}/v1",
            "AIOPS_MODEL_NAME": faulty.MODEL,
            "AIOPS_PRICES": json.dumps({faulty.MODEL: {"input": 1, "output": 1}}),
        }
        _start_ours_worker(bench.stack)
        _start_peers_worker(bench.stack)
        for scenario in _scenarios(outage_s):
            ours, peers = (_play(bench.stack, provider, scenario, side) for side in (OURS, PEER))
            yield from _figures(scenario, ours, peers)


def _scenarios(outage_s: float) -> Iterator[Scenario]:
    yield Scenario("no fault")
    for name, fault in (("429 with a reset", f"429:{outage_s:g}"), ("529", "529")):
        yield Scenario(f"{name} for {outage_s:g} s", ({"then": fault},), outage_s)
    lost = JOBS // 4
    fourth = [{"prompt": f"Answer {n:02d}-", "faults": ["drop-after"]} for n in range(3, JOBS, 4)]
    yield Scenario("every fourth answer lost on its way", tuple(fourth))
    yield Scenario(f"the first {lost} answers lost", ({"faults": ["drop-after"] * lost},))
    yield Scenario("the worker killed once", kill_at=JOBS // 2)


def _figures(scenario: Scenario, ours: Seen, peers: Seen) -> Iterator[Figure]:
    def figure(what: str, unit: str, mine: float, theirs: float) -> Figure:
        name = f"{scenario.what}, {JOBS} jobs: {what}"
        return Figure(name, unit, Spread.of([mine]), Spread.of([theirs]))

    yield figure("requests to the provider", "requests", ours.requests, peers.requests)
    yield figure("answers on the bill", "calls", ours.paid, peers.paid)
    yield figure("sent more than once", "sends", ours.duplicates, peers.duplicates)
    yield figure("worker slots held", "slot s", ours.slot_s, peers.slot_s)
    done = f"{peers.done} of {JOBS} within {PATIENCE_S:.0f} s"
    assert ours.drained_s is not None, f"ours sent {ours.done} of {JOBS} in {PATIENCE_S:.0f} s"
    yield Figure(
        f"{scenario.what}, {JOBS} jobs: until all are sent"
        + (" after it" if scenario.lasts_s else ""),
        "s",
        Spread.of([ours.drained_s]),
        None if peers.drained_s is None else Spread.of([peers.drained_s]),
        peer_says=done if peers.drained_s is None else "",
    )


def _start_ours_worker(stack: Stack) -> None:
    from aiops.celery import app

    stack.add_worker(OURS.node, faulty.POOL, restart=True)
    stack.wait_until_ready(app, (OURS.node,))


def _start_peers_worker(stack: Stack) -> None:
    stack.add(
        "peers",
        PEER.node,
        *("-m", "celery", "-A", "bench.faulty", "worker", "-n", f"{PEER.node}@%h"),
        *("-Q", faulty.QUEUE, "-P", "threads", "-c", str(faulty.SLOTS), "-l", "WARNING"),
        *("--without-gossip", "--without-mingle"),
        restart=True,
    )
    stack.wait_until_ready(faulty.app, (PEER.node,))


def _play(stack: Stack, provider: Provider, scenario: Scenario, side: Side) -> Seen:
    """Start the jobs under the fault, end it, and wait until all are sent."""
    provider.reset()
    side.forget()
    provider.script(*scenario.rules)
    began = time.monotonic()
    side.start([f"{number:02d}-{uuid4().hex}" for number in range(JOBS)])
    if scenario.lasts_s:
        time.sleep(max(0.0, began + scenario.lasts_s - time.monotonic()))
        provider.script()
        began = time.monotonic()
    if scenario.kill_at:
        _until(lambda: provider.sink()["keys"] >= scenario.kill_at, PATIENCE_S)
        stack.kill9(side.node)
    drained_s = _until(lambda: provider.sink()["keys"] == JOBS, PATIENCE_S, began)
    # A send counts from its beginning: what the living still do is none of the redelivery's.
    time.sleep(SETTLE_S)
    if scenario.kill_at:
        _redeliver(side.prefix)
        time.sleep(SECONDS_S)
    counts, sink = provider.counts(), provider.sink()
    return Seen(
        paid=counts["computed"] - sink["effects"],
        requests=counts["arrived"] - sink["effects"],
        done=sink["keys"],
        duplicates=sink["duplicates"],
        slot_s=side.slot_s(),
        drained_s=drained_s,
    )


def _redeliver(prefix: str) -> None:
    """Play the broker's redelivery of what was not acknowledged, an hour before its time."""
    app = Celery("redelivery", broker=os.environ["BROKER_URL"])
    app.conf.broker_transport_options = {"global_keyprefix": prefix, "visibility_timeout": 0}
    with app.connection_for_write() as connection:
        channel: Any = connection.default_channel
        channel.qos.restore_visible(num=JOBS)


def _until(there: Callable[[], bool], wait_s: float, since: float | None = None) -> float | None:
    """Seconds until something was there; None when it was not in time."""
    began = time.monotonic()
    while not there():
        if time.monotonic() - began > wait_s:
            return None
        time.sleep(0.05)
    return time.monotonic() - (since or began)


def _start_ours(keys: list[str]) -> None:
    for key in keys:
        start_run(faulty.answering, {"key": key})


def _slots_of_ours() -> float:
    """Of attempts that a worker ended; the dead hold no slots, on either side."""
    took = Attempt.objects.filter(run__workflow=faulty.answering.name, finished_at__isnull=False)
    took = took.exclude(outcome="lost")
    found = took.aggregate(took=Sum(F("finished_at") - F("started_at")))["took"]
    return float(found.total_seconds()) if found else 0.0


def _forget_ours() -> None:
    """An earlier scenario's lane is no part of the next one."""
    Attempt.objects.filter(run__workflow=faulty.answering.name).delete()
    Lane.objects.all().delete()
    redis = limits._redis()
    if keys := redis.keys("aiops:lane:*"):
        redis.delete(*keys)  # type: ignore[misc]  # a plain client answers at once


def _start_peers(keys: list[str]) -> None:
    for key in keys:
        faulty.job(key).apply_async()


def _slots_of_peers() -> float:
    return sum(map(float, faulty.app.backend.client.lrange(faulty.SLOT_KEY, 0, -1)))


OURS = Side("faulty", "aiops:", _start_ours, _slots_of_ours, _forget_ours)
PEER = Side(
    "peer.faulty",
    "peer:",
    _start_peers,
    _slots_of_peers,
    lambda: faulty.app.backend.client.delete(faulty.SLOT_KEY),
)
