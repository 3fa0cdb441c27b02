"""Verbs over HTTP: the same plans as in the console, done once, refused for the same reasons."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

import pytest

from aiops.access import run_token
from aiops.access.run_token import CANCEL, SEE
from aiops.models import ApiRequest, Event, Run, RunState, Scope, Step
from tests.api.calling import holder, post, program
from tests.api.world import World, world

pytestmark = pytest.mark.django_db

WHY = {"reason": "They asked for it."}


@pytest.fixture
def made() -> World:
    return world()


def do(run_id: UUID, verb: str, body: dict[str, Any] | None = None, **headers: str) -> Any:
    return post(program(scopes=[Scope.OPERATE]), f"/runs/{run_id}/{verb}", body or WHY, **headers)


def state(run_id: UUID) -> str:
    return Run.objects.get(id=run_id).state


def step(run_id: UUID, name: str) -> Step:
    return Step.objects.get(run=run_id, name=name, map__isnull=True)


# Cancelling


def test_a_run_is_cancelled_by_who_says_why(made: World) -> None:
    seen = do(made.queued, "cancel")

    assert (seen.status_code, seen.json()["is_done"]) == (200, True)
    assert seen.json()["state"] == state(made.queued) == RunState.CANCELLED
    told = Event.objects.get(run=made.queued, kind="run.cancelling")
    assert told.actor.startswith("api:tests (")
    assert told.data["reason"] == WHY["reason"]


def test_a_cancellation_without_a_reason_says_so(made: World) -> None:
    do(made.queued, "cancel", {"reason": " "})

    told = Event.objects.get(run=made.queued, kind="run.cancelling")
    assert told.data["reason"] == "No reason was given."


def test_nobody_skips_a_step_without_a_reason(made: World) -> None:
    seen = do(made.failed, "steps/notify/skip", {"reason": " "})

    assert (seen.status_code, seen.json()["code"]) == (422, "reason-missing")
    assert step(made.failed, "notify").state == "failed"


def test_a_second_cancellation_changes_nothing_and_is_no_error(made: World) -> None:
    seen = do(made.cancelled, "cancel")

    assert (seen.status_code, seen.json()["is_done"]) == (200, False)
    assert not Event.objects.filter(run=made.cancelled, kind="run.cancelled").exists()


def test_what_has_finished_is_not_cancelled(made: World) -> None:
    seen = do(made.succeeded, "cancel")

    assert (seen.status_code, seen.json()["code"]) == (409, "not-possible")
    assert "nothing left to cancel" in seen.json()["detail"]


def test_a_user_cancels_with_a_token_that_allows_it_and_needs_no_reason(made: World) -> None:
    sees, cancels = (
        holder(run_token.sign(made.queued, allows=allows)) for allows in ((SEE,), (SEE, CANCEL))
    )

    refused = post(sees, f"/runs/{made.queued}/cancel", {})
    by_force = post(cancels, f"/runs/{made.queued}/cancel", {"now": True})
    done = post(cancels, f"/runs/{made.queued}/cancel", {})

    assert [one.status_code for one in (refused, by_force, done)] == [403, 403, 200]
    assert state(made.queued) == RunState.CANCELLED


# Retrying


def test_what_failed_is_retried_and_the_rest_is_kept(made: World) -> None:
    seen = do(made.failed, "retry")

    assert seen.status_code == 200
    plan = seen.json()["plan"]
    assert [one["step"] for one in plan["runs_again"]] == ["notify"]
    assert plan["kept"] == ["read", "pack", "agree", "charge"]
    assert step(made.failed, "notify").state == "queued"
    assert step(made.failed, "charge").state == "succeeded"


@pytest.mark.parametrize("body", [{"step": "notify"}, {"from_step": "notify"}])
def test_a_retry_takes_one_step_or_all_from_one_on(made: World, body: dict[str, str]) -> None:
    seen = do(made.failed, "retry", {**WHY, **body})

    assert (seen.status_code, seen.json()["is_done"]) == (200, True)
    assert step(made.failed, "notify").state == "queued"


def test_two_aims_are_one_too_many(made: World) -> None:
    seen = do(made.failed, "retry", {**WHY, "step": "notify", "from_step": "charge"})

    assert (seen.status_code, seen.json()["code"]) == (422, "two-aims")


def test_what_did_go_out_is_not_retried_and_the_problem_says_what_to_do(made: World) -> None:
    seen = do(made.sent, "retry")

    told = seen.json()
    assert (seen.status_code, told["code"]) == (409, "not-possible")
    assert "mark it as done instead" in told["detail"]
    assert told["verdict"]["key"] == "unsafe"
    assert told["price"]["runs_again"] == 1
    done = {"verb": "mark_done", "step": "charge"}
    assert {**done, "post": f"/api/v1/runs/{made.sent}/steps/charge/supply"} in told["instead"]
    assert state(made.sent) == RunState.FAILED


def test_what_may_have_gone_out_is_not_retried_but_asked_about(made: World) -> None:
    seen = do(made.doubtful, "retry", {**WHY, "step": "charge"})

    told = seen.json()
    assert (seen.status_code, told["verdict"]["key"]) == (409, "check")
    assert f"/api/v1/questions/{made.doubt}/answer" in {one["post"] for one in told["instead"]}


def test_a_program_vouches_for_nothing(made: World) -> None:
    """From `charge` on would let the payment go out a second time: the console asks for a tick."""
    seen = do(made.failed, "retry", {**WHY, "from_step": "charge"})

    assert (seen.status_code, seen.json()["code"]) == (409, "look-first")
    assert step(made.failed, "charge").state == "succeeded"


# Skipping and supplying


def test_a_step_is_skipped(made: World) -> None:
    seen = do(made.failed, "steps/notify/skip")

    assert seen.json()["state"] == RunState.PARTIAL
    assert step(made.failed, "notify").state == "skipped"


def test_a_result_is_given_by_hand(made: World) -> None:
    seen = do(made.sent, "steps/charge/supply", {**WHY, "result": "paid by card"})

    assert seen.status_code == 200
    assert step(made.sent, "charge").result == "paid by card"


def test_a_result_of_another_type_is_refused(made: World) -> None:
    seen = do(made.sent, "steps/charge/supply", {**WHY, "result": {"paid": True}})

    assert (seen.status_code, seen.json()["code"]) == (422, "result-unfit")
    assert step(made.sent, "charge").state == "failed"


@pytest.mark.parametrize("verb", ["steps/nothing/skip", "steps/nothing/supply"])
def test_a_step_that_is_not_in_the_plan_is_not_there(made: World, verb: str) -> None:
    seen = do(made.failed, verb, {**WHY, **({"result": 1} if "supply" in verb else {})})

    assert seen.status_code == 404
    assert "its steps are read, pack, agree, charge, notify" in seen.json()["detail"]


# Plans


@pytest.mark.parametrize(
    ("about", "verb", "body"),
    [
        ("failed", "retry", WHY),
        ("queued", "cancel", WHY),
        ("failed", "steps/notify/skip", WHY),
        ("failed", "steps/notify/supply", {**WHY, "result": "written"}),
    ],
)
def test_a_dry_run_changes_nothing(
    made: World, about: str, verb: str, body: dict[str, Any]
) -> None:
    run_id = getattr(made, about)
    before = (state(run_id), told_of_runs(), list(Step.objects.order_by("id").values()))

    seen = do(run_id, f"{verb}?dry_run=true", body)

    assert (seen.status_code, seen.json()["is_done"]) == (200, False)
    assert seen.json()["plan"]["user_reads"]["headline"]
    after = (state(run_id), told_of_runs(), list(Step.objects.order_by("id").values()))
    assert after == before


def told_of_runs() -> int:
    return Event.objects.filter(run__isnull=False).count()


def test_a_dry_run_tells_what_is_not_possible_and_is_no_error(made: World) -> None:
    plan = do(made.sent, "retry?dry_run=true").json()["plan"]

    assert not plan["is_possible"]
    assert "did go out" in plan["refused"]


def test_a_plan_that_was_looked_at_is_carried_out(made: World) -> None:
    version = do(made.failed, "retry?dry_run=true").json()["plan"]["version"]

    seen = do(made.failed, "retry", {**WHY, "version": version})

    assert seen.json()["is_done"]


def test_a_plan_of_a_run_that_has_moved_is_refused_with_the_new_one(made: World) -> None:
    version = do(made.failed, "retry?dry_run=true").json()["plan"]["version"]
    Step.objects.filter(run=made.failed, name="notify").update(fence=9)

    seen = do(made.failed, "retry", {**WHY, "version": version})

    assert (seen.status_code, seen.json()["code"]) == (409, "moved-on")
    assert seen.json()["plan"]["version"] != version
    assert step(made.failed, "notify").state == "failed"


# Once


def test_a_verb_that_comes_twice_under_one_name_is_done_once(made: World) -> None:
    client = program()
    address = f"/runs/{made.failed}/retry"

    first = post(client, address, WHY, **{"Idempotency-Key": "a"})
    Step.objects.filter(run=made.failed, name="notify").update(state="failed")
    second = post(client, address, WHY, **{"Idempotency-Key": "a"})

    assert second.json() == first.json()
    assert (first.headers.get("Idempotency-Replayed"), second["Idempotency-Replayed"]) == (
        *(None, "true"),
    )
    assert Event.objects.filter(run=made.failed, kind="run.retried").count() == 1


def test_a_name_belongs_to_one_request(made: World) -> None:
    client = program()
    post(client, f"/runs/{made.failed}/retry", WHY, **{"Idempotency-Key": "a"})

    seen = post(client, f"/runs/{made.queued}/cancel", WHY, **{"Idempotency-Key": "a"})

    assert (seen.status_code, seen.json()["code"]) == (422, "idempotency-key-reused")
    assert state(made.queued) == RunState.QUEUED


def test_two_programs_may_use_the_same_name(made: World) -> None:
    seen = [
        post(program(), f"/runs/{run_id}/cancel", WHY, **{"Idempotency-Key": "a"})
        for run_id in (made.queued, made.waiting)
    ]

    assert [one.json()["is_done"] for one in seen] == [True, True]


def test_what_was_refused_may_be_tried_again_under_the_same_name(made: World) -> None:
    client = program()
    address, named = f"/runs/{made.succeeded}/cancel", {"Idempotency-Key": "a"}

    seen = [post(client, address, WHY, **named).status_code for _ in range(2)]

    assert seen == [409, 409]
    assert not ApiRequest.objects.exists()


def test_a_run_that_is_not_there_is_told_before_anything_else() -> None:
    seen = do(uuid4(), "retry")

    assert seen.status_code == 404
