"""What goes over the wire for a step: statements, commits, WAL, messages, broker commands."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager

from celery import chord
from redis import Redis

from bench import peer, runs, statements, workflows
from bench.bench import Bench
from bench.figures import Figure, Spread, Target
from bench.measures.chain import plain
from bench.measures.hopping import hopping
from bench.messages import Messages, overheard
from bench.statements import Traffic
from aiops.flow.workflows import Workflow

AT_ONCE = 50
ITEMS = 1_000


def measure(bench: Bench) -> Iterator[Figure]:
    broker = Redis.from_url(bench.stack.env["BROKER_URL"])
    log = bench.stack.log("postgres")

    def watched() -> AbstractContextManager[Traffic]:
        return statements.watched(log, broker)

    def chains(workflow: Workflow) -> Callable[[], None]:
        return lambda: runs.finish(runs.start(workflow, AT_ONCE))

    steps = AT_ONCE * workflows.CHAIN
    for what, act, number, targets in (
        ("chain of 20, one pool", chains(workflows.twenty), steps, (Target(1.2), Target(4))),
        ("chain of 20, another pool at every step", chains(workflows.hopping), steps, (None, None)),
        ("map of 1,000 items", lambda: runs.finish(runs.start(workflows.squares, 1, ITEMS)), ITEMS, (None, None)),
    ):
        with watched() as traffic:
            act()
        yield from _per_step(what, traffic, number, *targets)
