"""The pulse: another one whenever the user may see something else, and cheap for many runs."""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from datetime import timedelta
from itertools import pairwise
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.db import connection
from django.utils import timezone

from aiops.execution import claim as claims
from aiops.execution import pausing, recovery, resend
from aiops.execution.advance import advance
from aiops.execution.cancel import cancel
from aiops.execution.claim import Owner
from aiops.execution.pulse import _PULSES, MOST_COUNTED, is_final, pulses
from aiops.execution.user_view import user_view
from aiops.models import Lane, Pause, Run, Step
from aiops.upkeep import prove
from tests.execution.engine import COMMITS, Engine, fresh
from tests.execution.orders import ask, begun, done, edit, map_of, set_run
from tests.flows.script import Script

pytestmark = COMMITS

#: What changes with the clock alone.
BY_THE_CLOCK = ("eta_s", "hint")


def pulse(run: Run) -> str:
    return pulses([run.id])[run.id]


def seen(run_id: UUID) -> str:
    """What the user sees, less what changes with the clock alone."""
    view = user_view(run_id)
    return repr({name: said for name, said in view.items() if name not in BY_THE_CLOCK})


class Watcher:
    """Looks at every run again and again, and wants one view behind each pulse."""

    def __init__(self) -> None:
        self.views: dict[tuple[UUID, str], str] = {}

    def look(self) -> None:
        for run_id, now in pulses(Run.objects.values_list("id", flat=True)).items():
            view = seen(run_id)
            assert self.views.setdefault((run_id, now), view) == view


@pytest.fixture
def watcher(script: Script, monkeypatch: pytest.MonkeyPatch) -> Watcher:
    """One who looks before and after every message, and from the inside of every step."""
    made = Watcher()
    act, deliver = Script.act, Engine.deliver

    def watched_act(self: Script, name: str, usual: Any) -> Any:
        made.look()
        return act(self, name, usual)

    def watched_delivery(self: Engine, letter: Any) -> None:
        deliver(self, letter)
        made.look()

    monkeypatch.setattr(Script, "act", watched_act)
    monkeypatch.setattr(Engine, "deliver", watched_delivery)
    monkeypatch.setattr(resend, "queue_lengths", lambda pools: {})
    return made


FLOWS = [
    ("line", {"number": 5}),
    ("diamond", {"number": 5}),
    ("fork", {}),
    ("squares", {"items": [1, 2, 3, 4]}),
    ("family", {"number": 1}),
    ("retried", {}),
    ("order", {}),
    ("letter", {"label": "x"}),
    ("submitted", {}),
]


@pytest.mark.parametrize(("name", "given"), FLOWS, ids=[name for name, _ in FLOWS])
def test_whatever_becomes_of_a_run_each_pulse_has_one_view(
    engine: Engine, watcher: Watcher, name: str, given: dict[str, object]
) -> None:
    rng = random.Random(7)
    run = engine.start(name, input=given)
    watcher.look()

    for _ in range(12):
        _lose_a_worker(rng)
        watcher.look()
        _deliver_some(engine, rng)
        if fresh(run).is_ended:
            break
        _an_hour_passes(watcher)
    if not fresh(run).is_ended:
        cancel(run.id, actor="ann", reason="enough")
    watcher.look()
    engine.work()
    watcher.look()

    assert fresh(run).is_ended
    assert is_final(pulse(run))
    assert len(watcher.views) >= 3


def _deliver_some(engine: Engine, rng: random.Random) -> None:
    while engine.letters:
        letter = engine.letters.pop(rng.randrange(len(engine.letters)))
        for _ in range(rng.choice([0, 1, 1, 2])):
            engine.deliver(letter)


def _lose_a_worker(rng: random.Random) -> None:
    for step in Step.objects.filter(state="queued", map__isnull=True):
        if rng.random() < 0.3:
            claims.claim(
                run_id=step.run_id, step_id=step.id, epoch=step.epoch, owner=Owner("gone/1", "t")
            )


