"""The form of a schedule in a real browser: the next times follow what is typed."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect
from pytest_django.fixtures import Settings
from pytest_django.live_server_helper import LiveServer

from aiops.models import Schedule

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture(autouse=True)
def _flows(settings: Settings) -> None:
    settings.AIOPS_WORKFLOWS = ["tests.flows"]


def test_the_next_five_times_follow_what_is_typed_and_nothing_is_saved(page: Page) -> None:
    page.goto("/admin/aiops/schedule/add/")
    shown = page.locator(".cx-s-preview")

    page.locator("#id_cron").press_sequentially("30 6 1 * *")
    expect(shown).to_contain_text("06:30:00")
    expect(shown.locator("li")).to_have_count(5)
    page.locator("#id_zone").select_option("America/New_York")
    expect(shown).to_contain_text("America/New_York")
    page.locator("#id_cron").fill("61 6 1 * *")
    expect(shown).to_contain_text("from 0 to 59")

    assert Schedule.objects.count() == 0


def test_without_scripts_a_button_shows_them(page: Page, live_server: LiveServer) -> None:
    context = page.context.browser.new_context(  # type: ignore[union-attr]  # it is there
        java_script_enabled=False, storage_state=page.context.storage_state()
    )
    plain = context.new_page()
    plain.goto(f"{live_server.url}/admin/aiops/schedule/add/")
    plain.locator("#id_cron").fill("30 6 1 * *")

    with context.expect_page() as opened:
        plain.get_by_role("button", name="Show the next five times").click()

    expect(opened.value.locator(".cx-s-next li")).to_have_count(5)
    context.close()
