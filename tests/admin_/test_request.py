"""The page of one request: the question, the evidence, and what each answer brings about."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone
from pytest_django.fixtures import Settings

from aiops.admin.page.choices import effect
from aiops.execution import hand_over
from aiops.execution.answer import answer
from aiops.execution.plans import plan
from aiops.models import Attempt, Escalation, Notification, Run
from tests.admin_.doing import asking_for_approval, everything, in_doubt, maybe_sent, text, used_up
from tests.execution.orders import ask, begun, edit, map_of, set_run, stop_at

pytestmark = pytest.mark.django_db
Sign = Callable[[str], Client]


def of(run: Run) -> Escalation:
    return Escalation.objects.get(run=run)


def url(one: Escalation) -> str:
    return reverse("admin:aiops_escalation_change", args=[one.id])


def page(client: Client, one: Escalation) -> str:
    response = client.get(url(one))
    assert response.status_code == 200
    return text(response)


def choices(client: Client, one: Escalation) -> list[str]:
    """The labels of what can be decided."""
    found = page(client, one).split('cx-choices">')[1].split("</ul>")[0]
    return [part.split("</b>")[0] for part in found.split("<b>")[1:]]


# What it says


def test_the_page_says_what_is_asked_for_whom_and_until_when(as_: Sign) -> None:
    one = of(in_doubt())

    shown = page(as_("viewer"), one)

    for said in ("Was the payment taken?", "May have happened", "charge", "approver", "in 60 min"):
        assert said in shown
    assert "it waits on, and is handed up" in shown
    assert "Check first" in shown
    assert "It may have gone out: the call had started when it broke off." in shown
    assert "Transient: boom" in shown


def test_each_choice_tells_its_effect_in_one_line(as_: Sign) -> None:
    one = of(in_doubt())

    shown = page(as_("approver"), one)

    assert choices(as_("approver"), one) == [
        "It went out: mark as done",
        "It did not: retry (1 step)",
        "Cancel run",
    ]
    assert "Nothing is sent again." in shown
    assert "Runs charge again. Keeps 3 finished steps." in shown
    assert "Ends the run; what is done is kept. Not undone: charge may have gone out." in shown


def test_each_choice_opens_its_plan(as_: Sign) -> None:
    run = used_up()
    approver = as_("approver")

    shown = page(approver, of(run))

    for verb in ("retry", "supply", "skip", "cancel"):
        query = {"escalation": of(run).id}
        address = reverse("admin:aiops_run_do", args=[run.id, verb], query=query)
        assert f'href="{address}" data-plan' in shown
        assert approver.get(address).status_code == 200


def test_what_did_go_out_is_never_offered_to_be_retried(as_: Sign) -> None:
    run = begun()
    stop_at(run, "charge", state="attention", sent="yes")
    ask(run, "charge", kind="bug", question="What now?")

    shown = page(as_("admin"), of(run))

    assert choices(as_("admin"), of(run)) == ["It went out: mark as done", "Cancel run"]
    assert "Do not retry" in shown


def test_an_answer_that_the_state_has_overtaken_is_not_offered(as_: Sign) -> None:
    run = used_up()
    Escalation.objects.update(answers=["retry", "cancel"])
    edit(run, "read", effect="once", error={"word": "bug", "sent": "yes"})
    Attempt.objects.filter(run=run).update(sent="yes")

    assert choices(as_("admin"), of(run)) == ["Cancel run"]
    assert "Retry now (1 step): It did go out" in page(as_("admin"), of(run))


@pytest.mark.parametrize("role", ["viewer", "operator"])
def test_who_may_not_decide_sees_why_and_has_nothing_to_press(as_: Sign, role: str) -> None:
    one = of(in_doubt())

    shown = page(as_(role), one)

    assert "You are not allowed to answer questions." in shown
    assert 'class="cx-choice' in shown
    assert '<a class="cx-choice' not in shown


def test_what_an_approval_shows_is_asked_for_and_needs_its_permission(as_: Sign) -> None:
    one = of(asking_for_approval())
    content = reverse("admin:aiops_escalation_content", args=[one.id])

    pages = [page(as_(role), one) for role in ("viewer", "admin")]

    assert "a secret" not in "".join(pages)
    assert content not in pages[0]
    assert content in pages[1]
    assert "a secret" in text(as_("admin").post(content))


def test_the_graph_leads_to_the_steps_of_the_run(as_: Sign) -> None:
    run = in_doubt()
    address = reverse("admin:aiops_run_change", args=[run.id])

    assert f'href="{address}#step-charge"' in page(as_("viewer"), of(run))


# Several people


def two_people(started_by: str = "bob") -> Escalation:
    run = asking_for_approval()
    set_run(run, started_by=started_by)
    Escalation.objects.filter(run=run).update(people=2, not_by=started_by)
    return of(run)


def test_who_has_approved_is_shown_and_may_not_do_it_again(as_: Sign) -> None:
    one = two_people()
    answer(one.id, "approve", actor="ann-approver", note="checked")
    at = timezone.now().strftime("%H:%M")

    shown = page(as_("approver"), one)

    assert f"1 of 2: ann-approver, {at}" in shown
    assert "Ann-approver has approved it already: another person must." in shown
    assert choices(as_("admin"), one) == ["Approve (2 of 2)", "Reject"]


def test_who_started_the_run_may_reject_it_and_not_approve_it(as_: Sign) -> None:
    one = two_people(started_by="ann-admin")

    shown = page(as_("admin"), one)

    assert "Ann-admin has started the run, so somebody else must approve it." in shown
    assert "verb" not in shown
    assert shown.count('<a class="cx-choice') == 1


def test_the_plan_of_a_second_approval_is_refused_to_the_same_person(as_: Sign) -> None:
    one = two_people()
    approver = as_("approver")
    address = reverse(
        "admin:aiops_run_do", args=[one.run_id, "approve"], query={"escalation": one.id}
    )
    for _ in range(2):
        fields = plan(one.run_id, "approve", escalation=one.id)
        last = approver.post(address, {"fingerprint": fields.fingerprint})

    assert "Ann-approver has approved it already: another person must." in text(last)
    assert len(of(one.run).approvals) == 1


# What became of it


def test_an_answered_request_says_who_when_why_and_offers_nothing(as_: Sign) -> None:
    one = of(asking_for_approval())
    answer(one.id, "approve", actor="bob", note="looks right")

    shown = page(as_("admin"), one)

    assert "bob decided: Approve" in shown
    assert "looks right" in shown
    assert "Show what they saw" in shown
    assert "cx-choices" not in shown


def test_a_request_that_closed_by_itself_says_why(as_: Sign) -> None:
    one = of(in_doubt())
    Escalation.objects.update(
        state="closed", closed_at=timezone.now(), closed_why="it is run again"
    )

    shown = page(as_("viewer"), one)

    assert "It closed by itself" in shown
    assert "it is run again" in shown


# Who was told


def test_the_deliveries_are_shown_without_the_secret_part_of_an_address(
    as_: Sign, settings: Settings
) -> None:
    settings.AIOPS_NOTIFY = {"approver": ["https://hooks.example.org/T0/secret-path"]}
    one = of(in_doubt())
    Notification.objects.update(error="it answered 503", tries=1)

    shown = page(as_("viewer"), one)

    assert "https://hooks.example.org" in shown
    assert "secret-path" not in shown
    assert "it answered 503" in shown
    assert "Tried again" in shown


# Live, and what it costs


def live_of(client: Client, one: Escalation) -> str:
    return page(client, one).split('data-live="')[1].split('"')[0]


def test_a_poll_is_answered_with_nothing_while_nothing_changes(as_: Sign) -> None:
    one = of(in_doubt())
    viewer = as_("viewer")
    live = live_of(viewer, one)

    with CaptureQueriesContext(connection) as queries:
        response = viewer.get(live)

    assert response.status_code == 204
    assert len(queries) <= 3


def test_a_poll_brings_what_has_changed(as_: Sign) -> None:
    one = of(in_doubt())
    viewer = as_("viewer")
    live = live_of(viewer, one)

    hand_over.take(one.id, actor="bob")

    response = viewer.get(live)
    assert response.status_code == 200
    assert "bob" in text(response)


@pytest.mark.parametrize("make", [asking_for_approval, in_doubt, used_up, maybe_sent])
def test_the_page_stays_within_its_queries(as_: Sign, make: Callable[[], Run]) -> None:
    run = make()
    if make is maybe_sent:
        map_of(run, succeeded=3, failed=2)
        ask(run, "pack", kind="items_failed", question="2 of 5 items of pack failed.")
    approver = as_("approver")
    one = of(run)
    page(approver, one)

    with CaptureQueriesContext(connection) as queries:
        page(approver, one)

    assert len(queries) <= 15


def test_looking_changes_nothing(as_: Sign) -> None:
    one = of(in_doubt())
    admin = as_("admin")
    before = everything()

    page(admin, one)

    assert everything() == before


def test_a_request_that_is_not_there_is_no_page(as_: Sign) -> None:
    viewer = as_("viewer")
    gone = "00000000-0000-7000-8000-000000000000"

    statuses = [
        viewer.get(f"/admin/aiops/escalation/{one}/change/").status_code for one in (gone, "x")
    ]

    assert statuses == [404, 404]


def test_a_stranger_sees_no_request(client: Client, roles_made: None) -> None:
    one = of(in_doubt())
    client.force_login(User.objects.create_user("eve", is_staff=True))
    live = reverse("admin:aiops_escalation_live", args=[one.id])

    assert [client.get(address).status_code for address in (url(one), live)] == [403, 403]


# In one line


@pytest.mark.parametrize(
    ("make", "verb", "told"),
    [
        (asking_for_approval, "approve", "It goes on with charge."),
        (asking_for_approval, "reject", "Ends the run; what is done is kept."),
        (in_doubt, "it_happened", "Nothing is sent again."),
        (used_up, "skip", "agree will go on without it."),
    ],
)
def test_an_effect_is_told_from_the_plan(make: Callable[[], Run], verb: str, told: str) -> None:
    run = make()

    found = effect(plan(run.id, verb, escalation=of(run).id))

    assert found.startswith(told)
