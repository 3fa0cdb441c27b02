"""The user's view is honest: over whatever an engine can write down, and while real runs go on."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import timedelta
from functools import cache
from typing import Any
from uuid import uuid4

import pytest
from django.conf import settings
from django.db import transaction
from django.utils import timezone, translation
from pydantic import BaseModel

from aiops.execution import advance, recovery
from aiops.execution.facts import ItemGroup, RunFacts, StepRow
from aiops.execution.resume import retry_from
from aiops.execution.start import start_run
from aiops.execution.user_status import GOOD
from aiops.execution.user_view import of_facts, user_view
from aiops.flow import (
    RateLimited,
    Transient,
    approval,
    choose,
    for_each,
    parallel,
    run_workflow,
    series,
    step,
    workflow,
)
from aiops.models import Lane, LaneState, Reason, Run, RunState, Step, StepState
from aiops.models.run import ENDED
from tests.execution.engine import COMMITS, Engine, fresh, the_step, time_passes
from tests.execution.lane_days import provider
from tests.execution.orders import begun, done, edit
from tests.execution.test_user_status import INTERNAL
from tests.execution.threads import at_once
from tests.flows.script import Script
from tests.providers.stub import error

#: What every internal column holds in the sweep: whoever reads of it has read too much.
NASTY = "ZQ-psycopg.OperationalError: worker io@db7/1 lost its lease, retry 3 (gpt-x)"


class Crate(BaseModel):
    lines: list[str] = ["a"]


@step(says="Reading it")
def zq_read(crate: Crate) -> str:
    return ""


@step
def zq_pack(item: str) -> str:
    return item


@step(pool="effects", effect="once", says="Sending it")
def zq_send(crate: Crate) -> str:
    return ""


@step(says="Writing it", streams=True)
def zq_write(crate: Crate) -> str:
    return ""


@step(pool="llm")
def zq_think(crate: Crate) -> str:
    return ""


def zq_which(crate: Crate) -> str:
    return "yes"


@step(says="Adding a card")
def zq_card(crate: Crate) -> str:
    return ""


zq_child = workflow("zq_child", input=Crate, flow=zq_think)
crates = workflow(
    "zq_crates",
    input=Crate,
    flow=series(
        zq_read,
        for_each("input.lines", zq_pack),
        parallel(zq_write, zq_send),
        choose(zq_which, {"yes": zq_card, "no": None}),
        approval("ZQ: ship it?", name="zq_agree", says="Somebody looks at it"),
        run_workflow("zq_child", input="input", name="zq_more"),
    ),
)

_WAITS = [reason for reason in Reason.values if reason]


class Sweep:
    """Facts as they may be read at any moment, with internals in every place that has room for them."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)
        self.now = timezone.now()
        #: Few at a time: among all of them there is always one that outweighs the others.
        self.states: list[str] = []

    def facts(self) -> RunFacts:
        plan = crates.plan
        self.states = self.rng.sample(StepState.values, k=self.rng.randrange(2, 5))
        steps = [self._step(node.name, node.kind, node.effect) for node in plan.nodes]
        maps = [step for step in steps if step.kind == "map"]
        return RunFacts(
            run=self._run(),
            plan=plan,
            now=self.now,
            newest_event=7,
            is_promised=self.rng.random() < 0.3,
            result_url="",
            steps=steps,
            items={step.id: self._items(step) for step in maps},
            failed_items=(),
            tallies={},
            last={},
            questions=[{"due_at": self._at(), "question": NASTY, "step_id": steps[0].id}],
            lanes={"zq/m": self._lane()} if self.rng.random() < 0.7 else {},
            children={step.id: self._children() for step in steps if step.kind == "child"},
        )

    def _at(self) -> Any:
        return self.now + timedelta(seconds=self.rng.choice([-9000, -45, -1, 1, 20, 9000]))

    def _maybe_at(self) -> Any:
        return self._at() if self.rng.random() < 0.5 else None

    def _run(self) -> Run:
        state = self.rng.choice([*RunState.values, *["running"] * 8])
        return Run(
            id=uuid4(),
            workflow="zq_crates",
            tenant=NASTY,
            key=NASTY,
            title="Crate 7",
            started_by=NASTY,
            metadata={"note": NASTY},
            state=state,
            reason=NASTY,
            error={"message": NASTY},
            input={"lines": [NASTY]},
            since=self.now - timedelta(seconds=5),
            created_at=self.now - timedelta(seconds=self.rng.choice([1, 400])),
            paused_at=self.now if self.rng.random() < 0.1 else None,
            cancel_requested_at=self.now if self.rng.random() < 0.1 else None,
            finished_at=self.now if state in ENDED else None,
        )

    def _step(self, name: str, kind: str, effect: str) -> StepRow:
        state = self.rng.choice(self.states)
        waits = ["items"] if kind == "map" else ["child"] if kind == "child" else _WAITS
        reason = {"waiting": self.rng.choice(waits), "running": "lease"}.get(state, "")
        is_running = state == "running"
        return StepRow(
            id=uuid4(),
            name=name,
            kind=kind,
            effect=effect,
            state=state,
            reason=reason,
            since=self.now - timedelta(seconds=self.rng.choice([0, 1, 29, 31, 900])),
            until=self._maybe_at(),
            wake_at=self._maybe_at(),
            dispatch_due=self._maybe_at(),
            lease_until=self._at() if is_running else None,
            lane=self.rng.choice(["", "zq/m"]),
            worker=NASTY,
            in_doubt=self.rng.random() < 0.1,
            error={"word": NASTY, "type": NASTY, "message": NASTY, "code": NASTY, "sent": "maybe"},
            started_at=self.now - timedelta(seconds=9) if state not in ("pending",) else None,
            finished_at=self.now if state in ("succeeded", "failed") else None,
            progress=None,
            child=uuid4() if kind == "child" else None,
            child_works=kind == "child" and self.rng.random() < 0.3,
            paused=self.rng.choice(
                [
                    None,
                    None,
                    {"what": "pool", "name": NASTY, "by": NASTY, "reason": NASTY, "at": ""},
                ]
            ),
            partial="Dear Ada" if name == "zq_write" else NASTY,
        )

    def _items(self, whole: StepRow) -> list[ItemGroup]:
        if whole.reason != "items":
            return []
        states = self.rng.sample(self.states, k=self.rng.randrange(1, 3))
        return [
            ItemGroup(
                map_id=whole.id,
                state=state,
                reason=self.rng.choice(["lane", "budget"]) if state == "waiting" else "",
                in_doubt=False,
                word=NASTY,
                sent=NASTY,
                number=self.rng.randrange(1, 9),
                since=self.now,
                wake_at=self.now,
                lease_until=self._at() if state == "running" else None,
                lane="zq/m",
            )
            for state in states
        ]

    def _lane(self) -> Lane:
        return Lane(name="zq/m", state=self.rng.choice(LaneState.values), reason=NASTY, who=NASTY)

    def _children(self) -> frozenset[tuple[str, str]]:
        states = self.rng.sample(self.states, k=self.rng.randrange(0, 3))
        return frozenset((s, self.rng.choice(_WAITS) if s == "waiting" else "") for s in states)


