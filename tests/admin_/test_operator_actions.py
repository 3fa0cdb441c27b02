"""Operator actions: who did what, when and why; and as a file."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.auth.models import Group, User
from django.contrib.contenttypes.models import ContentType
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from aiops.admin import operator_action
from aiops.admin.page.actions import Asked, actions, harmless, moment
from aiops.models import Event, Run, transitions
from tests.admin_.doing import text
from tests.execution.orders import begun

pytestmark = pytest.mark.django_db

URL = "admin:aiops_operatoraction_changelist"


def acted(
    run: Run | None = None, kind: str = "run.retried", actor: str = "ann", **data: Any
) -> int:
    """An event with an actor, and its id."""
    transitions.tell(run.id if run else None, kind, actor=actor, **data)
    return Event.objects.latest("id").pk


def kinds(**query: str) -> list[str]:
    return [action.kind for action in actions(Asked.of(query), 50)]


def test_what_people_did_is_told_newest_first_and_what_the_engine_did_is_not(
    as_: Callable[[str], Client],
) -> None:
    run = begun(title="Order A1")
    acted(run, steps=["charge"], reason="the bank is back")
    acted(None, "workflow.paused", name="orders", reason="bad release")
    transitions.tell(run.id, "step.failed", message="boom")

    shown = text(as_("viewer").get(reverse(URL)))

    assert "Retried charge" in shown
    assert "the bank is back" in shown
    assert reverse("admin:aiops_run_change", args=[run.id]) in shown
    assert "workflow orders" in shown
    assert "boom" not in shown
    assert shown.index("bad release") < shown.index("the bank is back")


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({"actor": "bob"}, ["run.paused"]),
        ({"kind": "run.retried"}, ["run.retried"]),
        ({"workflow": "answers_order"}, ["run.paused", "run.retried"]),
        ({"workflow": "orders"}, ["workflow.paused"]),
        ({"bulk": "job-7"}, ["run.retried"]),
        ({"actor": "ann", "workflow": "answers_order"}, ["run.retried"]),
        ({"actor": "nobody"}, []),
    ],
)
def test_each_filter_narrows(query: dict[str, str], found: list[str]) -> None:
    run = begun()
    Event.objects.all().delete()
    acted(run, job="job-7")
    acted(run, "run.paused", actor="bob")
    acted(None, "workflow.paused", name="orders")

    assert kinds(**query) == found


def test_starts_of_runs_are_listed_when_they_are_asked_for() -> None:
    begun()
    acted(kind="run.paused")

    assert kinds() == ["run.paused"]
    assert kinds(kind="run.accepted") == ["run.accepted"]


def test_a_span_of_days_includes_its_last_day() -> None:
    now = timezone.now()
    for days in (0, 1, 2):
        Event.objects.filter(id=acted(kind=f"kind.{days}")).update(at=now - timedelta(days=days))
    yesterday = f"{now - timedelta(days=1):%Y-%m-%d}"

    assert kinds(since=yesterday) == ["kind.1", "kind.0"]
    assert kinds(since=yesterday, until=yesterday) == ["kind.1"]


@pytest.mark.parametrize("nonsense", ["", "yesterday", "2026-99-99", "2026-11-22T99:00"])
def test_a_time_that_is_none_is_no_filter(nonsense: str) -> None:
    assert moment(nonsense) is None


def test_older_ones_are_on_the_next_page(
    as_: Callable[[str], Client], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(operator_action, "PER_PAGE", 2)
    ids = [acted() for _ in range(3)]
    client = as_("viewer")

    first = text(client.get(reverse(URL)))
    second = text(client.get(reverse(URL), {"before": ids[1]}))

    assert f"before={ids[1]}" in first
    assert f'id="action-{ids[0]}"' not in first
    assert f'id="action-{ids[0]}"' in second


def test_who_may_not_see_events_gets_neither_the_page_nor_the_file(client: Client) -> None:
    client.force_login(User.objects.create_user("bob", is_staff=True))

    assert client.get(reverse(URL)).status_code == 403
    assert client.get(reverse("admin:aiops_operatoraction_export")).status_code == 403


def test_nobody_adds_changes_or_deletes_an_action(admin_client: Client) -> None:
    key = acted(begun())
    names = (("add", ()), ("change", (key,)), ("delete", (key,)))
    urls = [reverse(f"admin:aiops_operatoraction_{name}", args=args) for name, args in names]

    answers = [admin_client.post(url, {"post": "yes"}).status_code for url in urls]

    assert answers == [403, 403, 403]
    assert Event.objects.filter(id=key).exists()


def test_the_file_has_what_the_page_shows(as_: Callable[[str], Client]) -> None:
    run = begun(title="Order A1")
    acted(run, steps=["charge"], reason="the bank is back")
    acted(run, "run.paused", actor="bob")

    answer = as_("viewer").get(reverse("admin:aiops_operatoraction_export"), {"actor": "ann"})
    head, *lines = csv.reader(io.StringIO(text(answer)))

    assert answer["Content-Type"].startswith("text/csv")
    assert head[:4] == ["id", "at", "who", "what"]
    assert [(line[2], line[3], line[6]) for line in lines] == [
        ("ann", "Retried charge", "the bank is back")
    ]


def test_the_file_is_bounded(as_: Callable[[str], Client], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(operator_action, "MOST_EXPORTED", 2)
    for _ in range(4):
        acted()

    answer = as_("viewer").get(reverse("admin:aiops_operatoraction_export"))

    assert len(text(answer).splitlines()) == 3


def test_a_reason_that_looks_like_a_formula_is_a_text() -> None:
    assert harmless("=HYPERLINK(1)") == "'=HYPERLINK(1)"
    assert harmless("plain") == "plain"


def test_changes_of_users_are_told_to_who_may_see_users(as_: Callable[[str], Client]) -> None:
    client = as_("admin")
    LogEntry.objects.create(
        user=User.objects.get(username="ann-admin"),
        content_type=ContentType.objects.get_for_model(Group),
        object_id="1",
        object_repr="night shift",
        action_flag=CHANGE,
        change_message="Changed permissions.",
    )

    shown = text(client.get(reverse(URL), {"source": "settings"}))
    refused = as_("operator").get(reverse(URL), {"source": "settings"})

    assert "Changed a group" in shown
    assert "night shift" in shown
    assert refused.status_code == 403


def test_the_page_costs_the_same_for_one_action_or_many(as_: Callable[[str], Client]) -> None:
    run, client = begun(), as_("viewer")

    def cost() -> int:
        with CaptureQueriesContext(connection) as queries:
            assert client.get(reverse(URL)).status_code == 200
        return len(queries)

    acted(run)
    cost()
    few = cost()
    for _ in range(30):
        acted(begun())

    assert cost() == few <= 13
