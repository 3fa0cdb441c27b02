"""A mail that was promised, on real processes and a real mail server that is away at first."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.db import transaction
from pytest_django.fixtures import Settings

from aiops.execution.promises import promise
from aiops.execution.start import start_run
from aiops.models import Promise
from tasks.demo.mail_sink import Journal, MailSink
from tests.browser.flows.fetching import Parcel, fetching
from tests.browser.processes import keeper, worker
from tests.execution.conftest import no_session_left
from tests.faults.record import eventually
from tests.providers.stub import free_port

__all__ = ["no_session_left"]

pytestmark = [pytest.mark.faults, pytest.mark.slow, pytest.mark.django_db(transaction=True)]

FLOWS = "tests.browser.flows"


def test_a_promise_survives_a_mail_server_that_is_away_and_a_worker_that_is_killed(
    no_session_left: None, tmp_path: Path, settings: Settings
) -> None:
    """The mail server is away at the end of the run; then the worker that tries is killed."""
    settings.AIOPS_CAN_MAIL = True
    port = free_port()
    mail = {"EMAIL_HOST": "127.0.0.1", "EMAIL_PORT": str(port)}
    parcel = tmp_path / "parcel"
    parcel.touch()
    with transaction.atomic():
        run = start_run(fetching, Parcel(path=str(parcel)), title="Parcel 7")
        promise(run.id, email="ada@example.org")

    with keeper(FLOWS, tmp_path, **mail), worker(FLOWS, tmp_path, **mail):
        with worker(FLOWS, tmp_path, pool="control", **mail):
            eventually(lambda: Promise.objects.get().error, within_s=60, what="the refusal")
        Promise.objects.update(next_at=run.created_at)
        sink = MailSink(
            Journal(tmp_path / "mail.jsonl"), host="127.0.0.1", smtp_port=port, http_port=0
        )
        sink.start()
        try:
            with worker(FLOWS, tmp_path, pool="control", **mail):
                eventually(
                    lambda: Promise.objects.get().state == "kept", within_s=60, what="the mail"
                )
        finally:
            sink.stop()

    told = (tmp_path / "mail.jsonl").read_text().strip().splitlines()
    assert len(told) == 1
    assert "Done: Parcel 7" in told[0]
    assert "ada@example.org" in told[0]
