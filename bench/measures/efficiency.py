"""Steps of 50 ms, 16 at a time: the time they would take by themselves, over the time they took."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import celery

from bench import peer, runs, workflows
from bench.bench import Bench
from bench.figures import Figure, Spread, Target
from bench.stack import CONCURRENCY

ITEMS = 1_600
RUNS = 300


def measure(bench: Bench) -> Iterator[Figure]:
    items = ITEMS // 4 if bench.is_quick else ITEMS
    rounds = min(bench.rounds, 3)
    yield _figure(
        f"map of {items:,} steps of 50 ms",
        items,
        [_map_s(items) for _ in range(rounds)],
        [_timed(bench, lambda: _chord(items)) for _ in range(rounds)],
    )
    yield _figure(
        f"{RUNS} runs of one step of 50 ms",
        RUNS,
        [_singles_s() for _ in range(rounds)],
        [_timed(bench, _singles) for _ in range(rounds)],
    )


def _figure(what: str, steps: int, ours: list[float], peers: list[float]) -> Figure:
    ideal_s = steps * workflows.NAP_S / CONCURRENCY
    return Figure(
        f"efficiency, {CONCURRENCY} at a time: {what}",
        "ideal / real",
        Spread.of([ideal_s / took_s for took_s in ours]),
        Spread.of([ideal_s / took_s for took_s in peers]),
        Target(0.8, "at least"),
    )


def _map_s(items: int) -> float:
    begun = runs.start(workflows.naps, 1, items)
    runs.finish(begun)
    return runs.took_s(begun)


def _singles_s() -> float:
    begun = runs.start(workflows.single, RUNS)
    runs.finish(begun)
    return runs.took_s(begun)


def _timed(bench: Bench, act: Callable[[], None]) -> float:
    with bench.stack.measured() as spent:
        act()
    return spent.wall_s


def _chord(items: int) -> None:
    sent = celery.chord([peer.nap.s(item) for item in range(items)])(peer.total.s())
    runs.receive([sent])


def _singles() -> None:
    runs.receive([peer.nap.delay(item) for item in range(RUNS)])
