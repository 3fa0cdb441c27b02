"""How long the caller waits: `start_run` in its process, next to `chain.apply_async()`."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from statistics import quantiles

from bench import runs, workflows
from bench.bench import Bench
from bench.figures import Figure, Spread, Target
from bench.measures import chain

CALLS = 100
#: Between two calls to idle workers: enough for them to be idle again.
PAUSE_S = 0.05
BACKLOG = 100


def measure(bench: Bench) -> Iterator[Figure]:
    calls = CALLS // 4 if bench.is_quick else CALLS
    yield from _compare("workers idle", calls, PAUSE_S, backlog=0)
    yield from _compare("workers busy", calls, 0.0, backlog=BACKLOG)


def _compare(when: str, calls: int, pause_s: float, *, backlog: int) -> Iterator[Figure]:
    begun = runs.start(workflows.twenty, backlog)
    ours = _times_ms(lambda: begun.extend(runs.start(workflows.twenty, 1)), calls, pause_s)
    runs.finish(begun)
    sent = runs.send(chain.plain, backlog)
    peers = _times_ms(lambda: sent.extend(runs.send(chain.plain, 1)), calls, pause_s)
    runs.receive(sent)
    for name, at, target in (("p50", 49, None), ("p95", 94, Target(15))):
        yield Figure(
            f"accepting a chain of 20, {when}: {name}",
            "ms",
            Spread.of([quantiles(ours, n=100)[at]]),
            Spread.of([quantiles(peers, n=100)[at]]),
            target,
        )


def _times_ms(act: Callable[[], None], calls: int, pause_s: float) -> list[float]:
    times: list[float] = []
    for _ in range(calls):
        began = time.perf_counter()
        act()
        times.append((time.perf_counter() - began) * 1e3)
        time.sleep(pause_s)
    return times
