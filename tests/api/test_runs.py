"""Starting runs over HTTP, and what is seen of them."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.core.files.storage import default_storage
from django.utils import timezone
from django.utils.module_loading import import_string
from pytest_django import DjangoAssertNumQueries
from pytest_django.fixtures import Settings

from aiops.access import run_token
from aiops.execution.user_view import user_view
from aiops.models import Event, Run, Scope, Step
from tests.api.calling import get, holder, post, program
from tests.api.world import SECRET, world
from tests.execution.orders import begun, edit, set_run

pytestmark = pytest.mark.django_db

LINE = {"workflow": "line", "input": {"number": 1}}


def start(body: dict[str, Any], **headers: str) -> Any:
    return post(program(), "/runs", {**LINE, **body}, **headers)


# Starting


def test_a_start_is_accepted_and_a_second_one_of_its_key_finds_the_same_run(flows: None) -> None:
    client = program()

    first = post(client, "/runs", {**LINE, "key": "k"})
    second = post(client, "/runs", {**LINE, "key": "k"})

    assert (first.status_code, second.status_code) == (202, 200)
    assert first.json()["run_id"] == second.json()["run_id"]
    assert (first.json()["is_new"], second.json()["is_new"]) == (True, False)
    assert Run.objects.count() == 1


def test_the_header_is_another_way_to_give_the_key(flows: None) -> None:
    first = start({"key": "k"})
    second = start({}, **{"Idempotency-Key": "k"})

    assert second.json()["run_id"] == first.json()["run_id"]


def test_two_keys_that_differ_are_refused(flows: None) -> None:
    seen = start({"key": "a"}, **{"Idempotency-Key": "b"})

    assert (seen.status_code, seen.json()["code"]) == (422, "keys-differ")
    assert not Run.objects.exists()


def test_every_option_of_a_start_arrives(flows: None) -> None:
    deadline = timezone.now() + timedelta(hours=1)

    seen = start(
        {
            "key": "k",
            "title": "A line",
            "priority": "batch",
            "deadline_at": deadline.isoformat(),
            "metadata": {"order": 4711},
            "if_exists": "reject",
        }
    )

    run = Run.objects.get(id=seen.json()["run_id"])
    assert (run.key, run.title, run.priority, run.deadline_at) == ("k", "A line", "batch", deadline)
    assert run.metadata["order"] == 4711
    assert run.started_by.startswith("api:tests (")


def test_what_a_second_start_does_is_the_policys_word(flows: None) -> None:
    start({"key": "k"})

    refused = start({"key": "k", "if_exists": "reject"})
    other_input = post(program(), "/runs", {"workflow": "line", "input": {"number": 2}, "key": "k"})
    queued = start({"key": "k", "if_exists": "queue"})

    assert [one.status_code for one in (refused, other_input, queued)] == [409, 409, 202]
    assert refused.json()["code"] == other_input.json()["code"] == "key-taken"
    assert Run.objects.count() == 2


def test_the_answer_says_where_the_run_is_found(flows: None, settings: Settings) -> None:
    settings.AIOPS_BASE_URL = "https://ai.example.org"

    seen = start({})

    links, run_id = seen.json()["links"], seen.json()["run_id"]
    assert links["status"] == f"https://ai.example.org/api/v1/runs/{run_id}/status"
    assert seen["Location"] == f"/api/v1/runs/{run_id}/status"
    token = links["page"].removeprefix("https://ai.example.org/s/").rstrip("/")
    found = run_token.read(token)
    assert found is not None
    assert (found.run_id, found.scopes) == (UUID(run_id), frozenset({"see"}))


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ({"workflow": "lin"}, "line"),
        ({"input": {"number": "many"}}, "number"),
        ({"input": 7}, "input"),
        ({"priorty": "batch"}, "priorty"),
        ({"deadline_at": "2027-01-01"}, "deadline_at"),
        ({"deadline_at": "2027-01-01T10:00:00"}, "deadline_at"),
        ({"key": ""}, "key"),
        ({"title": "x" * 201}, "title"),
        ({"if_exists": "perhaps"}, "if_exists"),
        ({"notify_email": "nobody"}, "notify_email"),
    ],
)
def test_a_wrong_start_is_told_what_is_wrong(flows: None, body: dict[str, Any], told: str) -> None:
    seen = start(body)

    assert seen.status_code == 422
    assert seen["Content-Type"] == "application/problem+json"
    assert told in seen.json()["detail"]
    assert not Run.objects.exists()


def test_a_key_of_one_tenant_starts_no_run_of_another(flows: None) -> None:
    seen = post(program(tenant="a"), "/runs", {**LINE, "tenant": "b"})

    assert (seen.status_code, seen.json()["code"]) == (403, "other-tenant")


def test_a_key_of_all_tenants_says_whose_run_it_is(flows: None) -> None:
    seen = post(program(tenant=""), "/runs", {**LINE, "tenant": "b"})

    assert Run.objects.get(id=seen.json()["run_id"]).tenant == "b"


def test_a_promise_that_cannot_be_made_leaves_no_run(
    flows: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    def none(name: str) -> Any:
        raise ImportError(name)

    monkeypatch.setattr("aiops.api.promising.import_string", none)

    seen = start({"notify_email": "ada@example.org"})

    assert (seen.status_code, seen.json()["code"]) == (422, "no-mail")
    assert not Run.objects.exists()


def test_a_promise_is_made_with_the_start(flows: None, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[tuple[UUID, str]] = []

    def promise(run_id: UUID, *, email: str) -> None:
        made.append((run_id, email))

    real = import_string
    monkeypatch.setattr(
        "aiops.api.promising.import_string",
        lambda name: promise if name.endswith("promises.promise") else real(name),
    )

    seen = start({"notify_email": "ada@example.org"})

    assert made == [(UUID(seen.json()["run_id"]), "ada@example.org")]


# Dry runs


def test_a_dry_run_tells_the_plan_and_writes_nothing(flows: None) -> None:
    seen = start({"key": "k", "dry_run": True})

    told = seen.json()
    assert (seen.status_code, told["would"], told["run_id"]) == (200, "start", None)
    assert [step["name"] for step in told["steps"]] == ["one", "two", "three"]
    assert told["usual"] == {"runs": 0, "lasts_s": None, "cost_microusd": None}
    assert not Run.objects.exists()
    assert not Event.objects.exists()


@pytest.mark.parametrize("if_exists", ["return", "replace", "queue"])
def test_a_dry_run_tells_what_the_key_would_find(flows: None, if_exists: str) -> None:
    run_id = start({"key": "k"}).json()["run_id"]

    told = start({"key": "k", "dry_run": True, "if_exists": if_exists}).json()

    assert (told["would"], told["run_id"]) == (if_exists, run_id)
    assert Run.objects.count() == 1


def test_a_dry_run_is_refused_where_the_start_would_be(flows: None) -> None:
    start({"key": "k"})

    taken = start({"key": "k", "dry_run": True, "if_exists": "reject"})
    wrong = start({"input": {"number": "many"}, "dry_run": True})

    assert (taken.status_code, wrong.status_code) == (409, 422)


def test_the_usual_time_is_that_of_the_callers_own_runs(flows: None) -> None:
    for tenant, seconds in (("a", 60), ("b", 7)):
        run_id = post(program(tenant=tenant), "/runs", LINE).json()["run_id"]
        run = Run.objects.get(id=run_id)
        set_run(run, state="succeeded", finished_at=run.created_at + timedelta(seconds=seconds))

    told = post(program(tenant="b"), "/runs", {**LINE, "dry_run": True}).json()

    assert told["usual"] == {"runs": 1, "lasts_s": 7.0, "cost_microusd": None}


# Seeing


def test_another_tenants_run_is_not_there(flows: None) -> None:
    run = post(program(tenant="a"), "/runs", LINE)

    seen = get(program(tenant="b"), f"/runs/{run.json()['run_id']}/status")

    assert seen.status_code == 404
    assert seen["Content-Type"] == "application/problem+json"


def test_the_status_is_the_users_view_word_for_word() -> None:
    made = world()
    client = program(scopes=[Scope.START])

    for run_id in made.runs:
        assert get(client, f"/runs/{run_id}/status").json() == user_view(run_id)


def test_a_token_sees_the_status_of_its_run_alone() -> None:
    mine, other = begun(), begun()
    client = program(scopes=[Scope.START])
    token = post(client, f"/runs/{mine.id}/token", {"lasts_s": 60}).json()["token"]

    seen = [
        get(holder(token), f"/runs/{run.id}{path}")
        for run in (mine, other)
        for path in ("/status", "")
    ]

    assert [one.status_code for one in seen] == [200, 401, 404, 401]


def test_a_token_says_what_it_allows_and_for_how_long() -> None:
    run = begun()

    told = post(
        program(), f"/runs/{run.id}/token", {"allows": ["see", "cancel"], "lasts_s": 3600}
    ).json()

    found = run_token.read(told["token"])
    assert found is not None
    assert (found.run_id, found.scopes) == (run.id, frozenset({"see", "cancel"}))
    assert told["allows"] == ["cancel", "see"]
    assert told["links"]["page"].endswith(f"/s/{told['token']}/")


def test_the_five_answers_are_told_of_every_state() -> None:
    made = world()

    told = [get(program(), f"/runs/{run_id}").json() for run_id in made.runs]

    assert [one["state"]["key"] for one in told] == [
        *("queued", "failed", "failed", "waiting", "attention", "succeeded", "cancelled")
    ]
    assert told[1]["retry"]["verdict"]["key"] == "safe"
    assert told[3]["person"]["questions"][0]["id"] == str(made.approval)


# Results


def test_a_result_is_told_to_who_may_see_content_and_that_is_recorded() -> None:
    made = world()

    seen = get(program(scopes=[Scope.CONTENT]), f"/runs/{made.succeeded}/result")

    assert seen.json()["result"] == f"{SECRET}: written"
    looked = Event.objects.get(run=made.succeeded, kind="payload.viewed")
    assert looked.actor.startswith("api:tests (")
    assert looked.data == {"what": "the run's result"}


def test_a_run_that_goes_on_has_no_result_yet() -> None:
    made = world()

    seen = get(program(), f"/runs/{made.queued}/result")

    assert (seen.status_code, seen.json()["code"], seen.json()["state"]) == (
        *(409, "not-ended"),
        "queued",
    )
    assert seen["Retry-After"] == "5"


def test_a_run_that_failed_has_no_result() -> None:
    made = world()

    seen = get(program(), f"/runs/{made.failed}/result")

    assert (seen.status_code, seen.json()["code"]) == (409, "no-result")


def test_a_result_whose_file_is_gone_is_told_as_gone() -> None:
    made = world()
    name = f"payloads/{made.succeeded}/gone.json"
    assert not default_storage.exists(name)
    edit(Run.objects.get(id=made.succeeded), "notify", result=None, result_ref=name)

    seen = get(program(), f"/runs/{made.succeeded}/result")

    assert (seen.status_code, seen.json()["code"]) == (410, "result-gone")
    assert not Event.objects.filter(run=made.succeeded, kind="payload.viewed").exists()


# What it costs


@pytest.mark.parametrize(
    ("path", "queries"), [("/status", 9), ("", 9), ("/events", 3), ("/result", 5)]
)
def test_a_run_is_read_in_few_queries(
    path: str, queries: int, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    made, client = world(), program()
    get(client, f"/runs/{made.waiting}/status")
    about = made.succeeded if path == "/result" else made.waiting
    whose_key_it_is = 1

    with django_assert_max_num_queries(queries + whose_key_it_is):
        assert get(client, f"/runs/{about}{path}").status_code == 200


def test_no_step_is_read_of_a_run_that_is_not_there() -> None:
    seen = get(program(), f"/runs/{uuid4()}")

    assert seen.status_code == 404
    assert not Step.objects.exists()
