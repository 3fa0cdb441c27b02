"""Asking for the status again and again."""

from __future__ import annotations

import time
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from aiops.access import run_token
from aiops.execution.cancel import cancel
from aiops.execution.pulse import KEPT_S
from aiops.execution.start import start_run
from aiops.models import Run
from tests.api.calling import program

pytestmark = pytest.mark.django_db


@pytest.fixture
def run(flows: None) -> Run:
    return start_run("line", {"number": 1})


def ask(client: Client, run: Run, known: str = "", **headers: str) -> Any:
    if known:
        headers["If-None-Match"] = known
    return client.get(f"/api/v1/runs/{run.id}/status", headers=headers)


def test_what_the_caller_has_is_not_sent_again(run: Run) -> None:
    client = program()
    first = ask(client, run)

    second = ask(client, run, first["ETag"])

    assert first["ETag"].startswith('W/"')
    assert (second.status_code, second.content) == (304, b"")
    assert second["ETag"] == first["ETag"]


def test_a_change_is_sent(run: Run) -> None:
    client = program()
    first = ask(client, run)

    cancel(run.id, actor="ann", reason="enough", now=True)
    second = ask(client, run, first["ETag"])

    assert (second.status_code, second.json()["state"]) == (200, "cancelled")
    assert second["ETag"] != first["ETag"]


def test_one_of_several_versions_is_enough(run: Run) -> None:
    client = program()

    assert ask(client, run, f'"other", {ask(client, run)["ETag"]}').status_code == 304


def test_another_language_is_another_version(run: Run) -> None:
    client = program()
    first = ask(client, run, **{"Accept-Language": "de"})

    assert ask(client, run, first["ETag"], **{"Accept-Language": "en"}).status_code == 200
    assert ask(client, run, first["ETag"], **{"Accept-Language": "de"}).status_code == 304


def _later(monkeypatch: pytest.MonkeyPatch) -> None:
    later = time.time() + KEPT_S + 1
    monkeypatch.setattr("aiops.api.etag.time.time", lambda: later)


def test_an_open_run_is_told_again_after_a_while_as_time_changes_its_words(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = program()
    first = ask(client, run)

    _later(monkeypatch)

    assert ask(client, run, first["ETag"]).status_code == 200


def test_the_end_stays_as_it_is(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    client = program()
    cancel(run.id, actor="ann", reason="enough", now=True)
    first = ask(client, run)

    _later(monkeypatch)

    assert ask(client, run, first["ETag"]).status_code == 304


@pytest.mark.parametrize("known", ["*", '"x"', 'W/"x.y.z"', "..", 'W/"'])
def test_what_is_no_version_of_ours_is_none(run: Run, known: str) -> None:
    assert ask(program(), run, known).status_code == 200


def test_an_unchanged_status_costs_a_token_no_query_but_that_of_the_pulse(run: Run) -> None:
    client = Client(headers={"Authorization": f"Bearer {run_token.sign(run.id)}"})
    known = ask(client, run)["ETag"]

    # That one is prepared by hand, and so not among these.
    with CaptureQueriesContext(connection) as queries:
        assert ask(client, run, known).status_code == 304

    assert len(queries) == 0
