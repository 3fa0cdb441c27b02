"""Pausing a pool or a workflow: nothing further starts, nothing is lost, and it goes on by itself."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.db.models import Q
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from aiops.admin.page import listed
from aiops.execution import dispatch, resend
from aiops.execution.advance import advance
from aiops.execution.answers import five_answers
from aiops.execution.pausing import go_on, pause
from aiops.execution.resume import NotPossible
from aiops.execution.runner import Delivery
from aiops.flow import RateLimited, Transient
from aiops.models import Event, Pause, Run, Step
from aiops.upkeep import prove
from tests.execution.engine import (
    COMMITS,
    Engine,
    fresh,
    items,
    meanwhile,
    question,
    result,
    states,
    time_passes,
)
from tests.flows.script import Script

pytestmark = COMMITS

WHY = "provider change"


@pytest.fixture(autouse=True)
def empty_queues(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resend, "queue_lengths", lambda pools: {})


def stop(what: str, name: str) -> None:
    pause(what, name, actor="ann", reason=WHY)


def let_go(what: str, name: str) -> None:
    go_on(what, name, actor="bob", reason="it is back")


def keep(engine: Engine) -> int:
    """Do what the keeper does in one round, and work on what it sent; returns how much it sent."""
    resend.publish_accepted(resend.unpublished())
    resend.resend_due()
    due = Q(steps__wake_at__lte=timezone.now(), finished_at__isnull=True, paused_at__isnull=True)
    for run_id in Run.objects.filter(due).values_list("id", flat=True).distinct():
        advance(run_id)
    sent = len(engine.letters)
    engine.work()
    return sent


def overdue(run: Run) -> None:
    """Let everything that was sent count as lost."""
    past = timezone.now() - timedelta(hours=1)
    Step.objects.filter(run=run, dispatch_due__isnull=False).update(dispatch_due=past)
    Step.objects.filter(run=run).update(since=past)


def user_state(run: Run) -> tuple[str, str]:
    seen = five_answers(run.id)["user"]
    return seen["state"], seen["sentence"]


PAUSES = pytest.mark.parametrize(("what", "name"), [("pool", "io"), ("workflow", "line")])


# Nothing further starts


@PAUSES
def test_no_step_starts_whose_pool_or_workflow_is_paused(
    engine: Engine, what: str, name: str
) -> None:
    stop(what, name)

    run = engine.run("line")

    assert states(run) == {"one": "queued", "two": "pending", "three": "pending"}
    assert engine.deliveries == [Delivery.STALE]


@PAUSES
def test_what_runs_finishes_and_the_next_step_of_its_message_does_not_start(
    engine: Engine, script: Script, what: str, name: str
) -> None:
    script.tell("one", meanwhile(stop, what, name))

    run = engine.run("line")

    assert states(run) == {"one": "succeeded", "two": "queued", "three": "pending"}


@PAUSES
def test_it_goes_on_by_itself_and_no_step_runs_twice(
    engine: Engine, script: Script, what: str, name: str
) -> None:
    script.tell("one", meanwhile(stop, what, name))
    run = engine.run("line")

    let_go(what, name)

    assert keep(engine) == 1
    assert (fresh(run).state, result(run)) == ("succeeded", 3)
    assert script.times("one") == 1


def test_another_pool_and_another_workflow_are_not_held(engine: Engine) -> None:
    stop("pool", "llm")
    stop("workflow", "diamond")

    assert engine.run("line").state == "succeeded"


def test_a_pool_is_held_in_the_middle_of_a_chain_that_leads_through_it(engine: Engine) -> None:
    stop("pool", "llm")
    run = engine.run("relay")
    before = states(run)

    let_go("pool", "llm")
    keep(engine)

    assert before == {"one": "succeeded", "ask": "queued", "close": "pending"}
    assert (fresh(run).state, result(run)) == ("succeeded", 11)


def test_a_run_that_stands_still_does_not_say_that_it_runs(engine: Engine) -> None:
    stop("pool", "llm")

    run = engine.run("relay")

    assert run.state == "queued"


def test_the_other_branch_of_a_parallel_goes_on(engine: Engine) -> None:
    stop("pool", "llm")
    run = engine.run("diamond")
    before = states(run)

    let_go("pool", "llm")
    keep(engine)

    assert (before["left_on"], before["right"], before["total"]) == (
        "succeeded",
        "queued",
        "pending",
    )
    assert fresh(run).state == "succeeded"


@pytest.mark.parametrize(("what", "name"), [("pool", "io"), ("workflow", "squares")])
def test_no_further_item_of_a_map_starts(
    engine: Engine, script: Script, what: str, name: str
) -> None:
    script.tell("square[2]", meanwhile(stop, what, name, then=4))
    run = engine.run("squares", input={"items": [1, 2, 3, 4, 5, 6]})
    begun = sum(state == "succeeded" for state in items(run, "square"))
    waiting = items(run, "square").count("queued")

    let_go(what, name)
    keep(engine)

    assert (begun + waiting, waiting > 0) == (6, True)
    assert (fresh(run).state, result(run)) == ("succeeded", 91)
    assert script.times("square[1]") == 1


def test_a_map_that_begins_while_paused_runs_when_it_may(engine: Engine) -> None:
    stop("pool", "io")
    run = engine.run("roots", input={"items": [1, 2, 3]})
    before = items(run, "root")

    let_go("pool", "io")
    keep(engine)

    assert before == ["queued"] * 3
    assert result(run) == [1, 2, 3]


def test_an_item_to_retry_waits_for_the_pause_to_end(engine: Engine, script: Script) -> None:
    script.tell("root[1]", Transient("busy"))
    run = engine.run("roots", input={"items": [1, 2, 3]})
    stop("workflow", "roots")

    time_passes(run)
    engine.work()
    before = items(run, "root")
    let_go("workflow", "roots")
    keep(engine)

    assert before == ["queued", "succeeded", "succeeded"]
    assert fresh(run).state == "succeeded"


def test_a_child_run_does_not_start_while_the_workflow_of_its_parent_is_paused(
    engine: Engine, script: Script
) -> None:
    script.tell("prepare", meanwhile(stop, "workflow", "family", then={"number": 2}))
    run = engine.run("family")
    assert not Run.objects.filter(workflow="line").exists()

    let_go("workflow", "family")
    keep(engine)

    assert (fresh(run).state, result(run)) == ("succeeded", "child made 4")


def test_the_step_that_is_put_off_comes_again_by_its_time_should_nobody_wake_it(
    engine: Engine, script: Script
) -> None:
    script.tell("prepare", meanwhile(stop, "workflow", "family", then={"number": 2}))
    run = engine.run("family")
    Pause.objects.all().delete()

    time_passes(run)
    engine.work()

    assert fresh(run).state == "succeeded"


def test_waits_end_while_paused_and_what_follows_them_does_not_start(engine: Engine) -> None:
    run = engine.run("nap")
    stop("workflow", "nap")

    time_passes(run)
    engine.work()

    assert list(states(run).values()) == ["succeeded", "queued"]


def test_a_question_is_asked_while_paused(engine: Engine, script: Script) -> None:
    script.tell("compose", meanwhile(stop, "workflow", "letter", then="dear Ann"))

    run = engine.run("letter")

    # A person may decide; only workers are held.
    assert states(run)["agree"] == "waiting"
    assert question(run).question == "Send it?"


def test_a_step_that_is_due_again_waits_for_the_pause_to_end(
    engine: Engine, script: Script
) -> None:
    script.tell("fetch", Transient("busy"))
    run = engine.run("retried")
    stop("pool", "io")

    time_passes(run)
    engine.work()
    before = states(run)["fetch"]
    let_go("pool", "io")
    keep(engine)

    assert before == "queued"
    assert fresh(run).state == "succeeded"


def test_a_run_is_accepted_while_its_workflow_is_paused(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    stop("workflow", "line")
    monkeypatch.setattr(dispatch._Process, "publishes", False)

    run = engine.start("line")

    assert run.state == "queued"
    assert resend.unpublished() == []


# Nothing is sent in vain, nothing is limbo


@PAUSES
def test_nothing_is_sent_again_while_paused(engine: Engine, what: str, name: str) -> None:
    run = engine.start("line")
    stop(what, name)
    engine.work()
    overdue(run)

    assert keep(engine) == 0
    assert resend.unpublished() == []


def test_a_message_that_was_lost_while_paused_is_sent_when_it_is_overdue(engine: Engine) -> None:
    run = engine.start("line")
    stop("pool", "io")
    engine.drop()
    overdue(run)
    assert keep(engine) == 0

    let_go("pool", "io")
    assert keep(engine) == 0
    overdue(run)

    assert keep(engine) == 1
    assert fresh(run).state == "succeeded"


def test_a_message_that_still_waits_in_its_queue_is_not_sent_a_second_time(engine: Engine) -> None:
    engine.start("line")
    stop("pool", "io")
    let_go("pool", "io")

    assert resend.unpublished() == []
    assert len(engine.letters) == 1


def test_a_message_that_comes_twice_while_paused_leads_to_one_more(engine: Engine) -> None:
    run = engine.start("line")
    stop("pool", "io")
    engine.work(times=2)

    let_go("pool", "io")

    assert keep(engine) == 1
    assert fresh(run).state == "succeeded"


@pytest.mark.parametrize("workflow", ["line", "relay", "diamond", "roots", "family"])
@pytest.mark.parametrize("what", ["pool", "workflow"])
def test_a_pause_is_no_limbo_however_long_it_lasts(
    engine: Engine, script: Script, what: str, workflow: str
) -> None:
    name = "io" if what == "pool" else workflow
    then: Any = {"number": 2} if workflow == "family" else 1
    first = "prepare" if workflow == "family" else "one"
    script.tell(first, meanwhile(stop, what, name, then=then))
    if workflow == "roots":
        stop(what, name)
    run = engine.run(workflow, input={"items": [1, 2]})
    overdue(run)
    past = timezone.now() - timedelta(hours=1)
    Step.objects.filter(run=run).update(since=past)
    Step.objects.filter(run=run, finished_at__isnull=False).update(finished_at=past)
    Run.objects.filter(id=run.id).update(since=past)

    assert prove.limbo(recent_s=None) == []


@pytest.mark.parametrize("is_lost", [True, False], ids=["lost", "refused"])
@pytest.mark.parametrize("workflow", ["line", "roots"])
def test_what_goes_on_is_no_limbo_before_the_keeper_has_sent_it(
    engine: Engine, workflow: str, is_lost: bool
) -> None:
    run = engine.start(workflow, input={"items": [1, 2, 3]})
    stop("workflow", workflow)
    if is_lost:
        engine.drop()
        overdue(run)
    engine.work()

    let_go("workflow", workflow)

    assert prove.limbo(slack_s=0, recent_s=None) == []
    if is_lost:
        overdue(run)
    assert keep(engine) > 0
    assert fresh(run).state == "succeeded"


def test_a_step_that_no_pause_holds_is_found_in_limbo_all_the_same(engine: Engine) -> None:
    stop("pool", "llm")
    run = engine.start("line")
    engine.drop()
    overdue(run)

    assert [one.what for one in prove.limbo()] == ["its message is overdue"]


# What is told


@PAUSES
def test_the_five_answers_say_who_paused_it_and_why(engine: Engine, what: str, name: str) -> None:
    stop(what, name)
    run = engine.run("line")

    state = five_answers(run.id)["state"]

    whose = "Its workflow" if what == "workflow" else "Its pool io"
    assert state["reason"] == f"{whose} is paused by ann: {WHY}"
    (wait,) = state["waits"]
    assert wait["waits_for"] == f"{whose} to go on: paused by ann, {WHY}"
    assert (wait["until"], wait["held"]["by"]) == (None, "ann")


def test_a_list_of_runs_can_say_why_each_stands_still(engine: Engine) -> None:
    free = engine.run("diamond")
    stop("pool", "llm")
    held = engine.run("relay")

    told = {run_id: row.held for run_id, row in listed.read([free.id, held.id]).items()}
    assert told == {free.id: "", held.id: f"Its pool llm is paused by ann: {WHY}"}


def test_the_user_is_told_that_it_is_on_hold(engine: Engine) -> None:
    stop("workflow", "line")
    run = engine.run("line")

    assert user_state(run) == ("waiting", "This is on hold. We'll carry on as soon as we can.")


def test_the_user_is_not_told_of_a_pause_while_something_of_it_is_worked_on(
    engine: Engine, script: Script
) -> None:
    seen: list[tuple[str, str]] = []

    def look() -> int:
        stop("workflow", "line")
        seen.append(user_state(Run.objects.get()))
        return 1

    script.tell("one", look)
    engine.run("line")

    assert [state for state, _ in seen] == ["running"]


def test_a_pause_of_a_pool_that_the_run_does_not_wait_for_is_not_told(engine: Engine) -> None:
    engine_run = engine.start("line")
    stop("pool", "llm")

    state = five_answers(engine_run.id)["state"]

    assert (state["held"], state["reason"]) == (None, "")


def test_a_run_that_waits_for_a_person_says_so_although_its_workflow_is_paused(
    engine: Engine,
) -> None:
    run = engine.run("letter")
    stop("workflow", "letter")

    assert five_answers(run.id)["state"]["held"] is None
    assert user_state(run)[0] == "waiting"


def test_a_parked_step_says_that_its_pool_is_paused(engine: Engine, script: Script) -> None:
    script.tell("fetch", RateLimited("slow down", after_s=600))
    run = engine.run("retried")
    stop("pool", "io")

    assert five_answers(run.id)["state"]["held"]["what"] == "pool"


def test_what_was_told_is_no_longer_told_once_it_goes_on(engine: Engine) -> None:
    stop("workflow", "line")
    run = engine.run("line")
    let_go("workflow", "line")

    state = five_answers(run.id)["state"]

    assert (state["held"], state["reason"]) == (None, "")


# Who did it


@PAUSES
def test_both_leave_an_event_with_who_and_why(engine: Engine, what: str, name: str) -> None:
    stop(what, name)
    let_go(what, name)

    paused, resumed = Event.objects.filter(run__isnull=True).order_by("id")

    assert (paused.kind, paused.actor, paused.data) == (
        f"{what}.paused",
        "ann",
        {"name": name, "reason": WHY},
    )
    assert (resumed.kind, resumed.actor, resumed.data["reason"]) == (
        f"{what}.resumed",
        "bob",
        "it is back",
    )
    assert (resumed.data["was"]["by"], resumed.data["was"]["reason"]) == ("ann", WHY)
    assert not Pause.objects.exists()


@pytest.mark.parametrize(
    ("what", "name", "why"),
    [
        ("pool", "control", "moves all runs on"),
        ("pool", "lm", "There is no pool 'lm'"),
        ("workflow", "lin", "There is no workflow 'lin'"),
    ],
)
def test_what_cannot_be_paused_is_refused_with_what_to_do(
    engine: Engine, what: str, name: str, why: str
) -> None:
    with pytest.raises(NotPossible, match=why):
        stop(what, name)

    assert not Event.objects.exists()


def test_a_second_pause_is_refused_and_says_who_was_first(engine: Engine) -> None:
    stop("pool", "io")

    with pytest.raises(NotPossible, match=f"Pool io is paused already by ann: {WHY}"):
        pause("pool", "io", actor="bob", reason="me too")

    assert Event.objects.count() == 1


def test_a_pause_without_a_reason_is_refused(engine: Engine) -> None:
    with pytest.raises(NotPossible, match="Give a reason"):
        pause("pool", "io", actor="ann", reason="  ")


def test_what_is_not_paused_cannot_go_on(engine: Engine) -> None:
    with pytest.raises(NotPossible, match="pool io is not paused"):
        let_go("pool", "io")

    assert not Event.objects.exists()


def test_going_on_costs_the_same_however_much_was_held(engine: Engine) -> None:
    stop("workflow", "line")
    for _ in range(5):
        engine.run("line")

    with CaptureQueriesContext(connection) as spent:
        let_go("workflow", "line")

    # The beginning and the end of the transaction, the row read and deleted, the event; what came
    # due, and what was put off.
    assert len(spent) <= 9
