"""Many short runs: 300 of 5 steps, from the first start to the last end."""

from __future__ import annotations

from collections.abc import Iterator

import celery

from bench import peer, runs, workflows
from bench.bench import Bench
from bench.figures import Figure, Spread

RUNS = 300
STEPS = 5


def measure(bench: Bench) -> Iterator[Figure]:
    rounds = range(min(bench.rounds, 3))
    yield Figure(
        f"{RUNS} runs of {STEPS} steps",
        "steps per s",
        Spread.of([RUNS * STEPS / _ours_s() for _ in rounds]),
        Spread.of([RUNS * STEPS / _peers_s(bench) for _ in rounds]),
    )


def _ours_s() -> float:
    begun = runs.start(workflows.five, RUNS)
    runs.finish(begun)
    return runs.took_s(begun)


def _peers_s(bench: Bench) -> float:
    with bench.stack.measured() as spent:
        runs.receive(runs.send(_five, RUNS))
    return spent.wall_s


def _five() -> celery.Signature:
    return celery.chain(peer.add.s(1), *(peer.add.s() for _ in range(1, STEPS)))
