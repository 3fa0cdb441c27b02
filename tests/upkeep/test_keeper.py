"""The keeper: one leader that publishes, wakes, recovers and proves, whatever goes wrong."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import psycopg
import pytest
from django.db import OperationalError, connection
from django.utils import timezone

from aiops.execution import claim as claims
from aiops.execution import dispatch, resend
from aiops.execution.advance import advance
from aiops.execution.cancel import cancel
from aiops.execution.claim import Owner
from aiops.flow import Transient
from aiops.models import Node, Run, Step
from aiops.upkeep import keeper as keeping
from aiops.upkeep import node, prove
from aiops.upkeep.keeper import LEADER_LOCK, Keeper
from tests.execution.engine import COMMITS, Engine, fresh, states, the_step, told
from tests.flows.script import Script

pytestmark = COMMITS

GONE = Owner("io@gone/7", "task-gone")


class Turns(threading.Event):
    """A stop that is asked for after so many turns; waiting takes no time."""

    def __init__(self, turns: int) -> None:
        super().__init__()
        self.left = turns

    def is_set(self) -> bool:
        self.left -= 1
        return self.left < 0

    def wait(self, timeout: float | None = None) -> bool:
        return False


@pytest.fixture(autouse=True)
def eager(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every duty in every turn, no grace, and a broker whose queues are empty."""
    for name in ("PUBLISH_S", "WAKE_S", "RECOVER_S", "RESEND_S", "PROVE_S", "REPORT_S"):
        monkeypatch.setattr(keeping, name, 0.0)
    monkeypatch.setattr(keeping, "GRACE_S", -1.0)
    monkeypatch.setattr(resend, "queue_lengths", lambda pools: {})


def keep(turns: int = 1) -> None:
    """Let a keeper work for so many turns."""
    Keeper(stop=Turns(turns)).run()