@cache
def sweeps(language: str = "en") -> list[tuple[RunFacts, dict[str, Any]]]:
    """Many such facts, each with what is told of them."""
    facts = [sweep.facts() for sweep in map(Sweep, range(40)) for _ in range(40)]
    with translation.override(language):
        return [(one, of_facts(one)) for one in facts]


def live(facts: RunFacts) -> bool:
    """Whether somebody is at work on it now, by nothing but leases."""
    leases = [s.lease_until for s in facts.steps if s.state == "running"]
    leases += [
        group.lease_until
        for step in facts.steps
        if step.reason == "items"
        for group in facts.items.get(step.id, ())
        if group.state == "running"
    ]
    return any(until and until > facts.now for until in leases) or any(
        step.child_works for step in facts.steps
    )


def ended_just_now(facts: RunFacts) -> bool:
    newest = max(step.since for step in facts.steps)
    return facts.now - newest < timedelta(seconds=settings.AIOPS_LEASE_S)


@pytest.mark.django_db
def test_every_state_comes_up_in_the_sweep() -> None:
    assert {view["state"] for _, view in sweeps()} == set(RunState.values)


@pytest.mark.django_db
def test_it_never_says_working_without_a_live_attempt_for_longer_than_one_lease() -> None:
    working = [facts for facts, view in sweeps() if view["state"] == "running"]

    assert len(working) > 50
    assert [facts for facts in working if not live(facts) and not ended_just_now(facts)] == []


