"""The operators' pages show history; nobody adds, edits or deletes any of it."""

from __future__ import annotations

from datetime import timedelta
from html.parser import HTMLParser
from typing import Any

import pytest
from django.contrib import admin
from django.contrib.admin.utils import quote
from django.contrib.auth.models import Permission, User
from django.db import connection
from django.test import Client, RequestFactory
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from aiops.admin.history import HistoryAdmin
from aiops.admin.node import NodeAdmin
from aiops.models import Attempt, Escalation, Event, Node, Run, Step, WorkflowVersion
from tests.execution.orders import ask, begun, edit, failed, map_of, set_run, stop_at, tried

pytestmark = pytest.mark.django_db

MODELS = (Run, Step, Attempt, Escalation, Event, WorkflowVersion, Node)
PAGES = [model._meta.model_name for model in MODELS]
SECRET = "the-secret-of-A1"


@pytest.fixture
def staff() -> User:
    """Somebody who may see everything but what runs are about."""
    user = User.objects.create_user("ann", password="x", is_staff=True)
    user.user_permissions.set(
        Permission.objects.filter(
            content_type__app_label="aiops", codename__startswith="view_"
        ).exclude(codename="view_payload")
    )
    return user


@pytest.fixture
def page(client: Client, staff: User) -> Client:
    client.force_login(staff)
    return client


def content(client: Client, url: str) -> str:
    response = client.get(url)
    assert response.status_code == 200, (url, response.status_code)
    return response.content.decode()


def list_url(model: str) -> str:
    return reverse(f"admin:aiops_{model}_changelist")


def row_url(row: Any) -> str:
    return reverse(f"admin:aiops_{row._meta.model_name}_change", args=[quote(row.pk)])


def one_of_each() -> dict[str, Any]:
    run = begun(title="Order A1", key="12345678")
    row = stop_at(run, "charge", state="attention", word="ambiguous", sent="maybe", in_doubt=True)
    ask(run, "charge", shows={"text": SECRET})
    edit(run, "read", result=SECRET)
    set_run(run, input={"id": SECRET})
    node = Node.objects.create(name="io@a", role="worker", pool="io", host="a", pid=1)
    return {
        "run": run,
        "step": row,
        "attempt": Attempt.objects.get(step=row),
        "escalation": Escalation.objects.get(run=run),
        "event": Event.objects.filter(run=run).latest("id"),
        "workflowversion": run.version,
        "node": node,
    }


@pytest.mark.parametrize("model", PAGES)
def test_every_list_and_every_page_opens_for_who_may_see_it(page: Client, model: str) -> None:
    rows = one_of_each()

    listed = content(page, list_url(model))
    content(page, row_url(rows[model]))

    assert row_url(rows[model]) in listed


@pytest.mark.parametrize("model", PAGES)
def test_nobody_adds_edits_or_deletes_history(admin_client: Client, model: str) -> None:
    row = one_of_each()[model]
    before = type(row).objects.filter(pk=row.pk).values().get()
    urls = (
        reverse(f"admin:aiops_{model}_add"),
        row_url(row),
        reverse(f"admin:aiops_{model}_delete", args=[quote(row.pk)]),
    )

    answers = [admin_client.post(url, {"post": "yes", "state": "failed"}) for url in urls]

    assert [answer.status_code for answer in answers] == [403, 403, 403]
    assert type(row).objects.filter(pk=row.pk).values().get() == before


@pytest.mark.parametrize("model", PAGES)
def test_a_list_offers_no_action_that_deletes(admin_client: Client, model: str) -> None:
    rows = one_of_each()

    listed = content(admin_client, list_url(model))

    assert row_url(rows[model]) in listed
    assert "delete_selected" not in listed


@pytest.mark.parametrize("model", PAGES)
def test_who_may_not_see_it_is_refused(client: Client, model: str) -> None:
    client.force_login(User.objects.create_user("bob", password="x", is_staff=True))

    assert client.get(list_url(model)).status_code == 403
    assert client.get(row_url(one_of_each()[model])).status_code == 403


@pytest.mark.parametrize("model", ["run", "step", "escalation"])
def test_content_comes_with_no_page_but_from_a_button(
    page: Client, staff: User, model: str
) -> None:
    rows = one_of_each()
    rows["step"] = Step.objects.get(run=rows["run"].pk, name="read")  # it holds a result
    button = reverse(f"admin:aiops_{model}_content", args=[rows[model].pk])

    without = content(page, row_url(rows[model]))
    staff.user_permissions.add(Permission.objects.get(codename="view_payload"))
    granted = content(page, row_url(rows[model]))

    assert SECRET not in without + granted
    assert button not in without
    assert button in granted
    assert SECRET in page.post(button).content.decode()


