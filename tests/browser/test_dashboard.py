"""The dashboard, and the keys of every page, in a real browser."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.core.cache import cache
from django.urls import reverse
from django.utils import timezone
from playwright.sync_api import Page, expect

from aiops.models import Run
from tests.admin_.doing import asking_for_approval, failed, stopping
from tests.browser import pictured
from tests.browser.looking import PHONE, violations
from tests.browser.test_run_page import POLL_MS
from tests.execution.orders import begun, set_run, stop_at

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture(autouse=True)
def _nothing_is_kept(transactional_db: None) -> Iterator[None]:
    cache.clear()
    yield
    cache.clear()


@pytest.fixture
def day() -> Run:
    """A day at work: something in every part of the page."""
    stop_at(begun(), "notify", fingerprint="f1", message="Mail server closed the connection")
    for hours_ago in range(5):
        set_run(failed(), since=timezone.now() - timedelta(hours=hours_ago))
    stopping()
    asking_for_approval()
    pictured.running()
    pictured.waiting()
    return pictured.in_doubt()


def open_dashboard(page: Page) -> None:
    page.goto(reverse("admin:index"))
    expect(page.locator("#cx-live")).to_be_visible()
    # Shortcuts and repairs are there when the shell is.
    page.wait_for_function("document.querySelector('[data-keys]') !== null")


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.usefixtures("day")
def test_nobody_is_shut_out_of_the_dashboard(page: Page, theme: Any) -> None:
    page.emulate_media(color_scheme=theme, reduced_motion="reduce")
    open_dashboard(page)

    assert violations(page) == []


@pytest.mark.usefixtures("day")
def test_a_phone_needs_no_sideways_scrolling(page: Page) -> None:
    page.set_viewport_size({"width": PHONE["width"], "height": PHONE["height"]})
    open_dashboard(page)

    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]


@pytest.mark.usefixtures("day")
def test_nothing_of_the_dashboard_needs_a_style_or_a_script_in_the_page(page: Page) -> None:
    open_dashboard(page)

    inside = page.locator(".cx")
    assert inside.locator("[style], script, [onclick]").count() == 0


def test_a_new_request_appears_by_itself(page: Page) -> None:
    page.clock.install()
    page.goto(reverse("admin:index"))
    expect(page.get_by_text("Nobody is waiting for you.")).to_be_visible()

    asking_for_approval()
    cache.clear()
    page.clock.run_for(POLL_MS)

    expect(page.get_by_text("request waits for a person")).to_be_visible()


@pytest.mark.parametrize(
    ("key", "there"),
    [("r", "admin:aiops_run_changelist"), ("i", "admin:aiops_escalation_changelist")],
)
def test_g_and_a_letter_lead_to_a_page(page: Page, key: str, there: str) -> None:
    open_dashboard(page)

    page.keyboard.press("g")
    page.keyboard.press(key)

    page.wait_for_url(f"**{reverse(there)}")


def test_a_letter_alone_leads_nowhere(page: Page) -> None:
    open_dashboard(page)

    page.keyboard.press("r")
    page.keyboard.press(".")

    expect(page.locator("[data-live-word]")).to_have_text("Paused")
    assert page.url.endswith(reverse("admin:index"))


def test_a_slash_opens_the_search_where_there_is_no_list(page: Page) -> None:
    run = begun(title="Lease, 4 Harbour St")
    open_dashboard(page)

    page.keyboard.press("/")
    expect(page.locator("#search-input-command")).to_be_focused()
    page.keyboard.type("harbour")

    found = page.locator("#command-results-list a").filter(has_text="Lease, 4 Harbour St")
    expect(found).to_have_attribute("href", reverse("admin:aiops_run_change", args=[run.pk]))


def test_the_filters_of_a_list_are_reached_by_keys(page: Page) -> None:
    begun()
    page.goto(reverse("admin:aiops_run_changelist"))
    opener = page.get_by_role("button", name="Filters", exact=True)

    opener.focus()
    page.keyboard.press("Enter")

    sheet = page.locator("#changelist-filter")
    expect(sheet).to_be_visible()
    expect(sheet.locator(":focus")).to_have_count(1)


def test_the_sidebar_is_put_away_by_keys(page: Page) -> None:
    open_dashboard(page)
    opener = page.get_by_role("button", name="Show or hide the sidebar")
    expect(page.locator("#nav-sidebar-apps")).to_be_visible()

    opener.focus()
    page.keyboard.press("Space")

    expect(page.locator("#nav-sidebar-apps")).to_be_hidden()


def test_a_row_is_opened_by_keys_after_its_list_was_brought_anew(page: Page) -> None:
    begun()
    page.goto(reverse("admin:aiops_run_changelist"))
    opener = page.get_by_role("button", name="Show more of this row")
    expect(opener).to_have_count(1)

    # What a refresh does: the server's page has none of these.
    page.evaluate(
        """document.querySelectorAll("#result_list [data-keys]").forEach(one =>
            ["data-keys", "role", "tabindex", "aria-label"].forEach(name => one.removeAttribute(name)))"""
    )
    opener.focus()
    page.keyboard.press("Enter")

    expect(page.get_by_role("link", name="Open run")).to_be_visible()
