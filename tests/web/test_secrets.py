"""Secrets are written down nowhere: not in logs, not in events and records, not on pages of errors."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import httpx2
import pytest
from django.conf import settings as django_settings
from django.test import Client, RequestFactory
from django.views.debug import get_exception_reporter_class
from pytest_django.fixtures import Settings

from aiops.access import run_token
from aiops.error_pages import Reporter
from aiops.flow.errors import NeedsHuman, PermanentInput, Transient
from aiops.models import Attempt, Escalation, Event, Run, Step
from aiops.servers.home import PROJECT
from aiops.servers.running import free_port
from tests.execution.conftest import engine, flows, no_session_left, script
from tests.execution.engine import COMMITS, Engine
from tests.faults.record import eventually
from tests.flows.script import Script
from tests.web.leaky import quoting

__all__ = ["engine", "flows", "no_session_left", "script"]

#: One of each kind; the part by which it is looked for is what nobody may read.
KEY = "aio_0a1b2c3d_Zm9vYmFyYmF6cXV4cXV1eGNvcmdl"
WEBHOOK = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
PROVIDER = "sk-proj-4f9a8b7c6d5e4f3a2b1c"
PASSWORD = "correct-horse-battery"
SESSION = "q7w8e9r0t1y2u3i4o5p6a7s8d9f0g1h2"
DATABASE = f"postgres://aiops:{PASSWORD}@db.internal:5432/aiops"
TOKEN = run_token.sign(uuid4(), lasts=timedelta(hours=1))
SECRETS = (KEY, WEBHOOK, PROVIDER, PASSWORD, SESSION, TOKEN, TOKEN.rpartition(":")[2])

PLANTED = f"{DATABASE} {WEBHOOK} {{'api_key': '{PROVIDER}'}} password={PASSWORD} {KEY}"


def found_in(text: str) -> list[str]:
    return [secret for secret in SECRETS if secret in text or secret.replace(":", "%3A") in text]


class Web:
    """A web process of production that is told to write down every request."""

    def __init__(self, log: Path) -> None:
        self._log, self.port = log, free_port()
        environ = {
            **os.environ,
            "AIOPS_ENV": "production",
            "SECRET_KEY": django_settings.SECRET_KEY,
            "ALLOWED_HOSTS": "127.0.0.1",
            "SECURE_SSL_REDIRECT": "0",
            "PLANTED": PLANTED,
            "LOG_LEVEL": "DEBUG",
        }
        # As the Procfile has it, but for the log of requests.
        argv = ("-m", "uvicorn", "tests.web.leaking:application", "--lifespan", "off")
        with log.open("wb") as output:
            self._process = subprocess.Popen(
                [sys.executable, *argv, "--port", str(self.port), "--access-log"],
                env=environ,
                cwd=PROJECT,
                stdout=output,
                stderr=subprocess.STDOUT,
            )

    def ask(self, path: str) -> None:
        headers = {"Authorization": f"Bearer {KEY}", "Cookie": f"sessionid={SESSION}; a=b"}
        # One breaks off in the middle, as it was told to.
        with contextlib.suppress(httpx2.RemoteProtocolError):
            httpx2.get(f"http://127.0.0.1:{self.port}{path}", headers=headers, timeout=10)

    def is_up(self) -> bool:
        try:
            httpx2.get(f"http://127.0.0.1:{self.port}/up", timeout=1)
        except httpx2.TransportError:
            return False
        return True

    def text(self) -> str:
        return self._log.read_text()

    def stop(self) -> None:
        self._process.terminate()
        self._process.wait(20)


@pytest.fixture
def web(tmp_path: Path) -> Iterator[Web]:
    web = Web(tmp_path / "web.log")
    try:
        eventually(web.is_up, within_s=30, what="the web process")
        yield web
    finally:
        web.stop()


@pytest.mark.slow
def test_no_line_of_a_web_process_has_a_secret_whatever_breaks(web: Web) -> None:
    for path in (
        f"/s/{TOKEN}/",
        f"/s/{TOKEN}/nothing/",
        f"/api/v1/runs/x/stream?token={TOKEN}",
        f"/nothing?api_key={PROVIDER}&password={PASSWORD}",
        f"/logging/?token={TOKEN}",
        f"/breaking/?token={TOKEN}",
    ):
        web.ask(path)
    web.stop()

    lines = web.text().splitlines()
    assert found_in(web.text()) == []
    # All of it was written, each line as JSON: the access log, the errors, and what broke in the server.
    told = [json.loads(line) for line in lines]
    assert {"uvicorn.access", "uvicorn.error", "django.request", "aiops.somebody"} <= {
        line["logger"] for line in told
    }
    assert sum(line.get("error_type") == "RuntimeError" for line in told) >= 3
    assert any("/s/***" in line["event"] for line in told)


@COMMITS
def test_no_event_and_no_record_has_a_secret_that_an_error_quotes(
    engine: Engine, script: Script
) -> None:
    script.tell("one", Transient(f"refused: {PLANTED}", code="503"))
    first = engine.run("line")
    script.tell("one", ValueError(f"Authorization: Bearer {KEY}\n{PLANTED} /s/{TOKEN}/"))
    second = engine.run("line")
    script.tell("one", PermanentInput(f"{'x' * 1_900} {PLANTED} {PLANTED}"))
    third = engine.run("line")
    script.tell("one", NeedsHuman(f"Is {PLANTED} right? ?token={TOKEN}"))
    fourth = engine.run("line")

    runs = [run.id for run in (first, second, third, fourth)]
    kept = [
        str(list(model.objects.filter(run_id__in=runs).values()))
        for model in (Event, Step, Attempt, Escalation)
    ]
    kept.append(str(list(Run.objects.filter(id__in=runs).values())))
    kept.append(str(engine.vehicles))
    assert found_in("\n".join(kept)) == []
    assert "***" in "".join(kept)


@pytest.mark.django_db
def test_a_page_of_an_error_on_a_developers_machine_has_none_either(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PLANTED", PLANTED)
    settings.DEBUG = True
    settings.ROOT_URLCONF = "tests.web.leaky"
    settings.AIOPS_NOTIFY = {"*": [f"https://hooks.example.org/?token={TOKEN}"]}
    settings.CELERY_BROKER_URL = f"redis://:{PASSWORD}@broker:6379/0"
    client = Client(
        raise_request_exception=False,
        headers={"Authorization": f"Bearer {KEY}", "Cookie": f"sessionid={SESSION}"},
    )

    page = client.get(f"/s/{TOKEN}/?token={TOKEN}").content.decode()

    assert "RuntimeError" in page
    assert "ROOT_URLCONF" in page
    assert found_in(page) == []


def test_a_report_of_an_error_has_none(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """What Django would send to ADMINS, if there were any."""
    monkeypatch.setenv("PLANTED", PLANTED)
    request = RequestFactory(headers={"Authorization": f"Bearer {KEY}"}).get(f"/s/{TOKEN}/")
    request.COOKIES["sessionid"] = SESSION
    try:
        quoting(request, token=TOKEN)
    except RuntimeError as error:
        assert issubclass(get_exception_reporter_class(request), Reporter)
        reporter = Reporter(request, type(error), error, error.__traceback__)

    assert found_in(reporter.get_traceback_text()) == []
    assert found_in(reporter.get_traceback_html()) == []
