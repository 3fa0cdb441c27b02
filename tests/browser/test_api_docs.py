"""The page of the API's document, in a real browser, under a name that is not this machine's."""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest
from django.contrib.auth.models import User
from django.test import Client
from playwright.sync_api import expect, sync_playwright
from pytest_django.fixtures import Settings
from pytest_django.live_server_helper import LiveServer

from aiops.api.app import api
from tests.browser.conftest import ARGUMENTS, chromium_path

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

#: A page on localhost is spared what one on a real host does.
HOST = "ai.example.org"


def test_the_page_shows_every_operation_and_asks_no_other_host(
    user: User, live_server: LiveServer, settings: Settings
) -> None:
    settings.ALLOWED_HOSTS = ["*"]
    port = urlsplit(live_server.url).port
    client = Client()
    client.force_login(user)
    paths = api.get_openapi_schema(path_prefix="/api/v1/")["paths"].values()
    operations = sum(len(methods) for methods in paths)
    asked: set[str] = set()
    wrong: list[str] = []

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=chromium_path(),
            args=[*ARGUMENTS, f"--host-resolver-rules=MAP {HOST} 127.0.0.1"],
        )
        context = browser.new_context(base_url=f"http://{HOST}:{port}")
        session = client.cookies["sessionid"].value
        context.add_cookies(
            [{"name": "sessionid", "value": session, "url": f"http://{HOST}:{port}"}]
        )
        page = context.new_page()
        page.on("request", lambda request: asked.add(urlsplit(request.url).hostname or ""))
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.goto("/api/v1/docs")
        expect(page.locator(".opblock")).to_have_count(operations)
        page.locator(".opblock-summary").first.click()
        expect(page.locator(".opblock-body").first).to_contain_text("Start a run")
        page.wait_for_load_state("networkidle")
        browser.close()

    assert asked == {HOST}
    assert not wrong