def _an_hour_passes(watcher: Watcher) -> None:
    ago = timedelta(hours=1)
    for name in ("dispatch_due", "lease_until", "wake_at", "since"):
        for step in Step.objects.filter(**{f"{name}__isnull": False}):
            Step.objects.filter(id=step.id).update(**{name: getattr(step, name) - ago})
        watcher.look()
    recovery.recover(recovery.expired(), "its lease ended without a word")
    watcher.look()
    for run_id in Step.objects.filter(wake_at__lte=timezone.now()).values_list("run_id", flat=True):
        advance(run_id)
        watcher.look()
    resend.resend_due()
    for one in prove.limbo(recent_s=None):
        prove.repair(one)
    watcher.look()


def _worker_on(run: Run, **fields: Any) -> Step:
    lease = {"state": "running", "reason": "lease", "lease_until": _soon(), "worker": "io@a/1"}
    return edit(run, "read", **lease, **fields)


def _worker_silent(run: Run) -> None:
    edit(run, "read", lease_until=timezone.now() - timedelta(seconds=1))


def _parked(run: Run) -> None:
    Lane.objects.create(name="fast")
    later = timezone.now() + timedelta(minutes=1)
    edit(run, "read", state="waiting", reason="lane", lane="fast", wake_at=later)


def _child_working(run: Run) -> None:
    child = begun()
    _worker_on(child)
    Run.objects.filter(id=child.id).update(parent_step=edit(run, "read", kind="child"))


def _steps_of_child(run: Run, **fields: Any) -> None:
    Step.objects.filter(run__parent_step__run=run, name="read").update(**fields)


#: What may happen to a run, one after the other.
HAPPENINGS: dict[str, list[Callable[[Run], object]]] = {
    "a lease that begins and ends": [_worker_on, _worker_silent],
    "an answer that is written": [
        _worker_on,
        lambda run: edit(run, "read", progress={"share": 0.5, "text": "", "partial": "Dear"}),
        lambda run: edit(run, "read", progress={"share": 0.5, "text": "", "partial": "Dear Ann"}),
    ],
    "a lane": [
        _parked,
        lambda run: Lane.objects.update(state="stopped", cause="quota"),
        lambda run: Lane.objects.update(
            state="held", cause="rate", held_until=timezone.now() + timedelta(minutes=2)
        ),
    ],
    "a lane that is held again": [
        lambda run: (Lane.objects.create(name="fast"), _worker_on(run, lane="fast")),
        lambda run: Lane.objects.update(state="stopped", cause="quota"),
    ],
    "an effect that may have gone out": [
        _worker_on,
        lambda run: edit(run, "read", in_doubt=True),
    ],
    "a pool that is paused": [
        lambda run: pausing.pause("pool", "io", actor="ann", reason="deploy"),
        lambda run: pausing.go_on("pool", "io", actor="ann"),
    ],
    "a workflow that is paused": [
        lambda run: pausing.pause("workflow", run.workflow, actor="ann", reason="deploy"),
        lambda run: pausing.go_on("workflow", run.workflow, actor="ann"),
    ],
    "a run that is paused, and asked to stop": [
        lambda run: set_run(run, paused_at=timezone.now()),
        lambda run: set_run(run, cancel_requested_at=timezone.now()),
    ],
    "items": [
        lambda run: map_of(run, queued=2, running=1, retrying=1),
        lambda run: _items(run, "running", state="succeeded", lease_until=None),
        lambda run: _items(run, "retrying", state="queued", wake_at=None),
        lambda run: _items(run, "queued", state="attention", reason="person"),
    ],
    "an item whose worker is silent": [
        lambda run: map_of(run, running=1),
        lambda run: _items(run, "running", lease_until=timezone.now()),
    ],
    "items of a long map": [
        lambda run: map_of(run, queued=MOST_COUNTED + 5, running=2),
        lambda run: _items(run, "running", state="succeeded", lease_until=None),
        lambda run: _first_item(run, state="running", fence=2, worker="w", lease_until=_soon()),
        lambda run: _items(run, "running", lease_until=timezone.now()),
    ],
    "a question": [
        lambda run: done(run, "read"),
        lambda run: ask(run, "agree", "approval"),
    ],
    "a child at work": [
        _child_working,
        lambda run: _steps_of_child(run, lease_until=timezone.now()),
        lambda run: _steps_of_child(run, state="waiting", reason="timer"),
        lambda run: _steps_of_child(run, state="attention", reason="person"),
    ],
}


