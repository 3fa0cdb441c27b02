"""A real Chromium that looks at the pages of a real server."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.test import Client
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright
from pytest_django.live_server_helper import LiveServer

from tests.execution.conftest import no_session_left

__all__ = ["no_session_left"]

#: No look-ups of its own: the machine may have no network.
ARGUMENTS = [
    *("--no-sandbox", "--no-first-run", "--no-default-browser-check", "--disable-gpu"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
    *("--disable-quic", "--disable-dev-shm-usage"),
]


@pytest.fixture
def _tests_and_browser_share_a_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    """Playwright keeps an event loop in this thread, which never waits for the database."""
    monkeypatch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "1")


@pytest.fixture
def user(
    transactional_db: None, no_session_left: None, _tests_and_browser_share_a_thread: None
) -> User:
    """Somebody who may do everything."""
    return User.objects.create_superuser("browser")


def chromium_path() -> str:
    """Where Chromium is; without one the test is skipped, and fails in continuous integration."""
    path = shutil.which("chromium")
    if path is None:
        if os.environ.get("CI"):
            pytest.fail("There is no Chromium: apt-get install chromium")
        pytest.skip("There is no Chromium: apt-get install chromium")
    return path


@pytest.fixture
def chromium(user: User) -> Iterator[Browser]:
    """One for each test: its event loop would be in the way of every other test's database."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium_path(), args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture
def context(
    chromium: Browser, live_server: LiveServer, user: User, tmp_path: Path
) -> Iterator[BrowserContext]:
    """A browser that is signed in."""
    client = Client()
    client.force_login(user)
    context = chromium.new_context(
        base_url=live_server.url, viewport={"width": 1440, "height": 900}
    )
    session = client.cookies["sessionid"].value
    context.add_cookies([{"name": "sessionid", "value": session, "url": live_server.url}])
    yield context
    context.close()


@pytest.fixture
def page(context: BrowserContext) -> Page:
    page = context.new_page()
    page.set_default_timeout(15_000)
    return page
