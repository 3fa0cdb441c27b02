"""A worker dies by kill -9 in the middle of a step: seconds until that step runs again."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import UUID

from aiops.celery import app
from aiops.models import Step, StepState
from bench import peer, runs, workflows
from bench.bench import Bench
from bench.figures import Figure, Spread, Target
from bench.stack import Stack

PEER_WAITS_S = 60.0
WAIT_S = 60.0


def measure(bench: Bench) -> Iterator[Figure]:
    stack = bench.stack
    wait_s = PEER_WAITS_S / 4 if bench.is_quick else PEER_WAITS_S
    hung = _hang_peer(stack)
    same_s = _same_node(stack)
    other_s = _other_node(stack)
    # The peer's worker has been back for as long as ours took; wait for the rest.
    came_back_s = _until(lambda: Path(f"{hung.path}.again").exists(), wait_s, hung.killed_at)
    stack.stop("peer.victim")
    says = f"not within {wait_s:.0f} s" if came_back_s is None else f"{came_back_s:.1f}"
    for what, found_s, target in (
        ("its node starts again", same_s, Target(10)),
        ("another node, by the lease", other_s, Target(40)),
    ):
        yield Figure(
            f"kill -9 of a worker until its step runs again: {what}",
            "s",
            Spread.of([found_s]),
            target=target,
            peer_says=says,
        )


class _hang_peer:
    """A bare task (acks_late) whose worker was killed and has been started again."""

    def __init__(self, stack: Stack) -> None:
        self.path = stack.log("peer.victim.ran")
        stack.add_peer("peer.victim", peer.VICTIM_QUEUE, restart=True)
        stack.wait_until_ready(peer.app, ("peer.victim",))
        peer.victim.apply_async((str(self.path),), queue=peer.VICTIM_QUEUE)
        _must(_until(self.path.exists, WAIT_S), "the peer's task did not start")
        self.killed_at = time.monotonic()
        stack.kill9("peer.victim")


def _same_node(stack: Stack) -> float:
    """The supervisor starts the worker again, under the same name."""
    stack.add_worker("victim", "effects", restart=True)
    stack.wait_until_ready(app, ("victim",))
    run = _hang()
    stack.kill9("victim")
    took_s = _must(_until(lambda: _is_over(run), WAIT_S), "its node did not bring it back")
    stack.stop("victim")
    return took_s


def _other_node(stack: Stack) -> float:
    """The worker stays away; one of another name serves the same pool."""
    stack.add_worker("doomed", "effects")
    stack.wait_until_ready(app, ("doomed",))
    run = _hang()
    stack.add_worker("rescue", "effects")
    stack.wait_until_ready(app, ("rescue",))
    stack.kill9("doomed")
    took_s = _must(_until(lambda: _is_over(run), WAIT_S), "no other node took it over")
    for node in ("doomed", "rescue"):
        stack.stop(node)
    return took_s


def _hang() -> UUID:
    (run,) = runs.start(workflows.killed, 1)
    running = Step.objects.filter(run=run, state=StepState.RUNNING)
    _must(_until(running.exists, WAIT_S), "the step to be killed did not start")
    return run


def _is_over(run: UUID) -> bool:
    """The second attempt returns at once, so its end is its start."""
    return Step.objects.filter(run=run, state=StepState.SUCCEEDED, fence__gt=1).exists()


def _until(there: Callable[[], bool], wait_s: float, since: float | None = None) -> float | None:
    """Seconds until something was there; None when it was not in time."""
    began = time.monotonic() if since is None else since
    while not there():
        if time.monotonic() - began > wait_s:
            return None
        time.sleep(0.05)
    return time.monotonic() - began


def _must(found_s: float | None, problem: str) -> float:
    if found_s is None:
        raise TimeoutError(f"{problem} within {WAIT_S:.0f} s")
    return found_s