def _soon() -> Any:
    return timezone.now() + timedelta(seconds=30)


def _items(run: Run, among: str, **fields: Any) -> None:
    Step.objects.filter(run=run, map__isnull=False, state=among).update(**fields)


def _first_item(run: Run, **fields: Any) -> None:
    first = Step.objects.filter(run=run, map__isnull=False, state="queued").order_by("item")[0]
    Step.objects.filter(id=first.id).update(**fields)


@pytest.mark.parametrize("name", HAPPENINGS)
def test_each_of_these_moves_the_pulse(name: str) -> None:
    run = begun()
    found = [pulse(run)]

    for happens in HAPPENINGS[name]:
        happens(run)
        found.append(pulse(run))

    assert all(before != after for before, after in pairwise(found))


@pytest.fixture
def resting() -> Run:
    """A run on which somebody works, and nothing is new."""
    run = begun()
    _worker_on(run)
    return run


def test_an_idle_run_keeps_its_pulse(resting: Run) -> None:
    before = pulse(resting)

    edit(resting, "read", lease_until=timezone.now() + timedelta(seconds=60))
    _worker_on(begun())
    Lane.objects.create(name="another")

    assert pulse(resting) == before


def test_a_pause_elsewhere_is_no_news(resting: Run) -> None:
    before = pulse(resting)

    pausing.pause("pool", "batch", actor="ann", reason="deploy")
    Pause.objects.create(what="workflow", name="another", reason="deploy", paused_by="ann")

    assert pulse(resting) == before


def test_runs_that_are_not_there_are_missing(resting: Run) -> None:
    assert list(pulses([resting.id, uuid4()])) == [resting.id]
    assert pulses([]) == {}


def test_a_pulse_may_be_asked_among_the_runs_that_somebody_may_see(resting: Run) -> None:
    own = Run.objects.filter(tenant="default", id=resting.id)

    assert list(pulses([resting.id], among=own)) == [resting.id]
    assert pulses([resting.id], among=own.filter(tenant="acme")) == {}


def test_only_a_run_that_has_ended_has_a_final_pulse(resting: Run) -> None:
    assert not is_final(pulse(resting))
    set_run(resting, state="failed", finished_at=timezone.now())

    assert is_final(pulse(resting))


def test_every_table_that_grows_is_read_by_an_index(resting: Run) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET enable_seqscan = off")
        try:
            cursor.execute(f"EXPLAIN {_PULSES.format(among='')}", [[resting.id]])
            plan = "\n".join(row[0] for row in cursor.fetchall())
        finally:
            cursor.execute("RESET enable_seqscan")

    assert not re.findall(r"Seq Scan on aiops_(?:run|step|event|attempt|escalation)\b", plan)


@pytest.mark.parametrize("state", ["waiting", "succeeded"])
def test_the_items_of_a_long_map_are_not_read(state: str) -> None:
    run = begun()
    map_of(run, succeeded=1500, queued=1500)
    edit(run, "pack", state=state)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE aiops_step")
        cursor.execute(
            f"EXPLAIN (ANALYZE, BUFFERS, COSTS OFF) {_PULSES.format(among='')}", [[run.id]]
        )
        plan = "\n".join(row[0] for row in cursor.fetchall())

    [pages] = re.findall(r"\A.*\n(?:.*\n)?? *Buffers: shared hit=(\d+)", plan)
    assert int(pages) < 60
