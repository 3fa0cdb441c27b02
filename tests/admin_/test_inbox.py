"""The inbox: who waits for an answer, in the right order, and taking several at once."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.core.cache import cache
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from aiops.admin.page import asking
from aiops.admin.page.inbox import Wanted
from aiops.execution import hand_over
from aiops.execution.answer import answer
from aiops.models import Escalation, Event
from tests.admin_.doing import asking_for_approval, everything, in_doubt, text, used_up
from tests.execution.orders import NOON, set_run

pytestmark = pytest.mark.django_db

INBOX = reverse("admin:aiops_escalation_changelist")
CLAIM = reverse("admin:aiops_inbox_claim")
Sign = Callable[[str], Client]


def asked(make: Callable[[], object] = in_doubt, **fields: object) -> Escalation:
    """A question about a run of its own."""
    before = set(Escalation.objects.values_list("id", flat=True))
    make()
    one = Escalation.objects.exclude(id__in=before).get()
    Escalation.objects.filter(id=one.id).update(**fields)
    one.refresh_from_db()
    return one


def shown(client: Client, query: str = "") -> list[str]:
    """The questions of the list, in their order."""
    page = text(client.get(f"{INBOX}?{query}"))
    return [part.split('"')[0] for part in page.split('id="asked-')[1:]]


def ids(*questions: Escalation) -> list[str]:
    return [str(one.id) for one in questions]


# What is shown


def test_what_is_late_comes_first_then_severity_then_what_is_due_next(as_: Sign) -> None:
    now = timezone.now()
    later = asked(severity="high", due_at=now + timedelta(hours=5))
    sooner = asked(severity="high", due_at=now + timedelta(hours=1))
    critical = asked(severity="critical", due_at=now + timedelta(hours=9))
    late = asked(severity="low", due_at=now - timedelta(minutes=22))

    page = as_("viewer")

    assert shown(page) == ids(late, critical, sooner, later)
    assert "22 min late" in text(page.get(INBOX))


def test_nobody_waiting_is_said(as_: Sign) -> None:
    page = as_("viewer")

    assert "Nobody is waiting for you." in text(page.get(INBOX))
    assert "You have taken no open request." in text(page.get(f"{INBOX}?view=mine"))
    assert "Nothing has been decided yet." in text(page.get(f"{INBOX}?view=resolved"))
    assert "No request matches." in text(page.get(f"{INBOX}?kind=bug"))


def test_the_tabs_have_their_numbers_and_their_questions(as_: Sign) -> None:
    mine, free, over, gone = (asked() for _ in range(4))
    hand_over.take(mine.id, actor="ann-operator")
    answer(over.id, "cancel", actor="bob", note="ordered twice")
    Escalation.objects.filter(id=gone.id).update(
        state="closed", closed_at=timezone.now() - timedelta(hours=1), closed_why="it is run again"
    )

    page = as_("operator")

    assert set(shown(page)) == set(ids(mine, free))
    assert shown(page, "view=mine") == ids(mine)
    assert shown(page, "view=resolved") == ids(over, gone)
    tabs = text(page.get(INBOX)).split('class="cx-tabs"')[1].split("</nav>")[0]
    assert [part.split("<")[0] for part in tabs.split('"number">')[1:]] == ["2", "1", "2"]
    resolved = text(page.get(f"{INBOX}?view=resolved"))
    assert "Cancel run, by bob" in resolved
    assert "Closed: it is run again" in resolved


@pytest.mark.parametrize(
    ("query", "is_found"),
    [
        ("kind=in_doubt", True),
        ("kind=bug", False),
        ("group=support", True),
        ("group=admin", False),
        ("owner=bob", True),
        ("owner=-", False),
        ("workflow=answers_order", True),
        ("workflow=line", False),
        ("q=payment", True),
        ("q=refund", False),
        ("kind=in_doubt&owner=ann", False),
    ],
)
def test_the_address_says_what_is_shown(as_: Sign, query: str, is_found: bool) -> None:
    one = asked(group="support", owner="bob")

    assert shown(as_("viewer"), query) == (ids(one) if is_found else [])


def test_the_requests_of_one_run_are_shown_by_its_id(as_: Sign) -> None:
    one, _ = asked(), asked()

    page = as_("viewer")

    assert shown(page, f"run={one.run_id}") == ids(one)
    assert shown(page, f"run__id__exact={one.run_id}") == ids(one)
    assert shown(page, f"q={one.run_id}") == ids(one)


def test_pages_follow_each_other_and_keep_the_filter(as_: Sign) -> None:
    for _ in range(27):
        asked()

    page = as_("viewer")
    first, second = shown(page, "kind=in_doubt"), shown(page, "kind=in_doubt&page=2")

    assert (len(first), len(second)) == (25, 2)
    assert not set(first) & set(second)
    assert 'href="?kind=in_doubt&amp;page=2"' in text(page.get(f"{INBOX}?kind=in_doubt"))
    assert shown(page, "kind=in_doubt&page=99") == second


def test_what_an_approval_shows_is_not_in_the_list(as_: Sign) -> None:
    asked(asking_for_approval)

    assert "a secret" not in text(as_("admin").get(INBOX))


def test_a_filter_survives_being_written_and_read() -> None:
    query = {"view": "mine", "kind": "bug", "owner": "-", "q": "a b", "page": "3"}

    wanted = Wanted.of(query)

    assert wanted.query == "view=mine&kind=bug&owner=-&q=a+b&page=3"
    assert wanted.at(view="open") == "?kind=bug&owner=-&q=a+b"


@pytest.mark.parametrize("page", ["", "0", "-1", "x", "²"])
def test_a_page_that_is_none_is_the_first(page: str) -> None:
    assert Wanted.of({"page": page}).page == 1


@pytest.mark.parametrize(
    ("minutes", "told", "urgency"),
    [(-22, "22 min late", "late"), (14, "in 14 min", "pressing"), (50, "in 50 min", "")],
)
def test_due_says_how_late_and_when_it_presses(minutes: int, told: str, urgency: str) -> None:
    due_at = NOON + timedelta(minutes=minutes)

    found = asking.due(due_at - timedelta(minutes=60), due_at, NOON)

    assert (found.text, found.urgency) == (told, urgency)


# What it costs


def test_the_list_costs_the_same_for_one_question_or_many(as_: Sign) -> None:
    asked()
    page = as_("approver")

    page.get(INBOX)

    few = queries_of(page)
    for _ in range(24):
        asked(used_up)
    many = queries_of(page)

    assert many == few <= 13


def queries_of(page: Client) -> int:
    """How many queries the list takes when nothing of it is remembered."""
    cache.clear()
    with CaptureQueriesContext(connection) as queries:
        page.get(INBOX)
    return len(queries)


def live_of(client: Client) -> str:
    page = text(client.get(INBOX))
    return page.split('data-live="')[1].split('"')[0].replace("&amp;", "&")


def test_a_poll_is_answered_with_nothing_while_nothing_changes(as_: Sign) -> None:
    asked()
    page = as_("viewer")
    live = live_of(page)

    with CaptureQueriesContext(connection) as queries:
        response = page.get(live)

    assert response.status_code == 204
    assert len(queries) <= 3


@pytest.mark.parametrize("what", ["asked", "taken", "answered"])
def test_a_poll_brings_what_has_changed(as_: Sign, what: str) -> None:
    one = asked()
    page = as_("viewer")
    live = live_of(page)

    if what == "asked":
        asked()
    elif what == "taken":
        hand_over.take(one.id, actor="bob")
    else:
        answer(one.id, "cancel", actor="bob")
    response = page.get(live)

    assert response.status_code == 200
    assert "cx-live" in text(response)


def test_a_stranger_sees_nothing_of_the_inbox(client: Client, roles_made: None) -> None:
    client.force_login(User.objects.create_user("eve", is_staff=True))

    live = reverse("admin:aiops_inbox_live")

    assert [client.get(url).status_code for url in (INBOX, live)] == [403, 403]


# Taking


def test_an_operator_takes_those_that_are_ticked_and_free(as_: Sign) -> None:
    first, second, other = asked(), asked(), asked(owner="bob")
    operator = as_("operator")

    response = operator.post(f"{CLAIM}?kind=in_doubt", {"chosen": ids(first, second, other)})

    assert response["Location"] == f"{INBOX}?kind=in_doubt"
    owners = [Escalation.objects.get(id=one.id).owner for one in (first, second, other)]
    assert owners == ["ann-operator", "ann-operator", "bob"]
    taken = Event.objects.filter(kind="escalation.taken", actor="ann-operator")
    assert taken.count() == 2
    page = text(operator.get(INBOX))
    assert "You have taken 2 requests." in page
    assert "1 request has somebody or is answered by now: left alone." in page


def test_a_viewer_takes_nothing_and_is_offered_nothing_to_tick(as_: Sign) -> None:
    one = asked()
    viewer = as_("viewer")

    status = viewer.post(CLAIM, {"chosen": ids(one)}).status_code

    assert status == 403
    assert "data-pick" not in text(viewer.get(INBOX)).replace("data-picking", "")
    assert Escalation.objects.get(id=one.id).owner == ""


def test_looking_at_the_address_of_a_claim_changes_nothing(as_: Sign) -> None:
    one = asked()
    operator = as_("operator")
    before = everything()

    response = operator.get(f"{CLAIM}?chosen={one.id}")

    assert response.status_code == 403
    assert everything() == before


def test_without_the_token_of_the_form_nothing_is_taken(as_: Sign) -> None:
    one = asked()
    as_("operator")
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(User.objects.get(username="ann-operator"))

    response = strict.post(CLAIM, {"chosen": ids(one)})

    assert response.status_code == 403
    assert Escalation.objects.get(id=one.id).owner == ""


def test_ticking_nothing_is_told(as_: Sign) -> None:
    asked()
    operator = as_("operator")

    operator.post(CLAIM, {"chosen": ["not-an-id"]})

    assert "Tick the requests first." in text(operator.get(INBOX))


def test_a_title_that_looks_like_markup_is_text(as_: Sign) -> None:
    one = asked(question="<script>alert(1)</script>")
    set_run(one.run, title="<b>bold</b>")

    page = text(as_("viewer").get(INBOX))

    assert "<script>alert(1)" not in page
    assert "&lt;b&gt;bold&lt;/b&gt;" in page