@pytest.mark.parametrize("model", PAGES)
def test_no_page_shows_content_without_its_permission(page: Client, model: str) -> None:
    rows = one_of_each()

    assert SECRET not in content(page, list_url(model))
    assert SECRET not in content(page, row_url(rows[model]))


def found(page: Client, text: str, model: str = "run") -> set[str]:
    listed = content(page, f"{list_url(model)}?q={text}")
    return {href for href in _links(listed) if href.startswith(list_url(model))}


class _Links(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found += [value.partition("?")[0] for name, value in attrs if name == "href" and value]


def _links(text: str) -> list[str]:
    parser = _Links()
    parser.feed(text)
    return parser.found


def test_a_run_is_found_by_the_start_of_its_id_its_title_and_its_key(page: Client) -> None:
    wanted, other = begun(title="Order A1", key="12345678"), begun(title="Order B2", key="k2")
    texts = (str(wanted.pk), str(wanted.pk).replace("-", "")[:30], "a1", "12345678")

    hits = [found(page, text) for text in texts]

    assert all(row_url(wanted) in hit for hit in hits)
    assert not any(row_url(other) in hit for hit in hits)


def test_the_steps_and_events_of_a_run_are_found_by_its_id(page: Client) -> None:
    run, other = begun(), begun()
    step, foreign = (Step.objects.get(run=each, name="read") for each in (run, other))

    hits = found(page, str(run.pk), "step")

    assert row_url(step) in hits
    assert row_url(foreign) not in hits
    event = Event.objects.filter(run=run).latest("id")
    assert row_url(event) in found(page, str(run.pk), "event")


def test_the_list_of_runs_shows_verdicts_and_costs_the_same_for_one_run_or_many(
    page: Client,
) -> None:
    stop_at(begun(), "charge", word="ambiguous", sent="yes")
    content(page, list_url("run"))

    with CaptureQueriesContext(connection) as few:
        listed = content(page, list_url("run"))
    for _ in range(20):
        failed(set_run(begun(), state="attention"), "read", state="attention")
    with CaptureQueriesContext(connection) as many:
        content(page, list_url("run"))

    assert "Do not retry" in listed
    assert len(many) == len(few) <= 13


def test_the_page_of_a_run_tells_the_verdict_with_its_price(page: Client) -> None:
    run = begun()
    row = stop_at(run, "notify")
    tried(row, outcome="failed", cost_microusd=1_000)

    shown = content(page, row_url(run))

    assert "It failed before anything was sent." in shown
    assert "A retry keeps 4 finished steps. It costs $0.001." in shown


def test_the_page_of_a_run_leads_to_its_steps_questions_and_attempts(page: Client) -> None:
    rows = one_of_each()

    shown = content(page, row_url(rows["run"]))

    assert row_url(rows["step"]) in shown
    assert row_url(rows["escalation"]) in shown
    assert row_url(rows["attempt"]) in content(page, row_url(rows["step"]))


def test_the_page_of_a_run_lists_no_items_of_a_map_but_links_to_them(page: Client) -> None:
    run = begun()
    row = map_of(run, succeeded=30)

    with CaptureQueriesContext(connection) as queries:
        shown = content(page, row_url(run))

    assert "pack[29]" not in shown
    items = f"{list_url('step')}?map__id__exact={row.pk}"
    assert items in shown.replace("&amp;", "&")
    assert "pack[29]" in content(page, items)
    assert len(queries) <= 24


@pytest.mark.parametrize(("silent_s", "is_alive"), [(1, True), (300, False)])
def test_a_silent_node_is_not_shown_as_alive(silent_s: int, is_alive: bool) -> None:
    seen_at = timezone.now() - timedelta(seconds=silent_s)
    node = Node(name="io@a", role="worker", pool="io", host="a", pid=1, seen_at=seen_at)

    assert NodeAdmin(Node, admin.site).alive(node) is is_alive


@pytest.mark.parametrize("model", MODELS)
def test_every_page_of_the_record_only_shows(rf: RequestFactory, model: type[Run]) -> None:
    shown = admin.site.get_model_admin(model)
    request = rf.get("/")

    assert isinstance(shown, HistoryAdmin)
    assert not shown.has_add_permission(request)
    assert not shown.has_change_permission(request)
    assert not shown.has_delete_permission(request)
