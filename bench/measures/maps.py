"""Maps of 1,000 and 10,000 items next to bare Celery chords of the same size."""

from __future__ import annotations

from collections.abc import Iterator

from celery import chord

from bench import peer, runs, workflows
from bench.bench import Bench
from bench.figures import Figure, Spread, Target
from bench.stack import Spent


def measure(bench: Bench) -> Iterator[Figure]:
    yield from _compare(bench, 1_000, min(bench.rounds, 3), Target(3.8))
    yield from _compare(bench, 10_000, 1, Target(0.0, beyond_peer=True))


def _compare(bench: Bench, items: int, rounds: int, target: Target) -> Iterator[Figure]:
    ours = [_ours(bench, items) for _ in range(rounds)]
    peers = [_peers(bench, items) for _ in range(rounds)]
    yield Figure(
        f"map of {items:,} items",
        "s",
        Spread.of([spent.wall_s for spent in ours]),
        Spread.of([spent.wall_s for spent in peers]),
        target,
    )
    parts = ("workers", "keeper", "postgres", "valkey", "starter")
    yield Figure(
        f"map of {items:,} items",
        "CPU s",
        Spread.of([spent.ours_s for spent in ours]),
        Spread.of([spent.peers_s + spent.cpu_s["starter"] for spent in peers]),
        parts={part: Spread.of([spent.cpu_s[part] for spent in ours]).middle for part in parts},
    )


def _ours(bench: Bench, items: int) -> Spent:
    with bench.stack.measured() as spent:
        begun = runs.start(workflows.squares, 1, items)
        runs.finish(begun)
    spent.wall_s = runs.took_s(begun)
    return spent


def _peers(bench: Bench, items: int) -> Spent:
    with bench.stack.measured() as spent:
        sent = chord([peer.square.s(item) for item in range(items)])(peer.total.s())
        runs.receive([sent])
    return spent
