"""Every page under its policy: nothing inline, no eval, and all that the shell offers still works."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.contrib.auth.models import User
from django.core.cache import cache
from django.urls import reverse
from django_celery_beat.models import CrontabSchedule, PeriodicTask
from playwright.sync_api import ConsoleMessage, Page, expect

from aiops.models import Run
from tests.admin_.doing import failed
from tests.browser.pages import a_schedule, every_page
from tests.browser.test_pages import engine, flows, played, script

__all__ = ["engine", "flows", "played", "script"]

pytestmark = [
    pytest.mark.browser,
    pytest.mark.django_db(transaction=True),
    pytest.mark.timeout(400),
]

_LISTEN = """
document.addEventListener('securitypolicyviolation', (e) => window.told(
    `${e.effectiveDirective} ${e.blockedURI} ${e.sourceFile}:${e.lineNumber} ${e.sample}`));
"""


@pytest.fixture(autouse=True)
def _nothing_is_kept(transactional_db: None) -> Iterator[None]:
    cache.clear()
    yield
    cache.clear()


@pytest.fixture
def wrong(page: Page) -> list[str]:
    """What a policy has stopped, and what a script has complained about."""
    found: list[str] = []

    def said(message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            found.append(f"{page.url}: {message.text}")

    page.expose_function("told", lambda text: found.append(f"{page.url}: {text}"))
    page.add_init_script(_LISTEN)
    page.on("console", said)
    page.on("pageerror", lambda error: found.append(f"{page.url}: {error}"))
    return found


@pytest.mark.usefixtures("played")
def test_no_page_asks_for_more_than_its_policy_gives(page: Page, wrong: list[str]) -> None:
    for _, url in every_page():
        response = page.goto(url)
        assert response is not None
        policy = response.headers["content-security-policy"]
        assert "unsafe" not in policy, url
        page.wait_for_load_state("networkidle")

    assert wrong == []


def test_what_a_policy_stops_is_heard(page: Page, wrong: list[str]) -> None:
    page.goto(reverse("admin:index"))

    page.evaluate("document.body.insertAdjacentHTML('beforeend', '<p style=\"color: red\">x</p>')")
    page.wait_for_function("document.body.lastElementChild.textContent === 'x'")

    assert "style-src" in " ".join(wrong)


@pytest.mark.usefixtures("played")
def test_a_list_filters_opens_rows_and_offers_what_is_done_with_many(
    page: Page, wrong: list[str]
) -> None:
    page.goto(reverse("admin:aiops_run_changelist"))
    page.locator("#result_list [data-keys]").first.press("Enter")
    expect(page.locator(".cx-peek .cx-graph").first).to_be_visible()

    page.locator("input.action-select").first.check()
    bar = page.locator("#changelist-actions")
    expect(bar).to_be_visible()
    expect(page.get_by_role("button", name="Run", exact=True)).to_be_hidden()
    bar.get_by_role("combobox").select_option(index=1)
    expect(page.get_by_role("button", name="Run", exact=True)).to_be_visible()
    assert page.evaluate("document.getElementById('changelist-actions').style.width") != ""
    page.locator("input.action-select").first.uncheck()

    page.locator("a[role=button]", has_text="Filters").press("Enter")
    page.get_by_label("Safe to retry").check()
    page.get_by_role("button", name="Apply filters").click()
    page.wait_for_url("**?verdict=safe")
    expect(page.locator(".cx-tab").first).to_be_visible()

    assert wrong == []


def test_search_theme_and_sidebar_work_on_every_page(page: Page, wrong: list[str]) -> None:
    page.emulate_media(color_scheme="light")
    page.goto(reverse("admin:index"))

    page.keyboard.press("Control+k")
    page.get_by_placeholder("Type to search").last.press_sequentially("lanes")
    expect(page.locator("#command-results-list li").first).to_be_visible()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    page.wait_for_url("**/aiops/lane/")

    page.evaluate("window.dispatchEvent(new CustomEvent('opencommand'))")
    page.keyboard.press("Escape")
    for name in ("Dark", "Light"):
        page.locator(f"a:has(> span:text-is('{name}'))").first.evaluate("e => e.click()")
        page.wait_for_function(
            "dark => document.documentElement.classList.contains('dark') === dark",
            arg=name == "Dark",
        )

    side = page.locator("#nav-sidebar")
    expect(side).to_be_visible()
    page.get_by_label("Show or hide the sidebar").first.click()
    expect(side).to_be_hidden()
    page.reload()
    expect(side).to_be_hidden()
    page.get_by_label("Show or hide the sidebar").first.click()
    expect(side).to_be_visible()

    assert wrong == []


def test_plans_open_in_their_dialog_and_go_ahead(page: Page, wrong: list[str]) -> None:
    run = failed()
    page.goto(reverse("admin:aiops_run_change", args=[run.pk]))

    page.get_by_role("link", name="Retry failed").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Reason").fill("the file is there now")
    dialog.get_by_role("button", name="Retry failed").click()

    expect(dialog).to_be_hidden()
    assert Run.objects.get(id=run.pk).state != "failed"
    assert wrong == []


def test_forms_of_schedules_and_people_are_filled_in_and_sent(
    page: Page, wrong: list[str], user: User
) -> None:
    a_schedule()
    cron = CrontabSchedule.objects.create(minute="30", hour="4")
    schedule = PeriodicTask.objects.get(name="Sweep")
    page.goto(reverse("admin:django_celery_beat_periodictask_change", args=[schedule.pk]))
    page.locator("#id_crontab").select_option(str(cron.pk))
    expect(page.locator(".field-crontab [role=status]")).to_contain_text("04:30")
    page.locator("#id_crontab").select_option("")
    page.locator("#id_name").fill("Sweep twice")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.locator("body")).to_contain_text("was changed successfully")
    assert PeriodicTask.objects.get(pk=schedule.pk).name == "Sweep twice"

    page.goto(reverse("admin:auth_user_change", args=[user.pk]))
    page.get_by_label("First name").fill("Ada")
    page.get_by_role("button", name="Save and continue editing").click()
    expect(page.get_by_label("First name")).to_have_value("Ada")
    assert User.objects.get(pk=user.pk).first_name == "Ada"

    page.goto(reverse("admin:auth_user_add"))
    assert wrong == []


def test_one_signs_in_and_sees_the_password_one_types(
    page: Page, wrong: list[str], user: User
) -> None:
    user.set_password("a long pass phrase")
    user.save()
    page.context.clear_cookies()
    page.goto(reverse("admin:index"))

    page.get_by_label("Username").fill("browser")
    page.get_by_label("Password").fill("a long pass phrase")
    page.get_by_role("button", name="Log in").click()

    page.wait_for_url("**/admin/")
    expect(page.locator("#nav-sidebar")).to_be_visible()
    assert wrong == []