@pytest.mark.django_db
def test_nothing_internal_is_told_wherever_it_is_written() -> None:
    for _, view in sweeps():
        told = str(view)

        assert "zq" not in told.lower()
        assert NASTY not in told


@pytest.mark.django_db
def test_no_sentence_has_an_internal_word() -> None:
    names = ("headline", "sentence", "hint", "promise", "sent")
    english = {view[name] for _, view in sweeps() for name in names} - {""}
    german = {view[name] for _, view in sweeps("de") for name in names} - {""}

    assert len(english) > 20
    assert [text for text in english if INTERNAL.search(text)] == []
    # What both have in common is what the author says, which no catalogue has here.
    authors = tuple(node.says for node in crates.plan.nodes if node.says)
    assert [text for text in english & german if not text.startswith(authors)] == []


@pytest.mark.django_db
def test_the_end_is_told_when_it_is_written_and_not_before() -> None:
    for facts, view in sweeps():
        assert (view["state"] in GOOD) == (facts.run.state in GOOD)
        assert view["is_final"] == facts.run.is_ended
        assert (view["percent"] == 100) == (view["state"] in GOOD)
        assert not (view["is_final"] and (view["is_cancellable"] or view["promise"]))
        assert view["eta_s"] is None or view["state"] in ("queued", "running")


@pytest.mark.django_db
def test_a_promise_is_told_only_where_one_was_made() -> None:
    for facts, view in sweeps():
        assert not view["promise"] or facts.is_promised
        assert "e-mail" not in view["hint"] or facts.is_promised


@pytest.mark.django_db
def test_text_is_shown_only_of_a_live_attempt_that_is_meant_for_the_user() -> None:
    shown = 0
    for facts, view in sweeps():
        [writing] = [step for step in facts.steps if step.name == "zq_write"]
        until = writing.lease_until
        is_live = writing.state == "running" and until is not None and until > facts.now

        assert view["partial"] == ("Dear Ada" if is_live else "")
        shown += is_live
    assert shown > 20


@pytest.mark.django_db
@pytest.mark.parametrize("state", ["waiting", "running"])
@pytest.mark.parametrize("seed", range(20))
def test_who_waits_for_a_held_lane_is_told_that_it_takes_longer(seed: int, state: str) -> None:
    """ "running": it was let go on, and comes to the lane that is held again."""
    sweep = Sweep(seed)
    facts = sweep.facts()
    quiet: dict[str, Any] = {"reason": "", "paused": None, "child_works": False}
    calm = [
        replace(step, state=sweep.rng.choice(["pending", "succeeded"]), **quiet)
        for step in facts.steps
    ]
    place = sweep.rng.randrange(len(calm))
    calm[place] = replace(
        calm[place],
        state=state,
        reason="lane" if state == "waiting" else "lease",
        lane="zq/m",
        lease_until=facts.now + timedelta(seconds=30) if state == "running" else None,
    )
    run = Run(id=uuid4(), workflow="zq_crates", state=state, created_at=facts.now)
    held = Lane(name="zq/m", state=LaneState.HELD)

    view = of_facts(
        replace(facts, run=run, steps=calm, lanes={"zq/m": held}, items={}, children={})
    )

    assert (view["state"], view["headline"]) == ("retrying", "Taking longer than usual")


