"""The page that somebody waits on: a token opens it, one run and nothing else, and it is small."""

from __future__ import annotations

import gzip
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.contrib.staticfiles import finders
from django.test import Client
from django.utils import timezone
from pytest_django.fixtures import Settings

from aiops.access import run_token
from aiops.access.run_token import CANCEL, SEE
from aiops.models import Event, Promise, Run
from tests.execution.orders import begun, done, edit, failed, set_run

pytestmark = pytest.mark.django_db

KB = 1024
#: What the page may weigh, file by file, and as it travels.
MOST = {"status.css": 3.7 * KB, "status.js": 1.8 * KB, "widget.js": 3 * KB}
MOST_HTML = 2.2 * KB
MOST_IN_ALL = 3 * KB


def opened(run: Run, allows: tuple[str, ...] = (SEE, CANCEL), **given: Any) -> str:
    return f"/s/{run_token.sign(run.id, allows=allows, **given)}/"


def static(name: str) -> bytes:
    return Path(finders.find(f"status/{name}")).read_bytes()  # type: ignore[arg-type]  # one file


@pytest.fixture
def client() -> Client:
    """Without what a browser would remember."""
    return Client(headers={"Accept-Language": "en"})


def test_a_token_opens_the_page_of_its_run(client: Client) -> None:
    run = begun(title="Order A1")
    done(run, "read")

    page = client.get(opened(run))

    told = page.content.decode()
    assert page.status_code == 200
    assert "Order A1" in told
    assert "In line. We will carry on soon." in told
    assert "Reading your order" in told
    assert str(run.id)[:13].upper() in told


@pytest.mark.parametrize("place", ["", "state/", "cancel/"])
def test_a_link_that_does_not_work_says_so_and_what_to_do(client: Client, place: str) -> None:
    run = begun()
    forged = opened(run).replace("/s/e", "/s/f", 1)
    over = opened(run, lasts=timedelta(seconds=-1))

    for address in (forged, over, "/s/nonsense/", opened(Run())):
        page = client.get(address + place)

        assert page.status_code == 404
        assert "This link does not work any more" in page.content.decode()
        assert "Open the page where you asked for this again" in page.content.decode()


@pytest.mark.parametrize("place", ["", "state/", "cancel/"])
def test_a_browser_is_told_to_let_nothing_in_and_nothing_out(client: Client, place: str) -> None:
    page = client.get(opened(begun()) + place)

    policy = page["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self'")
    assert "connect-src 'self'" in policy
    assert "form-action 'self'" in policy
    assert policy.endswith("frame-ancestors 'none'")
    assert page["X-Frame-Options"] == "DENY"
    # Under "no-referrer" a browser would not say where the form comes from, and be refused.
    policy = "same-origin" if place == "cancel/" else "no-referrer"
    assert page["Referrer-Policy"] == policy
    assert "noindex" in page["X-Robots-Tag"]
    assert "no-store" in page["Cache-Control"]


def test_no_cookie_is_set_but_where_something_can_be_stopped(client: Client) -> None:
    address = opened(begun())

    plain = client.get(address)
    client.get(f"{address}state/")
    asked = client.get(f"{address}cancel/")

    assert not plain.cookies
    assert set(asked.cookies) == {"csrftoken"}
    assert set(client.cookies) == {"csrftoken"}


def test_only_the_pages_that_are_named_may_show_it_in_a_frame(
    client: Client, settings: Settings
) -> None:
    settings.AIOPS_EMBED_ORIGINS = ["https://shop.example.org", "https://help.example.org"]
    address = opened(begun())

    framed, plain = client.get(f"{address}?embed=1"), client.get(address)

    allowed = "frame-ancestors https://shop.example.org https://help.example.org"
    assert framed["Content-Security-Policy"].endswith(allowed)
    assert "X-Frame-Options" not in framed
    assert plain["Content-Security-Policy"].endswith("frame-ancestors 'none'")
    assert plain["X-Frame-Options"] == "DENY"


def test_what_people_say_is_escaped(client: Client) -> None:
    page = client.get(opened(begun(title="<script>alert(1)</script>")))

    assert "<script>alert" not in page.content.decode()


def test_the_page_speaks_the_readers_language(client: Client) -> None:
    address = opened(begun())

    by_browser = client.get(address, headers={"Accept-Language": "de-AT,de;q=0.9,en;q=0.5"})
    by_link = client.get(f"{address}?lang=de")
    unknown = client.get(f"{address}?lang=xx")

    assert '<html lang="de">' in by_browser.content.decode()
    assert "In der Warteschlange" in by_link.content.decode()
    assert "In line" in unknown.content.decode()
    assert by_browser["Content-Language"] == "de"
    assert "Accept-Language" in by_browser["Vary"]


# What keeps it up to date


