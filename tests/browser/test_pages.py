"""Every page of the console in a real browser, on runs that the engine has brought into every state."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Page
from pytest_django.fixtures import Settings

from aiops.models import Run
from tasks.demo.cast import cast
from tasks.demo.rehearsal import Rehearsal
from tests.browser.looking import PHONE, violations, wide_icons
from tests.browser.pages import a_schedule, a_webhook, api_keys, delivered, events_in, every_page
from tests.execution.conftest import engine, script
from tests.execution.engine import Engine

__all__ = ["engine", "script"]

pytestmark = [
    pytest.mark.browser,
    pytest.mark.django_db(transaction=True),
    pytest.mark.timeout(400),
]

#: What an in-process worker cannot play: it would wait for an hour, or be killed.
_NOT_HERE = {"slow", "killed"}


@pytest.fixture
def flows(settings: Settings) -> None:
    settings.AIOPS_WORKFLOWS = ["tasks.demo.flows"]


@pytest.fixture
def played(user: Any, engine: Engine) -> None:
    """Runs in every state, by the real engine."""
    a_webhook()
    rehearsal = Rehearsal(say=lambda text: None)
    for part in cast(46):
        if _NOT_HERE & set(part.case.trouble.values()):
            continue
        case = {**part.case.model_dump(), "pace_s": 0}
        run = engine.start(part.workflow, input=case, title=part.case.title, tenant=part.tenant)
        if part.then:
            rehearsal._open[run.id] = part
    engine.work(most=5_000)
    for _ in range(3):
        rehearsal.act(0.5)
        engine.work(most=5_000)
    a_schedule()
    api_keys()
    delivered()
    events_in()
    assert Run.objects.values("state").distinct().count() >= 6


def everywhere(page: Page, look: Callable[[Page], list[str]]) -> dict[str, list[str]]:
    """What is wrong, page by page."""
    found: dict[str, list[str]] = {}
    for name, url in every_page():
        response = page.goto(url)
        if response is None or response.status != 200:
            found[name] = [f"answers {response and response.status}"]
        elif wrong := look(page):
            found[name] = wrong
    return found


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.usefixtures("played")
def test_nobody_is_shut_out_of_any_page(page: Page, theme: Any) -> None:
    page.emulate_media(color_scheme=theme, reduced_motion="reduce")

    assert everywhere(page, violations) == {}


@pytest.mark.usefixtures("played")
def test_every_page_fits_a_phone(page: Page) -> None:
    page.set_viewport_size(PHONE)

    def too_wide(page: Page) -> list[str]:
        width = page.evaluate("document.documentElement.scrollWidth")
        return [f"{width} px wide"] if width > PHONE["width"] else []

    assert everywhere(page, too_wide) == {}


@pytest.mark.usefixtures("played")
def test_pages_ask_nobody_else_and_break_nothing(page: Page, live_server: Any) -> None:
    asked: list[str] = []
    wrong: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("response", lambda got: wrong.append(got.url) if got.status >= 400 else None)

    icons = everywhere(page, wide_icons)

    assert (icons, wrong) == ({}, [])
    assert {urlsplit(url).netloc for url in asked} == {urlsplit(live_server.url).netloc}
