"""The page of a run in a real browser: it keeps up, stays still under somebody's eyes, and is for all."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.urls import reverse
from playwright.sync_api import Page, Request, expect

from aiops.models import Run, transitions
from tests.browser import pictured
from tests.browser.looking import PHONE, violations, wide_icons
from tests.execution.orders import begun, map_of, set_run

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

#: A page whose clock the test moves: polls come when it says so.
POLL_MS = 5_000


def map_running() -> Run:
    run = begun(title="Order A1")
    map_of(run, succeeded=289, running=4, failed=7, queued=180)
    return set_run(run, state="running")


RUNS: dict[str, Callable[[], Run]] = {
    "in_doubt": pictured.in_doubt,
    "waiting": pictured.waiting,
    "running": pictured.running,
    "map": map_running,
}


def open_page(page: Page, run: Run) -> None:
    page.clock.install()
    page.goto(reverse("admin:aiops_run_change", args=[run.pk]))
    expect(page.locator("#cx-live")).to_be_visible()


def polls(page: Page) -> list[Request]:
    """The polls of a page from now on."""
    found: list[Request] = []
    page.on("request", lambda request: found.append(request) if "/live/" in request.url else None)
    return found


def change(run: Run) -> None:
    """Let something happen that the page shows."""
    transitions.tell(run.id, "run.paused", actor="cli:ann", reason="lunch")


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("kind", RUNS)
def test_nobody_is_shut_out_of_the_page(page: Page, kind: str, theme: Any) -> None:
    page.emulate_media(color_scheme=theme, reduced_motion="reduce")
    open_page(page, RUNS[kind]())
    for summary in page.locator("details > summary").all():
        if summary.is_visible():
            summary.click()

    assert ("dark" in (page.locator("html").get_attribute("class") or "")) is (theme == "dark")
    assert violations(page) == []


@pytest.mark.parametrize("kind", RUNS)
def test_the_page_fits_a_phone(page: Page, kind: str) -> None:
    page.set_viewport_size(PHONE)
    open_page(page, RUNS[kind]())

    width = page.evaluate("document.documentElement.scrollWidth")

    assert width == PHONE["width"]


def test_what_is_open_stays_open_when_the_run_moves_on(page: Page) -> None:
    run = pictured.in_doubt()
    open_page(page, run)
    page.locator("#tries-send > summary").click()
    page.locator("#tries-send details > summary").first.click()
    page.evaluate("document.querySelector('#tries-send').dataset.marked = 'yes'")

    change(run)
    page.clock.run_for(POLL_MS)

    expect(page.locator("#cx-live")).to_contain_text("Paused – lunch")
    expect(page.locator("#tries-send")).to_have_attribute("open", "")
    expect(page.locator("#tries-send details").first).to_have_attribute("open", "")


def test_nothing_moves_while_somebody_decides_in_the_dialog(page: Page) -> None:
    run = pictured.in_doubt()
    open_page(page, run)
    button = page.get_by_role("link", name="It went out: mark as done")
    button.focus()
    page.keyboard.press("Enter")
    expect(page.locator("#cx-dialog #cx-plan")).to_be_visible()
    seen = polls(page)

    change(run)
    page.clock.run_for(POLL_MS * 3)
    page.keyboard.press("Escape")

    assert seen == []
    expect(page.locator("#cx-dialog")).to_be_hidden()
    expect(button).to_be_focused()


def test_the_switch_pauses_the_page_and_starts_it_again(page: Page) -> None:
    run = pictured.running()
    open_page(page, run)
    pill = page.locator("[data-live-toggle]")
    expect(pill).to_have_text("Live")

    pill.click()
    expect(pill).to_have_text("Paused")
    seen = polls(page)
    change(run)
    page.clock.run_for(POLL_MS * 2)
    assert seen == []

    pill.click()
    expect(page.locator("#cx-live")).to_contain_text("Paused – lunch")
    expect(pill).to_have_text("Live")


def test_a_server_that_is_away_is_told_and_forgotten_when_it_is_back(page: Page) -> None:
    open_page(page, pictured.running())
    page.route("**/live/**", lambda route: route.abort())
    page.clock.run_for(POLL_MS)
    expect(page.locator("#cx-announce")).to_contain_text("could not reach the server")

    page.unroute("**/live/**")
    page.clock.run_for(POLL_MS)

    expect(page.locator("#cx-announce")).to_be_empty()


def test_a_plan_is_carried_out_from_the_dialog(page: Page) -> None:
    run = pictured.running()
    open_page(page, run)

    page.get_by_role("link", name="Pause", exact=True).click()
    page.locator("#cx-dialog button[type=submit]").click()

    expect(page.get_by_role("heading", name="Paused by a person")).to_be_visible()
    run.refresh_from_db()
    assert run.paused_at is not None


def test_no_request_leaves_the_machine_and_every_icon_is_a_symbol(
    page: Page, live_server: Any
) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))

    open_page(page, pictured.in_doubt())
    assert {urlsplit(url).netloc for url in asked} == {urlsplit(live_server.url).netloc}
    assert wide_icons(page) == []


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_nobody_is_shut_out_of_the_dialog_and_the_list(page: Page, theme: Any) -> None:
    page.emulate_media(color_scheme=theme, reduced_motion="reduce")
    open_page(page, pictured.in_doubt())
    page.get_by_role("link", name="It went out: mark as done").click()
    expect(page.locator("#cx-dialog #cx-plan")).to_be_visible()
    in_dialog = violations(page)

    page.goto(reverse("admin:aiops_run_changelist"))
    expect(page.locator("#result_list")).to_contain_text("Needs attention")

    assert in_dialog == []
    assert violations(page) == []
