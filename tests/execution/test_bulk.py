"""Bulk jobs: a frozen list, a few runs first, and the rest only when the cause does not come back."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from django.utils import timezone

from aiops.execution import bulk, bulk_work
from aiops.execution.advance import advance
from aiops.execution.bulk_plan import Choice, make, stands
from aiops.execution.carry_out import Given, carry_out
from aiops.execution.plans import plan
from aiops.execution.resume import NotPossible, retry
from aiops.flow.errors import Ambiguous, LaneStopped, PermanentInput, Transient
from aiops.models import BulkItem, BulkJob, Event, Run, Step
from tests.execution.engine import COMMITS, Engine, fresh, states
from tests.flows.script import Script

pytestmark = COMMITS

ANN = "ann"


def broken(
    engine: Engine, script: Script, number: int, error: Exception | None = None
) -> list[Run]:
    """Runs that have failed alike."""
    found = []
    for _ in range(number):
        script.tell("one", error or LaneStopped("401: the key is wrong", code="401"))
        run = engine.run("line")
        assert run.state in ("failed", "attention")
        found.append(run)
    return found


def safe(engine: Engine, script: Script, number: int) -> list[Run]:
    """Runs that have failed alike, and that may be retried."""
    found = []
    for place in range(number):
        script.tell("wait_a_little", *[Transient(f"503: call {place}", code="503")] * 6)
        run = engine.run("patient")
        while run.state not in ("failed", "attention"):
            Step.objects.filter(run=run, wake_at__isnull=False).update(wake_at=timezone.now())
            advance(run.id)
            engine.work()
            run = fresh(run)
        found.append(run)
    script.clear()
    return found


def planned(runs: Sequence[Run], verb: str = "retry") -> BulkJob:
    return make(Choice(verb=verb, runs=[run.id for run in runs], actor=ANN, told="these runs"))


def confirmed(job: BulkJob, **given: Any) -> BulkJob:
    return bulk.confirm(job.id, bulk.Confirmed(actor=ANN, **given))


def work(job: BulkJob) -> str:
    """The next chunk, whatever its time."""
    BulkJob.objects.filter(id=job.id, wake_at__isnull=False).update(wake_at=timezone.now())
    return bulk_work.work(job.id)


def outcomes(job: BulkJob) -> list[str]:
    return list(job.items.order_by("place").values_list("outcome", flat=True))


def state(job: BulkJob) -> str:
    return BulkJob.objects.get(id=job.id).state


def told(kind: str) -> list[Event]:
    return list(Event.objects.filter(run=None, kind=kind))


def test_a_plan_changes_no_run(engine: Engine, script: Script) -> None:
    runs = safe(engine, script, 3)
    before = list(Run.objects.order_by("id").values())

    job = planned(runs)

    assert list(Run.objects.order_by("id").values()) == before
    assert (job.state, outcomes(job)) == ("planned", ["ready"] * 3)


def test_only_what_is_harmless_goes_ahead(engine: Engine, script: Script) -> None:
    [run] = safe(engine, script, 1)
    script.tell("pay", Ambiguous("no answer"))
    unsure = engine.run("paid_blindly")
    [wrong] = broken(engine, script, 1, PermanentInput("no such order"))
    good = engine.run("line")

    job = planned([run, unsure, wrong, good])

    found = list(job.items.order_by("place").values_list("outcome", "verdict"))
    assert found == [
        ("ready", "safe"),
        ("left_out", "check"),
        ("left_out", "fix"),
        ("left_out", ""),
    ]
    assert "replay" in job.items.get(run=good).note


def test_a_list_without_runs_or_with_too_many_is_refused() -> None:
    with pytest.raises(NotPossible, match="no run was chosen"):
        make(Choice(verb="retry", runs=[], actor=ANN, told=""))
    with pytest.raises(NotPossible, match="Narrow the filter"):
        make(Choice(verb="retry", runs=[UUID(int=n) for n in range(5001)], actor=ANN, told=""))


def test_what_needs_a_look_at_each_run_cannot_be_done_to_many() -> None:
    with pytest.raises(NotPossible, match="one by one"):
        make(Choice(verb="skip", runs=[UUID(int=1)], actor=ANN, told=""))


def test_the_rest_follows_when_the_first_runs_have_gone_on(engine: Engine, script: Script) -> None:
    job = confirmed(planned(safe(engine, script, 8)), reason="the other side is back")

    assert work(job) == "goes on"
    assert outcomes(job) == ["done"] * 5 + ["ready"] * 3
    assert work(job) == "waits for the first runs"
    assert outcomes(job).count("done") == 5
    engine.work()
    assert work(job) == "done"
    engine.work()

    assert outcomes(job) == ["done"] * 8
    assert state(job) == "done"
    assert set(Run.objects.values_list("state", flat=True)) == {"succeeded"}
    assert script.times("wait_a_little") == 8


def test_the_job_stops_by_itself_when_the_error_comes_back(engine: Engine, script: Script) -> None:
    job = confirmed(planned(safe(engine, script, 8)))
    work(job)
    script.tell("wait_a_little", *[Transient("503: call 99", code="503")] * 5)
    engine.work()

    assert work(job) == "stopped"

    assert outcomes(job) == ["done"] * 5 + ["stopped"] * 3
    found = BulkJob.objects.get(id=job.id)
    assert (found.state, found.stopped_by) == ("stopped", "")
    assert "wait_a_little failed as before in 5 runs" in found.stopped_why
    [event] = told("bulk.stopped")
    assert (event.actor, event.data["left"]) == ("", 3)


def test_another_error_does_not_stop_the_job(engine: Engine, script: Script) -> None:
    job = confirmed(planned(safe(engine, script, 6)))
    work(job)
    script.tell("wait_a_little", PermanentInput("this one is wrong"))
    engine.work()

    assert work(job) == "done"

    assert outcomes(job) == ["done"] * 6


def test_first_runs_that_do_not_go_on_end_the_job(engine: Engine, script: Script) -> None:
    job = confirmed(planned(safe(engine, script, 6)))
    work(job)
    long_ago = timezone.now() - timedelta(hours=1)
    BulkJob.objects.filter(id=job.id).update(started_at=long_ago)

    work(job)

    found = BulkJob.objects.get(id=job.id)
    assert found.state == "stopped"
    assert "have not gone on within 30 minutes" in found.stopped_why


def test_a_run_that_changed_meanwhile_is_left_alone(engine: Engine, script: Script) -> None:
    runs = safe(engine, script, 3)
    job = planned(runs)
    retry(runs[1].id, actor="bob")
    engine.work()
    confirmed(job)

    work(job)
    engine.work()

    assert outcomes(job) == ["done", "changed", "done"]
    assert script.times("wait_a_little") == 3


def test_a_run_that_cannot_be_done_is_refused_and_the_others_are_done(
    engine: Engine, script: Script
) -> None:
    runs = safe(engine, script, 3)
    job = confirmed(planned(runs))
    BulkItem.objects.filter(job=job, run=runs[1]).update(fingerprint=_after_cancelling(runs[1]))

    work(job)

    assert outcomes(job) == ["done", "refused", "done"]
    assert "cancelled" in job.items.get(run=runs[1]).note


def _after_cancelling(run: Run) -> str:
    """Cancel it, as if the plan had been made after that."""
    carry_out(
        run.id,
        "cancel",
        Given(actor="bob", fingerprint=plan(run.id, "cancel").fingerprint, reason="no"),
    )
    return stands("retry", [run.id])[run.id].fingerprint


def test_stopping_leaves_the_rest_alone(engine: Engine, script: Script) -> None:
    job = confirmed(planned(safe(engine, script, 8)))
    work(job)

    bulk.stop(job.id, actor="bob", why="not today")

    assert work(job) == "not due"
    assert outcomes(job) == ["done"] * 5 + ["stopped"] * 3
    [event] = told("bulk.stopped")
    assert (event.actor, event.data["why"], event.data["done"]) == ("bob", "not today", 5)
    with pytest.raises(NotPossible, match="not at work"):
        bulk.stop(job.id, actor="bob", why="again")


def test_a_worker_that_dies_between_two_runs_repeats_none(
    engine: Engine, script: Script, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = confirmed(planned(safe(engine, script, 4)))
    carried = bulk_work._do
    done: list[BulkItem] = []

    def dying(job: BulkJob, item: BulkItem) -> None:
        if len(done) == 2:
            raise SystemExit
        carried(job, item)
        done.append(item)

    monkeypatch.setattr(bulk_work, "_do", dying)
    with pytest.raises(SystemExit):
        work(job)
    assert outcomes(job) == ["done", "done", "ready", "ready"]
    monkeypatch.setattr(bulk_work, "_do", carried)

    assert bulk_work.work(job.id) == "not due"
    assert work(job) == "done"
    engine.work()

    assert outcomes(job) == ["done"] * 4
    assert Event.objects.filter(kind="run.retried").count() == 4
    assert script.times("wait_a_little") == 4


def test_a_worker_that_dies_within_a_run_leaves_nothing_of_it(
    engine: Engine, script: Script, monkeypatch: pytest.MonkeyPatch
) -> None:
    [run] = safe(engine, script, 1)
    job = confirmed(planned([run]))

    def dying(*given: Any, **named: Any) -> UUID:
        carry_out(*given, **named)
        raise SystemExit

    monkeypatch.setattr(bulk_work, "carry_out", dying)
    with pytest.raises(SystemExit):
        work(job)

    assert outcomes(job) == ["ready"]
    assert fresh(run).state == run.state
    assert not Event.objects.filter(run=run, kind="bulk.applied").exists()


def test_a_second_message_finds_nothing_to_do(engine: Engine, script: Script) -> None:
    job = confirmed(planned(safe(engine, script, 8)))
    work(job)

    assert bulk_work.work(job.id) == "not due"


def test_each_run_and_the_whole_have_events_with_the_job(engine: Engine, script: Script) -> None:
    runs = safe(engine, script, 2)
    job = confirmed(planned(runs), reason="the other side is back")
    work(job)

    for run in runs:
        [event] = Event.objects.filter(run=run, kind="bulk.applied")
        assert (event.actor, event.data["job"]) == (ANN, str(job.id))
        assert event.data["reason"] == "the other side is back"
    [begun], [done] = told("bulk.confirmed"), told("bulk.done")
    assert (begun.actor, begun.data["runs"]) == (ANN, 2)
    assert done.data["done"] == 2


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({"actor": "bob"}, "ann made this plan"),
        ({"expires_at": timedelta(minutes=-1)}, "older than 10 minutes"),
        ({"state": "running"}, "confirmed already"),
        ({"verb": "cancel"}, "give a reason"),
    ],
)
def test_a_plan_that_may_not_begin_says_why(
    engine: Engine, script: Script, given: dict[str, Any], why: str
) -> None:
    job = planned(safe(engine, script, 1))
    fields = {name: value for name, value in given.items() if name in ("state", "verb")}
    if "expires_at" in given:
        fields["expires_at"] = timezone.now() + given["expires_at"]
    if fields:
        BulkJob.objects.filter(id=job.id).update(**fields)

    with pytest.raises(NotPossible, match=why):
        bulk.confirm(job.id, bulk.Confirmed(actor=given.get("actor", ANN)))

    assert outcomes(job) == ["ready"]


def test_many_runs_need_their_number_typed(
    engine: Engine, script: Script, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bulk, "UNTYPED", 1)
    job = planned(safe(engine, script, 2))

    with pytest.raises(NotPossible, match="type 2 to confirm"):
        confirmed(job, typed="3")
    confirmed(job, typed="2")

    assert state(job) == "canary"


def test_what_was_mended_goes_ahead_too_when_a_person_says_so(
    engine: Engine, script: Script
) -> None:
    job = planned(broken(engine, script, 2))
    assert outcomes(job) == ["left_out"] * 2
    with pytest.raises(NotPossible, match="none of these runs"):
        confirmed(job)
    with pytest.raises(NotPossible, match="give a reason"):
        confirmed(job, is_mended=True)

    confirmed(job, is_mended=True, reason="a new key")
    work(job)
    engine.work()

    assert outcomes(job) == ["done"] * 2
    assert set(Run.objects.values_list("state", flat=True)) == {"succeeded"}


def test_many_runs_can_be_cancelled(engine: Engine, script: Script) -> None:
    runs = [engine.start("line") for _ in range(7)]
    done = engine.start("relay")
    engine.work()
    over = [fresh(run) for run in runs] + [fresh(done)]
    open_ = [engine.start("line") for _ in range(7)]

    job = confirmed(planned([*open_, over[0]], "cancel"), reason="a mistake")
    while work(job) == "goes on":
        pass

    assert outcomes(job) == ["done"] * 7 + ["left_out"]
    assert {fresh(run).state for run in open_} == {"cancelled"}


def test_somebody_is_asked_about_many_failed_runs(engine: Engine, script: Script) -> None:
    runs = []
    for _ in range(2):
        script.tell("one", PermanentInput("no such order"))
        runs.append(engine.run("line"))
    assert {run.state for run in runs} == {"failed"}

    job = confirmed(planned(runs, "escalate"), reason="who knows it?", person="bob")
    work(job)

    assert outcomes(job) == ["done"] * 2
    for run in runs:
        [asked] = run.escalations.all()
        assert (asked.owner, asked.state) == ("bob", "open")
    again = planned(runs, "escalate")
    assert outcomes(again) == ["left_out"] * 2


def test_plans_that_nobody_confirmed_go_when_the_next_is_made(
    engine: Engine, script: Script
) -> None:
    runs = safe(engine, script, 1)
    old = planned(runs)
    BulkJob.objects.filter(id=old.id).update(expires_at=timezone.now() - timedelta(seconds=1))

    planned(runs)

    assert not BulkJob.objects.filter(id=old.id).exists()


def test_the_price_of_a_run_is_the_mean_of_its_tries(engine: Engine, script: Script) -> None:
    [run] = safe(engine, script, 1)
    run.attempts.update(cost_microusd=400)

    job = planned([run])

    assert job.items.get().cost_microusd == 400
    assert states(run)["wait_a_little"] in ("failed", "attention")


def test_only_jobs_at_work_are_due(engine: Engine, script: Script) -> None:
    job = planned(safe(engine, script, 1))
    assert bulk_work.due() == []

    confirmed(job)

    assert bulk_work.due() == [job.id]
