"""Runs in every situation that is no limbo."""

from __future__ import annotations

from aiops.execution import claim as claims
from aiops.execution.claim import Claim, Owner
from aiops.execution.resume import pause
from aiops.flow import Ambiguous, NeedsHuman, PermanentInput, RateLimited, Transient
from aiops.models import Run
from tests.execution.engine import Engine, the_step
from tests.flows.script import Script

OTHER = Owner("other@gone/1", "task-2")


def claimed(run: Run, name: str) -> Claim:
    """Another worker takes a queued step."""
    step = the_step(run, name)
    claim = claims.claim(run_id=run.id, step_id=step.id, epoch=step.epoch, owner=OTHER)
    assert claim is not None
    return claim


def queued(engine: Engine, script: Script) -> Run:
    return engine.start("line")


def running(engine: Engine, script: Script) -> Run:
    run = engine.start("line")
    claimed(run, "one")
    return run


def retrying(engine: Engine, script: Script) -> Run:
    script.tell("fetch", Transient("busy"))
    return engine.run("retried")


def parked(engine: Engine, script: Script) -> Run:
    script.tell("fetch", RateLimited("slow down", after_s=600))
    return engine.run("retried")


def approving(engine: Engine, script: Script) -> Run:
    return engine.run("letter")


def expecting(engine: Engine, script: Script) -> Run:
    return engine.run("payment", input={"label": "A1"})


def sleeping(engine: Engine, script: Script) -> Run:
    return engine.run("nap")


def with_child(engine: Engine, script: Script) -> Run:
    run = engine.start("family")
    engine.deliver(engine.letters.pop(0))
    return run


def with_items(engine: Engine, script: Script) -> Run:
    return engine.start("roots", input={"items": [1, 2, 3]})


def with_an_item_to_retry(engine: Engine, script: Script) -> Run:
    script.tell("root[1]", Transient("busy"))
    return engine.run("roots", input={"items": [1, 2, 3]})


def with_an_item_in_doubt(engine: Engine, script: Script) -> Run:
    script.tell("post[2]", Ambiguous("no answer"))
    return engine.run("posts", input={"items": [1, 2, 3]})


def in_need(engine: Engine, script: Script) -> Run:
    script.tell("fetch", NeedsHuman("which page?"))
    return engine.run("retried")


def half_failed(engine: Engine, script: Script) -> Run:
    script.tell("left", PermanentInput("no"))
    return engine.run("diamond")


def paused(engine: Engine, script: Script) -> Run:
    run = engine.start("line")
    pause(run.id, actor="ann")
    engine.work()
    return run


def in_line(engine: Engine, script: Script) -> Run:
    engine.run("letter", key="k")
    return engine.start("letter", key="k", if_exists="queue")


def undoing(engine: Engine, script: Script) -> Run:
    script.tell("ship", PermanentInput("no"))
    script.tell("refund", Transient("busy"))
    return engine.run("order")


def succeeded(engine: Engine, script: Script) -> Run:
    return engine.run("diamond")


WELL = [
    queued, running, retrying, parked, approving, expecting, sleeping, with_child, with_items,
    with_an_item_to_retry, with_an_item_in_doubt, in_need, half_failed, paused, in_line, undoing,
    succeeded,
]  # fmt: skip
