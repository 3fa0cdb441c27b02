"""A chain of 20 steps that changes its pool at every step: segments cannot help there."""

from __future__ import annotations

from collections.abc import Iterator

from celery import Signature, chain

from bench import peer, workflows
from bench.bench import Bench
from bench.figures import Figure, Target
from bench.measures.chain import compare


def measure(bench: Bench) -> Iterator[Figure]:
    yield from compare(
        bench,
        "chain of 20, another pool at every step",
        workflows.hopping,
        hopping,
        cpu=Target(2.0, beyond_peer=True),
    )


def hopping() -> Signature:
    return chain(
        *(
            peer.add.s(*([1] if number == 0 else [])).set(queue=peer.QUEUES[number % 2])
            for number in range(workflows.CHAIN)
        )
    )
