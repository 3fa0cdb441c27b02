"""The settings of production: Django finds nothing to object to, and every response says what it should."""

from __future__ import annotations

import os
import secrets
import subprocess
import sys

import pytest
from django.conf import settings
from django.test import Client

from aiops.servers.home import PROJECT
from tests.api.calling import program


def in_production(*argv: str, **environ: str) -> subprocess.CompletedProcess[str]:
    known = {**os.environ, "AIOPS_ENV": "production", "SECRET_KEY": secrets.token_urlsafe(50)}
    known.pop("ALLOWED_HOSTS", None)
    return subprocess.run(
        [sys.executable, *argv],
        env={**known, **environ},
        cwd=PROJECT,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )


def test_djangos_checks_for_production_have_nothing_to_say() -> None:
    done = in_production(
        *("manage.py", "check", "--deploy", "--fail-level", "DEBUG"),
        ALLOWED_HOSTS="aiops.example.org",
    )

    assert done.returncode == 0, done.stderr
    assert "no issues (0 silenced)" in done.stdout + done.stderr


def test_the_web_process_does_not_start_without_the_names_it_answers_to() -> None:
    done = in_production("-c", "import aiops.asgi")

    assert done.returncode != 0
    assert "ALLOWED_HOSTS is not set" in done.stderr


def test_a_worker_needs_no_names() -> None:
    done = in_production(
        "-c", "import django; django.setup()", DJANGO_SETTINGS_MODULE="aiops.settings"
    )

    assert done.returncode == 0, done.stderr


@pytest.mark.django_db
@pytest.mark.parametrize("path", ["/admin/login/", "/api/v1/runs", "/metrics", "/nothing/here"])
def test_every_response_says_what_a_browser_may_do_with_it(path: str) -> None:
    answer = Client(raise_request_exception=False).get(path)

    assert answer["X-Content-Type-Options"] == "nosniff"
    assert answer["Referrer-Policy"] == "same-origin"
    assert answer["Cross-Origin-Opener-Policy"] == "same-origin"
    assert answer["X-Frame-Options"] == "DENY"
    assert "camera=()" in answer["Permissions-Policy"]
    assert "frame-ancestors 'none'" in answer["Content-Security-Policy"]
    assert "no-store" in answer["Cache-Control"]


@pytest.mark.django_db
def test_what_is_no_page_may_load_nothing() -> None:
    answer = program().get("/api/v1/runs/00000000-0000-0000-0000-000000000000/status")

    assert answer.status_code == 404
    assert "default-src 'none'" in answer["Content-Security-Policy"]
    assert "'self'" not in answer["Content-Security-Policy"]


@pytest.mark.django_db
def test_cookies_are_for_this_site_and_for_no_script(client: Client, admin_user: object) -> None:
    answer = client.post("/admin/login/", {"username": "admin", "password": "password"})

    session = answer.cookies["sessionid"]
    assert (session["httponly"], session["samesite"]) == (True, "Lax")
    assert session["max-age"] == settings.SESSION_COOKIE_AGE <= 24 * 3600
    assert settings.CSRF_COOKIE_HTTPONLY


def test_a_request_may_be_as_long_as_the_largest_input_and_little_longer() -> None:
    least = settings.AIOPS_MAX_INPUT_BYTES

    assert least < settings.DATA_UPLOAD_MAX_MEMORY_SIZE <= least + 100_000