@pytest.fixture
def accepted(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> Run:
    """A run that a web process has started."""
    with monkeypatch.context() as patch:
        patch.setattr(dispatch._Process, "publishes", False)
        return engine.start("line")


def past() -> object:
    return timezone.now() - timedelta(minutes=5)


def lost(run: Run, name: str) -> None:
    step = the_step(run, name)
    claims.claim(run_id=run.id, step_id=step.id, epoch=step.epoch, owner=GONE)
    Step.objects.filter(id=step.id).update(lease_until=past())


def test_it_publishes_what_was_accepted_while_it_was_not_there(
    engine: Engine, accepted: Run
) -> None:
    keep()

    assert [letter.run_id for letter in engine.letters] == [accepted.id]


def test_it_publishes_what_it_hears_of_at_once(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keeping, "PUBLISH_S", 3600.0)
    started: list[Run] = []
    begin = node.begin

    def begin_and_start(name: str) -> None:
        """The keeper listens by now; somebody else starts a run."""
        begin(name)
        with monkeypatch.context() as patch:
            patch.setattr(dispatch._Process, "publishes", False)
            started.append(engine.start("line"))

    monkeypatch.setattr(node, "begin", begin_and_start)
    monkeypatch.setattr(resend, "unpublished", list)
    keep(turns=2)

    assert [letter.run_id for letter in engine.letters] == [started[0].id]


def test_what_was_missed_is_published_however_often_it_rings(engine: Engine, accepted: Run) -> None:
    keeper = Keeper(stop=Turns(1))
    keeper._rung.add(engine.start("line").id)
    engine.drop()

    keeper.run()

    assert [letter.run_id for letter in engine.letters] == [accepted.id]


def test_it_wakes_what_is_due(engine: Engine, script: Script) -> None:
    script.tell("fetch", Transient("busy"))
    run = engine.run("retried")
    Step.objects.filter(run=run, state="retrying").update(wake_at=past())

    keep()
    engine.work()

    assert fresh(run).state == "succeeded"


def test_it_stops_runs_at_their_deadline(engine: Engine) -> None:
    run = engine.run("overdue")
    Run.objects.filter(id=run.id).update(deadline_at=past())

    keep()

    assert fresh(run).state == "cancelled"


def test_it_takes_steps_back_from_workers_that_are_gone(engine: Engine) -> None:
    run = engine.start("line")
    engine.drop()
    lost(run, "one")

    keep()
    engine.work()

    assert fresh(run).state == "succeeded"
    assert len(told(run, "step.worker_lost")) == 1


def test_it_gives_workers_time_to_renew_after_an_outage(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keeping, "GRACE_S", 3600.0)
    run = engine.start("line")
    lost(run, "one")

    keep()

    assert states(run)["one"] == "running"


def test_it_sends_again_what_was_lost(engine: Engine) -> None:
    run = engine.start("line")
    engine.drop()
    Step.objects.filter(run=run, name="one").update(dispatch_due=past())

    keep()
    engine.work()

    assert fresh(run).state == "succeeded"


def test_it_takes_away_what_did_not_stop(engine: Engine) -> None:
    run = engine.start("line")
    step = the_step(run, "one")
    claims.claim(run_id=run.id, step_id=step.id, epoch=0, owner=GONE)
    cancel(run.id, reason="enough", actor="ann")
    Run.objects.filter(id=run.id).update(cancel_requested_at=past())

    keep()

    assert fresh(run).state == "cancelled"


def test_it_stops_the_child_of_a_parent_whose_process_died_before_it_could(
    engine: Engine,
) -> None:
    run = engine.start("family")
    engine.deliver(engine.letters.pop(0))
    Run.objects.filter(id=run.id).update(cancel_requested_at=timezone.now(), state="cancelling")

    keep()

    assert Run.objects.get(parent_step__run=run).state == "cancelled"


def test_it_repairs_what_is_in_limbo(engine: Engine) -> None:
    run = engine.start("line")
    engine.drop()
    Step.objects.filter(run=run).update(state="pending", reason="", dispatch_due=None, since=past())
    Run.objects.filter(id=run.id).update(since=past())

    keep()
    engine.work()

    assert fresh(run).state == "succeeded"
    assert prove.limbo(slack_s=0) == []


def test_one_broken_run_does_not_keep_it_from_the_others(
    engine: Engine, script: Script, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken, well = engine.run("nap"), engine.run("nap")
    Step.objects.filter(state="waiting").update(wake_at=past())

    def refuse(run_id: object) -> None:
        if run_id == broken.id:
            raise RuntimeError("this run is broken")
        advance(well.id)

    monkeypatch.setattr(keeping, "advance", refuse)
    monkeypatch.setattr(prove, "limbo", lambda **_: [])
    keep()
    engine.work()

    assert fresh(well).state == "succeeded"


def test_a_broker_that_is_away_does_not_keep_it_from_waking(
    engine: Engine, accepted: Run, script: Script
) -> None:
    run = engine.run("nap")
    Step.objects.filter(run=run, state="waiting").update(wake_at=past())
    engine.is_away = True

    keep()

    assert states(run)["sleep"] == "succeeded"
    assert resend.unpublished() == [accepted.id]


def test_it_outlives_an_outage_of_the_database(
    engine: Engine, accepted: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    unpublished = resend.unpublished
    outages = [OperationalError("away"), psycopg.OperationalError("away")]

    def away() -> object:
        if outages:
            raise outages.pop()
        return unpublished()

    monkeypatch.setattr(resend, "unpublished", away)
    keep(turns=3)

    assert [letter.run_id for letter in engine.letters] == [accepted.id]


def test_it_says_that_it_is_there_and_leads(engine: Engine) -> None:
    keep()

    told_of = Node.objects.get(role="keeper")
    assert told_of.is_leader
    assert abs(told_of.skew_s) < 5


@contextmanager
def another_leader() -> Iterator[None]:
    """Another keeper holds the lock."""
    params = connection.get_connection_params()
    keep = ("dbname", "user", "password", "host", "port")
    with psycopg.connect(**{k: params[k] for k in keep if k in params}, autocommit=True) as line:
        line.execute("SELECT pg_advisory_lock(%s)", [LEADER_LOCK])
        yield


def test_a_second_keeper_stands_by(engine: Engine, accepted: Run) -> None:
    with another_leader():
        keep(turns=2)

    assert engine.letters == []
    assert not Node.objects.get(role="keeper").is_leader


def test_a_second_keeper_takes_over(engine: Engine, accepted: Run) -> None:
    with another_leader():
        keep()

    keep()

    assert [letter.run_id for letter in engine.letters] == [accepted.id]


def test_it_gives_the_lead_back_when_it_stops(engine: Engine) -> None:
    keep()

    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s)", [LEADER_LOCK])
        is_free = cursor.fetchone()
        cursor.execute("SELECT pg_advisory_unlock(%s)", [LEADER_LOCK])
    assert is_free == (True,)


def test_it_tells_how_many_were_in_limbo_when_it_last_looked(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = engine.start("line")
    monkeypatch.setattr(prove, "limbo", lambda **_: [prove.Limbo(run.id, None, "a test says so")])
    keep()
    before = Node.objects.get(role="keeper").limbo

    monkeypatch.setattr(prove, "limbo", lambda **_: [])
    keep()

    assert (before, Node.objects.get(role="keeper").limbo) == (1, 0)