# While real runs go on


@COMMITS
def test_a_held_lane_is_told_as_soon_as_it_holds(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    with provider(monkeypatch) as stub:
        stub.answer(error(429, "rate_limit_exceeded", "Slow down", retry_after="120"))
        first, second = (engine.start("asked", input={"number": n}) for n in range(2))
        engine.work()

        told = [user_view(run.id)["headline"] for run in (first, second)]

    assert told == ["Taking longer than usual"] * 2


@COMMITS
def test_a_worker_that_is_lost_is_told_when_its_lease_ends(engine: Engine) -> None:
    run = begun()
    now = timezone.now()
    edit(
        run,
        "read",
        state="running",
        reason="lease",
        worker="io@a/1",
        dispatch_due=None,
        started_at=now,
        fence=1,
        lease_until=now + timedelta(seconds=30),
    )
    before = user_view(run.id)["state"]
    edit(run, "read", lease_until=now)

    assert (before, user_view(run.id)["state"]) == ("running", "retrying")
    recovery.recover([the_step(run, "read")], "its lease ended without a word")
    assert user_view(run.id)["state"] in ("queued", "retrying")


@COMMITS
def test_done_is_told_after_the_commit_and_not_before(engine: Engine) -> None:
    run = start_run("line", {"number": 1})
    done(run, "one", "two", "three")

    with transaction.atomic():
        advance.advance(run.id)
        inside = user_view(run.id)["state"]
        [outside] = at_once([lambda: user_view(run.id)])

    assert inside == "succeeded"
    assert (outside["state"], outside["is_final"], outside["percent"]) == ("running", False, 99)
    assert user_view(run.id)["headline"] == "Done"


ROUGH: dict[str, tuple[Any, ...]] = {
    "one": (Transient("x"),),
    "left": (RateLimited("x"), Transient("x")),
    "square": (Transient("x"),) * 3,
    "two": (Transient("x"),),
}


@COMMITS
@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(
    ("name", "input"),
    [
        ("line", {"number": 1}),
        ("diamond", {"number": 1}),
        ("squares", {"items": list(range(12))}),
        ("fork", {"number": 3}),
        ("family", {"number": 1}),
    ],
)
def test_the_bar_never_falls_whatever_happens_in_whatever_order(
    engine: Engine, script: Script, name: str, input: dict[str, Any], seed: int
) -> None:
    rng = random.Random(seed)
    for step_name, acts in ROUGH.items():
        script.tell(step_name, *acts[: rng.randrange(len(acts) + 1)])
    run = engine.start(name, input=input)
    progress = [user_view(run.id)["progress"]]
    for _ in range(400):
        if fresh(run).is_ended:
            break
        if engine.letters:
            engine.deliver(engine.letters.pop(rng.randrange(len(engine.letters))))
        else:
            for other in Run.objects.filter(finished_at__isnull=True):
                time_passes(other)
        view = user_view(run.id)
        progress.append(view["progress"])
        assert view["is_final"] or view["progress"] < 1

    assert fresh(run).state in GOOD
    assert progress == sorted(progress)
    assert progress[-1] == 1.0


@COMMITS
def test_a_rerun_that_a_person_asked_for_may_take_the_bar_back(
    engine: Engine, script: Script
) -> None:
    script.tell("three", *[ValueError("x")] * 3)
    run = engine.run("line")
    before = user_view(run.id)["progress"]
    Step.objects.filter(run=run, name="three").update(history={})

    retry_from(run.id, "one", actor="ann", reason="from the start")

    assert user_view(run.id)["progress"] < before


def test_the_deny_list_and_the_planted_words_would_be_found() -> None:
    assert INTERNAL.search("The worker lost its lease")
    assert "zq_read" in str(crates.plan.to_json())
