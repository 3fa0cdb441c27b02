"""A chain of 20 steps in one pool: what a step costs in CPU seconds and in waiting."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from celery import Signature, chain

from aiops.flow.workflows import Workflow
from bench import peer, runs, workflows
from bench.bench import Bench
from bench.figures import Figure, Spread, Target
from bench.stack import Spent

#: Chains at once: 1,000 steps a round.
AT_ONCE = 50
STEPS = AT_ONCE * workflows.CHAIN
ONE_BY_ONE = 20

Canvas = Callable[[], Signature]


def measure(bench: Bench) -> Iterator[Figure]:
    yield from compare(
        bench,
        "chain of 20, one pool",
        workflows.twenty,
        plain,
        cpu=Target(1.5),
        wall=Target(1.5),
    )
    costs = [_peers(bench, lean).peers_s for _ in range(bench.rounds)]
    yield Figure(
        "bare Celery's chain of 20 without results but the last",
        "CPU s per 1,000 steps",
        ours=Spread.of(costs),
        peer_says="itself",
    )


def plain() -> Signature:
    return chain(peer.add.s(1), *(peer.add.s() for _ in range(1, workflows.CHAIN)))


def lean() -> Signature:
    links = [peer.add_leanly.s() for _ in range(2, workflows.CHAIN)]
    return chain(peer.add_leanly.s(1), *links, peer.add.s())


def compare(
    bench: Bench,
    what: str,
    workflow: Workflow,
    canvas: Canvas,
    *,
    cpu: Target,
    wall: Target | None = None,
) -> Iterator[Figure]:
    """CPU of many chains at once, and waiting for one chain at a time."""
    runs.finish(runs.start(workflow, 3))
    ours = [_ours(bench, workflow) for _ in range(bench.rounds)]
    peers = [_peers(bench, canvas) for _ in range(bench.rounds)]
    yield Figure(
        what,
        "CPU s per 1,000 steps",
        Spread.of([spent.ours_s for spent in ours]),
        Spread.of([spent.peers_s for spent in peers]),
        cpu,
        _parts(ours),
    )
    alone = range(ONE_BY_ONE // (4 if bench.is_quick else 1))
    times = [_alone(workflow) for _ in alone]
    yield Figure(
        f"{what}, one run at a time",
        "ms per step",
        Spread.of([taken_s / workflows.CHAIN * 1e3 for taken_s, _ in times]),
        Spread.of([_peer_alone_s(bench, canvas) / workflows.CHAIN * 1e3 for _ in alone]),
        wall,
        {
            "ms until the first step": Spread.of([waited * 1e3 for _, waited in times]).middle,
            "ms per step from then on": Spread.of(
                [(taken - waited) / workflows.CHAIN * 1e3 for taken, waited in times]
            ).middle,
        },
    )


def _ours(bench: Bench, workflow: Workflow) -> Spent:
    with bench.stack.measured() as spent:
        runs.finish(runs.start(workflow, AT_ONCE))
    return spent


def _peers(bench: Bench, canvas: Canvas) -> Spent:
    with bench.stack.measured() as spent:
        runs.receive(runs.send(canvas, AT_ONCE))
    return spent


def _alone(workflow: Workflow) -> tuple[float, float]:
    """Seconds from start to end, and of those until the first step began."""
    begun = runs.start(workflow, 1)
    runs.finish(begun)
    return runs.took_s(begun), runs.waited_s(begun[0])


def _peer_alone_s(bench: Bench, canvas: Canvas) -> float:
    with bench.stack.measured() as spent:
        runs.receive(runs.send(canvas, 1))
    return spent.wall_s


def _parts(rounds: list[Spent]) -> dict[str, float]:
    """The middle of each part; the starter's own time is told, and not part of the sum."""
    names = ("workers", "keeper", "postgres", "valkey", "starter")
    return {name: Spread.of([spent.cpu_s[name] for spent in rounds]).middle for name in names}
