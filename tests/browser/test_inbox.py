"""The inbox and the page of a request in a real browser."""

from __future__ import annotations

from typing import Any

import pytest
from django.urls import reverse
from playwright.sync_api import Page, expect

from aiops.models import Escalation, Event, Run
from tests.admin_.doing import asking_for_approval, in_doubt, used_up
from tests.browser.looking import PHONE, violations

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

INBOX = "admin:aiops_escalation_changelist"


@pytest.fixture
def asked(page: Page) -> Run:
    """Several questions; the run of the approval."""
    in_doubt()
    used_up()
    return asking_for_approval()


def request_of(run: Run) -> str:
    one = Escalation.objects.get(run=run)
    return reverse("admin:aiops_escalation_change", args=[one.id])


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_nobody_is_shut_out_of_the_inbox_or_a_request(page: Page, asked: Run, theme: Any) -> None:
    page.emulate_media(color_scheme=theme, reduced_motion="reduce")
    found = []

    for address in (reverse(INBOX), f"{reverse(INBOX)}?view=mine", request_of(asked)):
        page.goto(address)
        found += violations(page)

    assert found == []


def test_a_phone_needs_no_sideways_scrolling(page: Page, asked: Run) -> None:
    page.set_viewport_size({"width": PHONE["width"], "height": PHONE["height"]})
    widths = []

    for address in (reverse(INBOX), request_of(asked)):
        page.goto(address)
        widths.append(page.evaluate("document.documentElement.scrollWidth"))

    assert max(widths) <= PHONE["width"]


def test_what_is_ticked_is_taken(page: Page, asked: Run) -> None:
    page.goto(reverse(INBOX))
    page.locator("[data-pick-all] input").check()
    expect(page.get_by_role("button", name="Claim (3)")).to_be_visible()

    page.get_by_role("button", name="Claim (3)").click()

    expect(page.get_by_text("You have taken 3 requests.")).to_be_visible()
    assert set(Escalation.objects.values_list("owner", flat=True)) == {"browser"}


def test_a_decision_is_made_once_however_often_the_button_is_pressed(
    page: Page, asked: Run
) -> None:
    page.goto(request_of(asked))
    page.locator("a.cx-choice", has_text="Approve").press("Enter")
    expect(page.locator("#cx-dialog")).to_be_visible()

    page.locator("#cx-plan footer button").dblclick()
    page.wait_for_url("**/run/**")
    page.goto(request_of(asked))

    expect(page.get_by_role("heading", name="browser decided: Approve")).to_be_visible()
    assert Event.objects.filter(run=asked, kind="escalation.answered").count() == 1
