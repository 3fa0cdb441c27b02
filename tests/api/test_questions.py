"""Questions over HTTP: listed, looked at, answered."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest
from pytest_django import DjangoAssertNumQueries

from aiops.models import Escalation, Event, Run, RunState, Scope, Step
from tests.api.calling import get, post, program
from tests.api.world import SECRET, World, world
from tests.execution.orders import ask, begun, stop_at

pytestmark = pytest.mark.django_db


@pytest.fixture
def made() -> World:
    return world()


def answer(question: UUID, body: dict[str, Any], **headers: str) -> Any:
    return post(program(scopes=[Scope.DECIDE]), f"/questions/{question}/answer", body, **headers)


def test_the_open_questions_are_listed_the_oldest_first(made: World) -> None:
    told = get(program(scopes=[Scope.DECIDE]), "/questions").json()

    assert [one["id"] for one in told["questions"]] == [str(made.approval), str(made.doubt)]
    assert told["questions"][0]["answers"] == ["approve", "reject"]
    assert told["questions"][0]["step"] == "agree"
    assert told["next"] is None


def test_the_list_of_questions_goes_on_where_the_page_ended(made: World) -> None:
    client = program()
    first = get(client, "/questions?limit=1").json()

    second = get(client, f"/questions?limit=1&cursor={first['next']}").json()

    ids = [one["id"] for page in (first, second) for one in page["questions"]]
    assert ids == [str(made.approval), str(made.doubt)]
    assert second["next"] is None


def test_what_a_question_shows_is_for_who_may_see_content_and_that_is_recorded(
    made: World,
) -> None:
    without = get(program(scopes=[Scope.DECIDE]), f"/questions/{made.approval}").json()
    assert not Event.objects.filter(kind="payload.viewed").exists()

    with_it = get(program(), f"/questions/{made.approval}").json()

    assert (without["shows"], without["has_content"]) == (None, True)
    assert with_it["shows"] == SECRET
    assert Event.objects.get(kind="payload.viewed").run_id == made.waiting


def test_an_approval_lets_the_run_go_on(made: World) -> None:
    seen = answer(made.approval, {"answer": "approve"})

    assert (seen.status_code, seen.json()["is_open"]) == (200, False)
    assert Escalation.objects.get(id=made.approval).answered_by.startswith("api:tests (")
    assert Step.objects.get(run=made.waiting, name="agree").state == "succeeded"


def test_a_rejection_stops_the_run_and_says_why(made: World) -> None:
    unsaid = answer(made.approval, {"answer": "reject"})
    seen = answer(made.approval, {"answer": "reject", "note": "Out of stock."})

    assert (unsaid.status_code, unsaid.json()["code"]) == (422, "reason-missing")
    assert seen.json()["state"] == RunState.CANCELLED


def test_what_happened_is_supplied(made: World) -> None:
    body = {"answer": "it_happened", "note": "The bank says so.", "result": "paid"}

    seen = answer(made.doubt, body)

    assert seen.status_code == 200
    assert Step.objects.get(run=made.doubtful, name="charge").result == "paid"


def test_who_says_that_it_did_not_go_out_says_how_they_know(made: World) -> None:
    unsaid = answer(made.doubt, {"answer": "it_did_not"})
    seen = answer(made.doubt, {"answer": "it_did_not", "note": "The bank has nothing."})

    assert (unsaid.status_code, seen.status_code) == (422, 200)
    vouched = Event.objects.get(run=made.doubtful, kind="safety.overridden")
    assert vouched.data["reason"] == "The bank has nothing."


@pytest.mark.parametrize("given", ["retry", "claim", "nonsense"])
def test_what_the_question_does_not_allow_is_no_answer(made: World, given: str) -> None:
    seen = answer(made.approval, {"answer": given})

    assert (seen.status_code, seen.json()["code"]) == (422, "no-answer")
    assert "approve, reject" in seen.json()["detail"]


def test_an_answer_to_something_else_than_what_was_seen_is_refused(made: World) -> None:
    seen = answer(made.approval, {"answer": "approve", "shown_hash": "0" * 64})

    assert seen.status_code == 409
    assert "changed since" in seen.json()["detail"]
    assert Escalation.objects.get(id=made.approval).state == "open"


def test_the_second_of_two_answers_is_refused(made: World) -> None:
    answer(made.approval, {"answer": "approve"})

    seen = answer(made.approval, {"answer": "reject", "note": "No."})

    assert (seen.status_code, seen.json()["code"]) == (409, "answered")


def test_an_answer_that_comes_twice_under_one_name_is_given_once(made: World) -> None:
    client, body = program(), {"answer": "approve"}
    address = f"/questions/{made.approval}/answer"

    seen = [post(client, address, body, **{"Idempotency-Key": "a"}) for _ in range(2)]

    assert seen[0].json() == seen[1].json()
    assert Event.objects.filter(kind="escalation.answered").count() == 1


def test_a_result_that_does_not_fit_leaves_the_question_open(made: World) -> None:
    body = {"answer": "it_happened", "note": "It did.", "result": {"paid": 1}}

    seen = answer(made.doubt, body)

    assert (seen.status_code, seen.json()["code"]) == (422, "result-unfit")
    assert Escalation.objects.get(id=made.doubt).state == "open"


@pytest.mark.parametrize(("tenant", "may"), [("a", False), ("", True)])
def test_what_all_tenants_share_is_moved_by_who_serves_all_of_them(tenant: str, may: bool) -> None:
    run = begun(tenant="a")
    stop_at(run, "charge", state="attention")
    ask(run, "charge", kind="lane", answers=["resume_lane", "cancel"])
    asked = Escalation.objects.get(run=run).id

    told = get(program(tenant=tenant), f"/questions/{asked}").json()
    seen = post(program(tenant=tenant), f"/questions/{asked}/answer", {"answer": "resume_lane"})

    assert ("resume_lane" in told["answers"]) is may
    assert (seen.status_code != 422) is may


def test_questions_are_listed_in_one_query_beside_the_key(
    made: World, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    client = program()
    get(client, "/questions")

    with django_assert_max_num_queries(3):
        get(client, "/questions")


def test_a_question_about_no_step_is_listed(made: World) -> None:
    from aiops.execution import escalate

    escalate.ask_of_run(made.succeeded, "promise", "The mail did not go out.")

    told = get(program(), "/questions").json()["questions"][-1]

    assert (told["step"], told["answers"]) == ("", ["send_again", "let_it_be"])
    assert Run.objects.get(id=told["run_id"]).state == RunState.SUCCEEDED
