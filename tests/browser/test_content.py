"""Content in a real browser: it comes when it is asked for, and no refresh takes it away."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.urls import reverse
from playwright.sync_api import Page, expect

from aiops.execution.looking import VIEWED
from aiops.models import Event, Run, Step
from tests.browser import pictured
from tests.browser.looking import PHONE, violations
from tests.browser.test_run_page import POLL_MS, change, open_page, polls

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

SAID = "It has not come yet."


def press(page: Page) -> None:
    page.locator(".cx-side form[data-reveal] button").click()


def test_what_was_asked_for_stays_when_the_page_refreshes_and_is_recorded_once(page: Page) -> None:
    run = pictured.in_doubt()
    open_page(page, run)
    expect(page.locator("body")).not_to_contain_text(SAID)

    press(page)
    expect(page.locator("#cx-about")).to_contain_text(SAID)
    expect(page.locator("#cx-about h2")).to_be_focused()
    seen = polls(page)
    page.clock.run_for(POLL_MS)
    unchanged = [request.response() for request in seen]
    change(run)
    page.clock.run_for(POLL_MS)

    expect(page.locator("#cx-live")).to_contain_text("Paused – lunch")
    expect(page.locator("#cx-about")).to_contain_text(SAID)
    # That somebody looked is no change of the run: the page does not chase its own tail.
    assert [answer.status for answer in unchanged if answer] == [204]
    assert Event.objects.filter(run=run, kind=VIEWED).count() == 1


def test_it_can_be_hidden_again(page: Page) -> None:
    open_page(page, pictured.in_doubt())

    press(page)
    page.get_by_role("link", name="Hide it").click()

    expect(page.locator("#cx-about")).to_be_empty()


def test_a_server_that_refuses_is_told(page: Page) -> None:
    open_page(page, pictured.in_doubt())
    page.route("**/content/", lambda route: route.fulfill(status=403))

    press(page)

    expect(page.locator("#cx-about")).to_contain_text("may not see what runs are about")


def test_the_input_comes_into_an_open_plan_and_keeps_what_was_typed(page: Page) -> None:
    run = pictured.in_doubt()
    page.goto(reverse("admin:aiops_run_do", args=[run.pk, "replay"]))
    page.locator("#cx-reason").fill("half a sentence")

    page.get_by_role("button", name="Show the present input").click()

    expect(page.locator("#cx-input")).to_contain_text(SAID)
    expect(page.locator("#cx-reason")).to_have_value("half a sentence")
    assert not Run.objects.filter(replay_of=run).exists()


def _compare() -> str:
    step = Step.objects.get(run=pictured.in_doubt(), name="send")
    return reverse("admin:aiops_step_compare", args=[step.pk])


def _page(name: str, *args: object) -> Callable[[], str]:
    def made() -> str:
        pictured.in_doubt()
        return reverse(f"admin:{name}", args=args)

    return made


PAGES: dict[str, Callable[[], str]] = {
    "workflows": _page("aiops_workflowversion_changelist"),
    "workflow": _page("aiops_workflow_page", "support_reply"),
    "actions": _page("aiops_operatoraction_changelist"),
    "compare": _compare,
}


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("kind", PAGES)
def test_nobody_is_shut_out(page: Page, kind: str, theme: Any) -> None:
    page.emulate_media(color_scheme=theme, reduced_motion="reduce")
    page.goto(PAGES[kind]())

    assert violations(page) == []


@pytest.mark.parametrize("kind", PAGES)
def test_each_page_fits_a_phone(page: Page, kind: str) -> None:
    page.set_viewport_size(PHONE)
    page.goto(PAGES[kind]())

    assert page.evaluate("document.documentElement.scrollWidth") == PHONE["width"]
