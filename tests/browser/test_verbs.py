"""The verbs in a real browser: a click that does what its plan says, once."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.urls import reverse
from playwright.sync_api import BrowserContext, Page, expect
from pytest_django.live_server_helper import LiveServer

from aiops.execution.start import start_run
from aiops.models import Escalation, Event, Run, Step
from tests.admin_.doing import asking_for_approval, failed
from tests.browser.flows.copying import Source, copying
from tests.browser.processes import at_work
from tests.execution.orders import begun, edit
from tests.faults.record import eventually

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def page_of(run: Run) -> str:
    return reverse("admin:aiops_run_change", args=[run.id])


def state_of(run: Run) -> str:
    return Run.objects.values_list("state", flat=True).get(id=run.id)


def approvals(run: Run) -> int:
    return Event.objects.filter(run=run, kind="escalation.answered").count()


@pytest.mark.slow
def test_a_retry_makes_a_failed_run_succeed(page: Page, tmp_path: Path) -> None:
    file = tmp_path / "order.txt"
    with at_work("tests.browser.flows", tmp_path):
        run = start_run(copying, Source(path=str(file)))
        eventually(lambda: state_of(run) == "failed", within_s=30, what="the failure")
        file.write_text("one cup")
        page.goto(page_of(run))

        page.get_by_role("link", name="Retry failed").click()
        dialog = page.get_by_role("dialog")
        expect(dialog).to_contain_text("Will run again")
        expect(dialog).to_contain_text("Kept, not run again")
        dialog.get_by_label("Reason").fill("the file is there now")
        dialog.get_by_role("button", name="Retry failed (1 step)").click()

        expect(dialog).to_be_hidden()
        eventually(lambda: state_of(run) == "succeeded", within_s=30, what="the success")
        expect(page.locator("#cx-live")).to_contain_text("Succeeded")
    told = Event.objects.get(run=run, kind="run.retried")
    assert (told.actor, told.data["reason"]) == ("browser", "the file is there now")
    assert Step.objects.get(run=run, name="find").fence == 1


def test_a_double_click_on_approve_approves_once(page: Page) -> None:
    run = asking_for_approval()
    page.goto(page_of(run))
    page.get_by_role("link", name="Approve").first.click()

    page.get_by_role("dialog").get_by_role("button", name="Approve").dblclick()

    expect(page.get_by_role("dialog")).to_be_hidden()
    expect(page.locator("body")).to_contain_text("Done: Approve.")
    assert approvals(run) == 1
    assert Step.objects.get(run=run, name="agree").state == "succeeded"


def test_without_scripts_a_plan_is_a_page_and_a_double_click_approves_once_too(
    context: BrowserContext, live_server: LiveServer
) -> None:
    run = asking_for_approval()
    query = {"escalation": Escalation.objects.get(run=run).id}
    plan = reverse("admin:aiops_run_do", args=[run.id, "approve"], query=query)
    assert context.browser is not None
    with context.browser.new_context(
        java_script_enabled=False,
        storage_state=context.storage_state(),
        base_url=live_server.url,
    ) as plain:
        page = plain.new_page()
        page.goto(plan)
        expect(page.get_by_role("heading", name="Approve?")).to_be_visible()

        page.get_by_role("button", name="Approve").dblclick()

        # Whichever of the two answers is shown: it is done, or somebody was first.
        eventually(lambda: approvals(run), what="the approval")
        page.wait_for_load_state()
    assert approvals(run) == 1


def test_the_focus_returns_from_the_dialog_to_the_button(page: Page) -> None:
    run = failed()
    page.goto(page_of(run))
    button = page.get_by_role("link", name="Retry failed")
    button.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog")).to_be_visible()

    page.keyboard.press("Escape")

    expect(page.get_by_role("dialog")).to_be_hidden()
    expect(button).to_be_focused()


def test_who_keeps_it_as_it_is_changes_nothing(page: Page) -> None:
    run = begun()
    page.goto(page_of(run))
    page.get_by_role("link", name="Cancel run").click()

    page.get_by_role("dialog").get_by_role("link", name="Keep as it is").click()

    expect(page.get_by_role("dialog")).to_be_hidden()
    assert not Event.objects.filter(run=run, actor="browser").exists()


def test_what_moved_meanwhile_is_shown_again_in_the_dialog(page: Page) -> None:
    run = failed()
    page.goto(page_of(run))
    page.get_by_role("link", name="Retry failed").click()
    dialog = page.get_by_role("dialog")
    press = dialog.get_by_role("button", name="Retry failed (1 step)")
    expect(press).to_be_visible()
    edit(run, "notify", fence=9)

    press.click()
    expect(dialog.get_by_role("alert")).to_contain_text("It has moved on since you looked")
    assert state_of(run) == "failed"

    press.click()
    expect(dialog).to_be_hidden()
    assert state_of(run) == "queued"
