"""What goes over the wire for a step: statements, commits, WAL, messages, broker commands."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from celery import Signature, chord
from redis import Redis

from aiops.flow.workflows import Workflow
from bench import peer, runs, statements, workflows
from bench.bench import Bench
from bench.figures import Figure, Spread, Target
from bench.measures import chain, hopping
from bench.messages import overheard

ITEMS = 1_000
PROCESSES = ("workers", "keeper", "starter")


@dataclass(frozen=True, slots=True)
class Case:
    """The same work for us and for the peer, in steps."""

    what: str
    workflow: Workflow
    canvas: Callable[[], Signature]
    runs: int
    steps: int
    items: int = 0
    commits: Target | None = None
    statements: Target | None = None
    messages: Target | None = None


def _chord() -> Signature:
    return chord([peer.square.s(item) for item in range(ITEMS)], peer.total.s())


CASES = (
    Case(
        "chain of 20, one pool",
        *(workflows.twenty, chain.plain, 50, workflows.CHAIN),
        commits=Target(1.2),
        statements=Target(4),
    ),
    Case("chain of 20, another pool at every step", workflows.hopping, hopping.hopping, 50, 20),
    # 16 members, the body of their chord, and what comes after the map.
    Case("map of 1,000 items", workflows.squares, _chord, 1, ITEMS, ITEMS, messages=Target(40)),
)


def measure(bench: Bench) -> Iterator[Figure]:
    broker = Redis.from_url(bench.stack.env["BROKER_URL"])
    for case in CASES:
        yield from _per_step(bench, broker, case)
        yield from _per_run(broker, case)


def _per_step(bench: Bench, broker: Redis, case: Case) -> Iterator[Figure]:
    with statements.watched(bench.stack.log("postgres"), broker) as ours:
        runs.finish(runs.start(case.workflow, case.runs, case.items))
    with statements.watched(bench.stack.log("postgres"), broker) as peers:
        runs.receive(runs.send(case.canvas, case.runs))
    steps = case.runs * case.steps
    yield _one(
        f"{case.what}: statements",
        ours.number(*PROCESSES) / steps,
        case.statements,
        {who: ours.number(who) / steps for who in PROCESSES}
        | {"with BEGIN and COMMIT": ours.round_trips(*PROCESSES) / steps},
    )
    yield _one(f"{case.what}: commits", ours.commits / steps, case.commits)
    yield _one(f"{case.what}: WAL bytes", ours.wal_bytes / steps)
    yield Figure(
        f"{case.what}: broker commands",
        "per step",
        Spread.of([ours.commands.total() / steps]),
        Spread.of([peers.commands.total() / steps]),
    )


def _per_run(broker: Redis, case: Case) -> Iterator[Figure]:
    with overheard(broker) as ours:
        runs.finish(runs.start(case.workflow, 1, case.items))
    with overheard(broker) as peers:
        runs.receive(runs.send(case.canvas, 1))
    yield Figure(
        f"{case.what}: messages",
        "per run",
        Spread.of([len(ours.sizes)]),
        Spread.of([len(peers.sizes)]),
        case.messages,
    )
    yield Figure(
        f"{case.what}: bytes of a message", "bytes", Spread.of(ours.sizes), Spread.of(peers.sizes)
    )


def _one(
    what: str, value: float, target: Target | None = None, parts: dict[str, float] | None = None
) -> Figure:
    return Figure(what, "per step", Spread.of([value]), target=target, parts=parts or {})
