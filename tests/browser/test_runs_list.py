"""The list of runs in a real browser: keys, what opens, news that move nothing, a phone's width."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.core.cache import cache
from django.urls import reverse
from playwright.sync_api import Page, expect

from aiops.models import Run
from tests.admin_.doing import failed
from tests.browser import pictured
from tests.browser.looking import PHONE, violations
from tests.execution.orders import set_run

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture(autouse=True)
def _nothing_is_kept(transactional_db: None) -> Iterator[None]:
    cache.clear()
    yield
    cache.clear()


@pytest.fixture
def run() -> Run:
    """One that has failed, among others."""
    pictured.running()
    pictured.waiting()
    pictured.in_doubt()
    return set_run(failed(), title="Order A1")


def open_list(page: Page, **query: str) -> None:
    page.goto(reverse("admin:aiops_run_changelist", query=query))
    expect(page.locator("tr.data-row").first).to_be_visible()
    # The rows can be opened by keys when the shell is there.
    page.wait_for_function("document.querySelector('#result_list [data-keys]') !== null")


def come_back(page: Page) -> None:
    """Look at the page again: it asks for news at once, and not only every few seconds."""
    with page.expect_response(lambda answer: "/run/live/" in answer.url):
        page.evaluate("window.dispatchEvent(new Event('focus'))")


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.usefixtures("run")
def test_nobody_is_shut_out_of_the_rows_what_opens_below_them_and_the_filters(
    page: Page, theme: Any
) -> None:
    page.emulate_media(color_scheme=theme, reduced_motion="reduce")
    open_list(page, tenant="default", workflow="answers_order")
    page.locator("#result_list [data-keys]").first.press("Enter")
    expect(page.locator(".cx-peek .cx-graph").first).to_be_visible()
    with_peek = violations(page)

    page.locator("a[role=button]", has_text="Filters").press("Enter")
    expect(page.locator(".cx-filter").first).to_be_visible()

    assert with_peek == []
    assert violations(page) == []


def test_a_key_opens_a_row_and_the_right_button_opens_its_plan(page: Page, run: Run) -> None:
    open_list(page, view="failed")

    page.locator("#result_list [data-keys]").first.press("Enter")
    page.locator(".cx-peek").get_by_role("link", name="Retry", exact=True).click()

    expect(page.locator("#cx-dialog #cx-plan")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator("#cx-dialog")).to_be_hidden()
    page.locator(".cx-peek").get_by_role("link", name="Open run").click()
    expect(page.get_by_role("heading", name="Order A1", exact=True)).to_be_visible()
    assert reverse("admin:aiops_run_change", args=[run.pk]) in page.url


def test_news_change_what_a_row_says_and_leave_the_row_where_it_is(page: Page, run: Run) -> None:
    open_list(page)
    before = page.locator(".field-told b").all_inner_texts()

    set_run(run, title="Order A1, again", state="attention", finished_at=None)
    set_run(failed(), title="A new one")
    cache.clear()
    come_back(page)

    expect(page.locator("tr.data-row", has_text="Order A1, again")).to_contain_text(
        "Needs attention"
    )
    after = page.locator(".field-told b").all_inner_texts()
    assert after == [title.replace("Order A1", "Order A1, again") for title in before]
    page.get_by_role("button", name="The list has changed: show it").click()
    expect(page.locator("tr.data-row", has_text="A new one")).to_be_visible()


def test_news_wait_while_somebody_has_ticked_or_opened_something(page: Page, run: Run) -> None:
    open_list(page)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    first = page.locator("#result_list [data-keys]").first

    page.locator("input.action-select").nth(1).check()
    page.evaluate("window.dispatchEvent(new Event('focus'))")
    page.locator("input.action-select").nth(1).uncheck()
    first.press("Enter")
    expect(page.locator(".cx-peek .cx-graph")).to_be_visible()
    page.evaluate("window.dispatchEvent(new Event('focus'))")

    assert [url for url in asked if "/run/live/" in url] == []
    first.press("Enter")
    come_back(page)


def test_a_row_that_cannot_be_read_says_so(page: Page, run: Run) -> None:
    open_list(page, view="failed")
    run.delete()

    page.locator("#result_list [data-keys]").first.press("Enter")

    expect(page.locator(".cx-peek")).to_have_text(
        "This run could not be read. Load the page again."
    )


def test_the_sheet_leaves_what_nobody_filled_in_out_of_the_address(page: Page, run: Run) -> None:
    open_list(page, view="failed")
    page.locator("a[role=button]", has_text="Filters").press("Enter")

    page.get_by_label("Safe to retry").check()
    page.get_by_role("button", name="Apply filters").click()

    expect(page.locator("tr.data-row")).to_have_count(1)
    assert page.url.split("?")[1] == "view=failed&verdict=safe"
    expect(page.locator(".cx-tab[aria-current]")).to_contain_text("Failed")


@pytest.mark.usefixtures("run")
def test_cards_fit_a_phone_with_a_row_open(page: Page) -> None:
    page.set_viewport_size(PHONE)
    open_list(page)

    page.locator("#result_list [data-keys]").first.press("Enter")
    expect(page.locator(".cx-peek .cx-graph").first).to_be_visible()

    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") == 0
