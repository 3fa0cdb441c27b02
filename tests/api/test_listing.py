"""Lists: filters, pages that new rows do not move, and events without content."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

import pytest
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from aiops.api.one_run import public
from aiops.models import Event, Run, Scope
from aiops.models.transitions import tell
from tests.api.calling import get, program
from tests.api.world import SECRET, World, world
from tests.execution.orders import begun, set_run

pytestmark = pytest.mark.django_db


@pytest.fixture
def made() -> World:
    return world()


def listed(**query: Any) -> Any:
    address = f"/runs?{urlencode(query, doseq=True)}"
    return get(program(tenant="", scopes=[Scope.READ]), address).json()


def ids(page: Any) -> list[UUID]:
    return [UUID(run["id"]) for run in page["runs"]]


def test_runs_are_listed_the_newest_first(made: World) -> None:
    assert ids(listed()) == made.runs[::-1]


def test_pages_follow_one_another_without_a_gap_and_new_runs_move_none(made: World) -> None:
    found, cursor = [], None
    for _ in range(4):
        page = listed(limit=2, **({"cursor": cursor} if cursor else {}))
        found += ids(page)
        cursor = page["next"]
        begun()

    assert found == made.runs[::-1]
    assert cursor is None


def test_runs_of_one_moment_are_told_apart() -> None:
    runs = [begun() for _ in range(5)]
    at = timezone.now()
    for run in runs:
        set_run(run, created_at=at)
    found, cursor = [], None

    for _ in range(3):
        page = listed(limit=2, **({"cursor": cursor} if cursor else {}))
        found += ids(page)
        cursor = page["next"]

    assert sorted(found) == sorted(run.id for run in runs)


def test_filters_narrow_the_list(made: World) -> None:
    other = begun(tenant="other", key="k")
    set_run(other, created_at=timezone.now() - timedelta(days=2))
    day = (timezone.now() - timedelta(days=1)).isoformat()

    assert ids(listed(state="failed")) == [made.sent, made.failed]
    assert ids(listed(state=["queued", "waiting"], tenant="default")) == [made.waiting, made.queued]
    assert ids(listed(tenant="other")) == [other.id]
    assert ids(listed(key="k")) == [other.id]
    assert ids(listed(created_before=day)) == [other.id]
    assert other.id not in ids(listed(created_after=day))
    assert ids(listed(workflow="support_reply")) == []


@pytest.mark.parametrize(
    "query",
    [
        {"state": "lost"},
        {"limit": 0},
        {"limit": 201},
        {"limit": "9" * 400},
        {"cursor": "nonsense"},
        {"created_after": "yesterday"},
        {"created_after": "2026-11-22"},
    ],
)
def test_a_wrong_filter_is_told_as_a_problem(query: dict[str, Any]) -> None:
    seen = get(program(), f"/runs?{urlencode(query)}")

    assert (seen.status_code, seen.json()["code"]) == (422, "wrong-values")
    assert next(iter(query)) in seen.json()["detail"]


@pytest.mark.parametrize("cursor", ["_" * 32, "A" * 32])
def test_a_cursor_that_nobody_gave_out_stands_at_one_of_the_ends(made: World, cursor: str) -> None:
    assert ids(listed(cursor=cursor)) == []


def test_runs_are_listed_in_one_query_beside_the_key(
    made: World, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    client = program()
    get(client, "/runs")

    with django_assert_max_num_queries(3):
        get(client, "/runs?limit=200&state=failed")


# Events


def events(run_id: UUID, **query: Any) -> Any:
    client = program(scopes=[Scope.READ])
    return get(client, f"/runs/{run_id}/events?{urlencode(query)}").json()


def test_events_are_told_in_order_with_their_steps(made: World) -> None:
    told = events(made.waiting)["events"]

    assert [one["kind"] for one in told] == ["run.accepted", "escalation.opened"]
    assert told[1]["step"] == "agree"
    assert told[1]["data"]["about"] == "approval"


def test_what_runs_are_about_is_no_part_of_an_event(made: World) -> None:
    tell(made.waiting, "escalation.answered", note=SECRET, answer="approve", shown="0" * 64)
    tell(made.waiting, "step.failed", message=SECRET, name="charge", was={"input": SECRET})

    told = events(made.waiting)["events"][-2:]

    assert [one["data"] for one in told] == [{"answer": "approve"}, {"name": "charge"}]


def test_events_go_on_where_the_page_ended(made: World) -> None:
    for number in range(5):
        tell(made.queued, "test.told", count=number)
    Event.objects.filter(run=made.queued).update(at=timezone.now() - timedelta(minutes=1))

    first = events(made.queued, limit=4)
    second = events(made.queued, limit=4, cursor=first["next"])
    third = events(made.queued, cursor=second["next"])

    assert [len(page["events"]) for page in (first, second, third)] == [4, 2, 0]
    assert (first["has_more"], second["has_more"]) == (True, False)
    assert third["next"] == second["next"]


def test_an_event_that_settles_late_is_not_missed(made: World) -> None:
    """Two transactions: the one with the smaller id may commit after the other was read."""
    first = events(made.queued)

    again = events(made.queued, cursor=first["next"])

    assert [one["id"] for one in again["events"]] == [one["id"] for one in first["events"]]


def test_only_known_names_with_plain_values_are_public() -> None:
    given = {"name": "a", "steps": ["a", 1], "was": {"x": 1}, "secret": 1, "reason": "r" * 900}

    told = public(given)

    assert told == {"name": "a", "steps": ["a", 1], "reason": "r" * 500}


def test_the_list_says_what_a_run_is_and_not_what_it_is_about(made: World) -> None:
    run = listed(limit=1)["runs"][0]

    assert run["started_by"] == "cli:ann"
    assert not {"input", "metadata", "result", "error"} & set(run)
    assert Run.objects.get(id=run["id"]).title == run["title"]
