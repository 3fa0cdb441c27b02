"""Ctrl+K: it finds runs, workflows and pages, and tells nothing that may be over in a minute."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from uuid import uuid4

import pytest
from django.contrib.auth.models import Group, User
from django.core.cache import cache
from django.db import connection
from django.test import Client, RequestFactory
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from aiops.admin import search
from aiops.models import Run
from tests.admin_.doing import failed, stopping, text
from tests.execution.orders import begun, edit, stop_at

pytestmark = pytest.mark.django_db

Find = Callable[[str], list[str]]


@pytest.fixture(autouse=True)
def _nothing_is_kept() -> Iterator[None]:
    cache.clear()
    yield
    cache.clear()


@pytest.fixture
def find(roles_made: None) -> Find:
    """The links that a viewer finds."""
    return finder("viewer")


def finder(role: str) -> Find:
    user = User.objects.create(username=f"bob-{role}", is_staff=True)
    user.groups.set(Group.objects.filter(name=role))

    def found(term: str) -> list[str]:
        request = RequestFactory().get("/admin/")
        request.user = user
        # As unfold hands it over.
        return [str(one.link) for one in search.find(request, term.lower())]

    return found


def page_of(run: Run) -> str:
    return reverse("admin:aiops_run_change", args=[run.pk])


@pytest.mark.parametrize("part", [8, 13, 36])
def test_a_run_is_found_by_its_id_and_its_beginning(find: Find, part: int) -> None:
    run = begun()

    assert page_of(run) in find(str(run.pk)[:part])


@pytest.mark.parametrize("term", ["lease, 4 HARBOUR", "inv-7702", "cli:ann"])
def test_a_run_is_found_by_title_key_and_who_started_it(find: Find, term: str) -> None:
    run = begun(title="Lease, 4 Harbour St", key="inv-7702")

    assert find(term) == [page_of(run)]


def test_a_run_is_found_by_the_celery_task_that_works_on_it(find: Find) -> None:
    run, task = stopping(), str(uuid4())
    edit(run, "read", task_id=task)
    begun()

    assert find(task) == [page_of(run)]


def test_a_run_is_found_by_a_celery_task_of_an_attempt(find: Find) -> None:
    run, task = begun(), str(uuid4())
    stop_at(run, "notify").attempts.update(task_id=task)

    assert find(task) == [page_of(run)]


def test_a_task_of_no_run_finds_nothing(find: Find) -> None:
    begun()

    assert find(str(uuid4())) == []


def test_the_newest_runs_come_first_and_not_too_many(
    find: Find, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search, "MOST_RUNS", 2)
    runs = [begun(title="Parcel") for _ in range(3)]

    assert find("parcel") == [page_of(run) for run in reversed(runs[1:])]


def test_texts_are_looked_for_in_the_newest_runs_only(
    find: Find, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search, "NEWEST_RUNS", 1)
    begun(title="Old parcel")
    begun(title="New parcel")

    assert len(find("parcel")) == 1


def test_workflows_and_pages_are_found(find: Find) -> None:
    begun()

    assert any("answers_order" in link for link in find("answers"))
    assert reverse("admin:index") in find("dashboard")


def test_nothing_is_found_that_somebody_may_not_see(roles_made: None) -> None:
    begun(title="A secret")

    assert finder("nobody")("secret") == []
    assert finder("nobody ")("answers") == []


def test_an_answer_tells_no_state(find: Find) -> None:
    failed()
    request = RequestFactory().get("/admin/")
    request.user = User.objects.get()

    (found,) = search.find(request, "cli:ann")

    assert "fail" not in f"{found.title} {found.description}".lower()


def test_a_text_costs_two_queries_whatever_is_found(find: Find) -> None:
    for _ in range(5):
        begun(title="Parcel")
    find("warm: the permissions are read once")

    with CaptureQueriesContext(connection) as queries:
        find("parcel")

    assert len(queries) == 2


def test_the_answers_are_on_the_page_that_unfold_shows(client: Client) -> None:
    client.force_login(User.objects.create_superuser("root"))
    begun(title="Lease, 4 Harbour St")

    page = text(client.get(reverse("admin:search"), {"s": "harbour", "extended": "1"}))

    assert "Lease, 4 Harbour St" in page
