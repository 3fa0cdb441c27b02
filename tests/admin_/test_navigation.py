"""The sidebar: every page that is there, for those who may see it, with what needs them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import pytest
from django.contrib.auth.models import Group, User
from django.core.cache import cache
from django.db import connection
from django.test import Client, RequestFactory
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from aiops import settings
from aiops.admin import navigation
from aiops.admin.navigation import Entry, badge_text, link_for, sidebar
from aiops.admin.page.links import shown_if_there
from tests.admin_.doing import asking_for_approval, failed, in_doubt, text

pytestmark = pytest.mark.django_db

As = Callable[[str], Client]


@pytest.fixture(autouse=True)
def _nothing_is_kept() -> Iterator[None]:
    cache.clear()
    yield
    cache.clear()


@pytest.fixture
def somebody(roles_made: None) -> Callable[..., User]:
    def made(role: str = "") -> User:
        user = User.objects.create(username=f"bob-{role}", is_staff=True)
        user.groups.set(Group.objects.filter(name=role))
        return user

    return made


def shown(user: User, path: str = "/admin/") -> dict[str, list[str]]:
    """The titles of the pages, by section."""
    request = RequestFactory().get(path)
    request.user = user
    return {
        section["title"]: [item["title"] for item in section["items"]]
        for section in sidebar(request)
    }


def badges(page: str) -> dict[str, str]:
    """The numbers beside the names of the sidebar."""
    found = re.findall(r"<span>([\w &]+)</span>\s*<span class=\"[^\"]*\">\s*(\d+)\s*</span>", page)
    return dict(found)


def test_a_viewer_sees_the_record_and_nothing_of_access(somebody: Callable[..., User]) -> None:
    found = shown(somebody("viewer"))

    assert found["Operate"][:3] == ["Dashboard", "Inbox", "Runs"]
    assert "Queues & workers" in found["Operate"]
    assert "Workflows" in found["Configure"]
    assert "Access" not in found


def test_an_admin_sees_people_too(somebody: Callable[..., User]) -> None:
    assert shown(somebody("admin"))["Access"] == ["Users", "Groups", "API keys"]


def test_who_may_see_nothing_sees_the_dashboard_only(somebody: Callable[..., User]) -> None:
    assert shown(somebody()) == {"Operate": ["Dashboard"]}


def test_a_page_that_is_not_there_is_left_out(somebody: Callable[..., User]) -> None:
    request = RequestFactory().get("/admin/")
    request.user = User.objects.create_superuser("root")

    assert link_for(request, Entry("Moons", "moon", "aiops.Moon")) == ""
    assert link_for(request, Entry("Attempts", "x", "aiops.BulkItem")) == ""
    assert shown_if_there("admin:no_such_page") == ""


def test_a_page_below_a_list_is_marked_as_that_list(somebody: Callable[..., User]) -> None:
    request = RequestFactory().get(reverse("admin:aiops_run_changelist") + "some-run/change/")
    request.user = somebody("viewer")

    active = [
        item["title"] for part in sidebar(request) for item in part["items"] if item["active"]
    ]

    assert active == ["Runs"]


def test_badges_tell_of_open_requests_and_failed_runs(as_: As) -> None:
    failed()
    in_doubt()
    asking_for_approval()

    page = text(as_("viewer").get(reverse("admin:aiops_node_changelist")))

    assert badges(page) == {"Inbox": "2", "Runs": "1"}


def test_there_is_no_badge_for_nothing(as_: As) -> None:
    assert badges(text(as_("viewer").get(reverse("admin:aiops_node_changelist")))) == {}


@pytest.mark.parametrize(("number", "told"), [(1, "1"), (999, "999"), (1_000, "999+")])
def test_a_badge_stays_small(number: int, told: str) -> None:
    assert badge_text(number) == told


def test_all_badges_take_one_query_and_none_a_moment_later(somebody: Callable[..., User]) -> None:
    user = somebody("admin")
    user.get_all_permissions()

    with CaptureQueriesContext(connection) as first:
        shown(user)
    with CaptureQueriesContext(connection) as second:
        shown(user)

    assert (len(first), len(second)) == (1, 0)


def test_every_page_of_the_sidebar_opens(client: Client) -> None:
    client.force_login(User.objects.create_superuser("root"))
    request = RequestFactory().get("/admin/")
    request.user = User.objects.get()

    for entry, link in navigation.pages(request):
        if entry.model:
            assert client.get(link).status_code == 200, entry.title


def test_staging_is_orange_and_production_is_red() -> None:
    assert settings._ENVIRONMENTS == {
        "staging": ["Staging", "warning"],
        "production": ["Production", "danger"],
    }