def test_the_state_is_told_once_and_again_when_it_has_changed(client: Client) -> None:
    run = begun()
    address = f"{opened(run)}state/"
    first = client.get(address)
    tag = first["ETag"]

    same = client.get(address, headers={"If-None-Match": tag})
    done(run, "read")
    other = client.get(address, headers={"If-None-Match": tag})

    assert first.json()["headline"] == "In line"
    assert (same.status_code, same.content, same["ETag"]) == (304, b"", tag)
    assert (other.status_code, other.json()["percent"]) == (200, 20)


def test_a_lease_that_ends_is_a_change_although_nothing_was_written(client: Client) -> None:
    run = begun()
    soon = timezone.now() + timedelta(seconds=30)
    edit(run, "read", state="running", reason="lease", worker="w", lease_until=soon)
    address = f"{opened(run)}state/"
    tag = client.get(address)["ETag"]
    edit(run, "read", lease_until=timezone.now())

    later = client.get(address, headers={"If-None-Match": tag})

    assert later.json()["headline"] == "Taking longer than usual"


def test_the_page_is_small() -> None:
    run = begun(title="Order A1")
    page = Client().get(opened(run)).content
    files = {name: static(name) for name in MOST}

    for name, text in files.items():
        assert len(text) <= MOST[name], name
    assert len(page) <= MOST_HTML
    travelling = [page, files["status.css"], files["status.js"]]
    assert sum(len(gzip.compress(text)) for text in travelling) <= MOST_IN_ALL


# Stopping it


def stopping_client() -> Client:
    return Client(enforce_csrf_checks=True, headers={"Accept-Language": "en"})


def test_stopping_is_asked_about_first_and_a_get_changes_nothing() -> None:
    run = begun()
    done(run, "read", "pack", "agree", "charge")
    client, address = stopping_client(), opened(run)

    page = client.get(f"{address}cancel/").content.decode()

    assert "Stop now?" in page
    assert "What is already done is kept." in page
    assert "What has already been sent stays sent. (Taking the payment)" in page
    assert Run.objects.get(id=run.id).cancel_requested_at is None


def test_it_is_stopped_by_a_post_with_its_token_and_the_event_says_by_whom() -> None:
    run = begun()
    client, address = stopping_client(), opened(run)
    client.get(f"{address}cancel/")
    token = client.cookies["csrftoken"].value

    forged = client.post(f"{address}cancel/")
    before = Run.objects.get(id=run.id).state
    stopped = client.post(f"{address}cancel/", {"csrfmiddlewaretoken": token})

    assert (forged.status_code, before) == (403, "queued")
    assert (stopped.status_code, stopped["Location"]) == (302, address)
    assert Run.objects.get(id=run.id).state == "cancelled"
    assert Event.objects.get(run=run, kind="run.cancelling").actor == run_token.USER
    assert "Cancelled" in client.get(address).content.decode()


def test_who_may_only_look_can_stop_nothing(client: Client) -> None:
    run = begun()
    address = opened(run, allows=(SEE,))

    page = client.get(address).content.decode()
    tried = client.post(f"{address}cancel/")

    assert "cancel/" not in page
    assert tried.status_code == 302
    assert Run.objects.get(id=run.id).cancel_requested_at is None


def test_what_has_ended_is_stopped_no_more(client: Client) -> None:
    run = set_run(begun(), state="succeeded", finished_at=timezone.now())
    address = opened(run)

    asked, tried = client.get(f"{address}cancel/"), client.post(f"{address}cancel/")

    assert (asked.status_code, tried.status_code) == (302, 302)
    assert Run.objects.get(id=run.id).state == "succeeded"


# What it leads to


def test_the_result_is_one_button_away_when_it_is_there(client: Client) -> None:
    run = begun(metadata={"result_url": "https://shop.example.org/o/1"})
    address = opened(run)
    before = client.get(address).content.decode()
    set_run(run, state="succeeded", finished_at=timezone.now())

    after = client.get(address).content.decode()

    assert "shop.example.org" not in before
    assert 'href="https://shop.example.org/o/1"' in after


def test_help_is_named_where_there_is_some(client: Client, settings: Settings) -> None:
    run = begun()
    failed(set_run(run, state="failed", finished_at=timezone.now()), "read", message="disk full")
    without = client.get(opened(run)).content.decode()
    settings.AIOPS_SUPPORT_URL = "mailto:help@example.org"

    told = client.get(opened(run)).content.decode()

    assert "Contact support" not in without
    assert 'href="mailto:help@example.org"' in told
    assert "disk full" not in told


def test_a_promise_is_told_below(client: Client) -> None:
    run = begun()
    Promise.objects.create(run=run, address="ada@example.org")

    told = client.get(opened(run)).content.decode()

    assert "We will e-mail you when it is done." in told
    assert "ada@example.org" not in told
