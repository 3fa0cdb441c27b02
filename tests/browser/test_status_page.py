"""The page that somebody waits on, in a real browser: in every state, theme and width, with and without scripts."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from django.utils import timezone
from playwright.sync_api import Browser, BrowserContext, Page, expect
from pytest_django.fixtures import Settings
from pytest_django.live_server_helper import LiveServer

from aiops.models import Event, Run
from tests.browser.looking import PHONE, violations
from tests.browser.waiting_for import STATES, address, cancelling, done, queued, running, succeeded
from tests.execution.orders import set_run

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def stranger(chromium: Browser, live_server: LiveServer) -> Iterator[BrowserContext]:
    """A browser in which nobody is signed in."""
    context = chromium.new_context(base_url=live_server.url, locale="en-GB")
    context.set_default_timeout(15_000)
    yield context
    context.close()


@pytest.fixture
def page(stranger: BrowserContext) -> Page:
    return stranger.new_page()


@pytest.fixture
def complaints(page: Page) -> list[str]:
    """What the browser has to say: violations of the policy, errors of scripts."""
    found: list[str] = []
    page.on("console", lambda said: found.append(said.text) if said.type == "error" else None)
    page.on("pageerror", lambda error: found.append(str(error)))
    return found


def finish(run: Run) -> None:
    done(run, "draft", "checks", "approval", "send", "confirm")
    set_run(run, state="succeeded", finished_at=timezone.now())


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_nobody_is_shut_out_of_the_page(page: Page, theme: Any, settings: Settings) -> None:
    settings.AIOPS_SUPPORT_URL = "https://help.example.org/"
    page.emulate_media(color_scheme=theme, reduced_motion="reduce")
    for name, made in STATES.items():
        page.goto(address(made()))

        assert violations(page) == [], name
        made_dark = page.evaluate("getComputedStyle(document.body).backgroundColor")
        assert (made_dark == "rgb(11, 17, 27)") is (theme == "dark")


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_nobody_is_shut_out_of_what_is_beside_it(page: Page, theme: Any) -> None:
    page.emulate_media(color_scheme=theme)
    for path in (f"{address(running())}cancel/", "/s/gone/"):
        page.goto(path)

        assert violations(page) == [], path


@pytest.mark.parametrize("language", ["en", "de"])
def test_the_page_fits_a_phone(page: Page, language: str) -> None:
    page.set_viewport_size(PHONE)
    for name, made in STATES.items():
        page.goto(f"{address(made())}?lang={language}")

        assert page.evaluate("document.documentElement.scrollWidth") == PHONE["width"], name


def test_it_keeps_up_by_itself_and_says_so_once(page: Page) -> None:
    run = running()
    page.goto(address(run))
    headline = page.get_by_role("status")
    expect(headline).to_have_text("Working on it")
    expect(page.locator("[aria-current=step]")).to_have_text("Drafting a reply")

    finish(run)

    expect(headline).to_have_text("Done")
    expect(page.get_by_text("All 9 steps done")).to_be_visible()
    expect(page.get_by_role("link", name="Cancel")).to_be_hidden()
    expect(page.get_by_role("progressbar")).to_have_js_property("value", 100)
    assert page.title() == "Done"


def test_the_button_to_the_result_comes_with_the_result(page: Page) -> None:
    run = running()
    metadata = {"result_url": "https://shop.example.org/o/1"}
    set_run(run, metadata=metadata)
    page.goto(address(run))
    link = page.get_by_role("link", name="See the result")
    expect(link).to_be_hidden()

    finish(run)

    expect(link).to_be_visible()
    expect(link).to_have_attribute("href", metadata["result_url"])


def test_a_server_that_is_away_is_told_and_asked_again(page: Page) -> None:
    run = running()
    page.goto(address(run))
    page.route("**/state/*", lambda route: route.abort())
    page.route("**/stream*", lambda route: route.abort())
    expect(page.get_by_text("Connection lost. Trying again…")).to_be_visible()
    finish(run)

    page.unroute("**/state/*")

    expect(page.get_by_role("status")).to_have_text("Done")
    expect(page.get_by_text("Connection lost. Trying again…")).to_be_hidden()


def test_asking_slows_down_while_nothing_changes_and_ends_with_the_run(page: Page) -> None:
    run = running()
    asked: list[str] = []
    page.on("request", lambda one: asked.append(one.url) if "/state/" in one.url else None)
    page.clock.install()
    page.goto(address(run))
    expect(page.get_by_role("status")).to_have_text("Working on it")
    page.wait_for_timeout(300)

    for _ in range(60):
        page.clock.run_for(1000)
        page.wait_for_timeout(20)
    in_a_minute = len(asked)
    finish(run)
    for _ in range(12):
        page.clock.run_for(1000)
        page.wait_for_timeout(20)
    expect(page.get_by_role("status")).to_have_text("Done")
    at_the_end = len(asked)
    page.clock.run_for(60_000)
    page.wait_for_timeout(200)

    # Without slowing down it would be thirty, with the longest wait at once six.
    assert 6 <= in_a_minute <= 14
    assert len(asked) == at_the_end


def test_nothing_comes_from_elsewhere_and_the_policy_is_kept(
    page: Page, complaints: list[str], live_server: LiveServer
) -> None:
    hosts: list[str] = []
    page.on("request", lambda request: hosts.append(request.url))
    page.goto(address(running()))
    page.wait_for_timeout(2_500)

    assert [url for url in hosts if not url.startswith((live_server.url, "data:"))] == []
    # The stream may not be there: that is no violation.
    assert [text for text in complaints if "404" not in text] == []


def test_it_is_stopped_after_a_question(page: Page, stranger: BrowserContext) -> None:
    run = queued()
    page.goto(address(run))
    page.get_by_role("link", name="Cancel").click()
    expect(page.get_by_role("heading")).to_have_text("Stop now?")
    page.get_by_role("link", name="Keep as it is").click()
    expect(page.get_by_role("status")).to_have_text("In line")

    page.get_by_role("link", name="Cancel").click()
    page.get_by_role("button", name="Stop it").click()

    expect(page.get_by_role("status")).to_have_text("Cancelled")
    assert Event.objects.get(run=run, kind="run.cancelling").actor == "the user"
    assert {cookie.get("name") for cookie in stranger.cookies()} == {"csrftoken"}


def test_who_looks_at_a_run_that_is_stopping_has_nothing_to_press(page: Page) -> None:
    page.goto(address(cancelling()))

    expect(page.get_by_role("status")).to_have_text("Stopping")
    expect(page.get_by_role("link")).to_have_count(0)


@pytest.fixture
def plain(chromium: Browser, live_server: LiveServer) -> Iterator[Page]:
    """A browser without scripts."""
    context = chromium.new_context(
        base_url=live_server.url, java_script_enabled=False, locale="en-GB"
    )
    yield context.new_page()
    context.close()


def test_without_scripts_it_is_whole_and_a_link_looks_again(plain: Page) -> None:
    run = running()
    plain.goto(address(run))
    expect(plain.get_by_role("status")).to_have_text("Working on it")
    expect(plain.get_by_text("Step 5 of 9")).to_be_visible()
    finish(run)

    plain.get_by_role("link", name="Look again").click()

    expect(plain.get_by_role("status")).to_have_text("Done")


def test_without_scripts_it_can_be_stopped(plain: Page) -> None:
    run = queued()
    plain.goto(address(run))

    plain.get_by_role("link", name="Cancel").click()
    plain.get_by_role("button", name="Stop it").click()

    expect(plain.get_by_role("status")).to_have_text("Cancelled")


# Inside another page


@contextmanager
def shop(body: str) -> Iterator[str]:
    """Another site's page, at an origin of its own; gives its address."""

    class Shop(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.end_headers()
            self.wfile.write(f'<!doctype html><html lang="en"><title>Shop</title>{body}'.encode())

        def log_message(self, format: str, *args: object) -> None:
            return None

    server = ThreadingHTTPServer(("127.0.0.1", 0), Shop)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def embedding(live_server: LiveServer, run: Run) -> str:
    """As docs/status.md shows it."""
    url = f"{live_server.url}{address(run)}"
    return (
        f'<div data-run-status="{url}"><a href="{url}">How far it is</a></div>'
        f'<script src="{live_server.url}/static/status/widget.js" defer></script>'
    )


def test_another_page_shows_it_at_its_own_height(
    page: Page, live_server: LiveServer, settings: Settings
) -> None:
    run = running()
    with shop(embedding(live_server, run)) as url:
        settings.AIOPS_EMBED_ORIGINS = [url]
        page.goto(url)
        shown = page.frame_locator("iframe")
        expect(shown.get_by_role("status")).to_have_text("Working on it")
        expect(page.get_by_role("link", name="How far it is")).to_be_hidden()
        frame = page.locator("iframe")
        height = int(frame.get_attribute("height") or 0)

        finish(run)

        expect(shown.get_by_role("status")).to_have_text("Done")
        assert 200 < height < 700
        assert frame.get_attribute("title") == "How far it is"
        assert violations(page) == []


def test_a_page_that_was_not_named_keeps_its_link(page: Page, live_server: LiveServer) -> None:
    with shop(embedding(live_server, succeeded())) as url:
        page.goto(url)
        page.wait_for_timeout(1_000)

        expect(page.get_by_role("link", name="How far it is")).to_be_visible()
        assert page.locator("iframe").get_attribute("height") == "0"


def test_without_scripts_another_page_has_a_link(plain: Page, live_server: LiveServer) -> None:
    with shop(embedding(live_server, succeeded())) as url:
        plain.goto(url)
        plain.get_by_role("link", name="How far it is").click()

        expect(plain.get_by_role("status")).to_have_text("Done")
