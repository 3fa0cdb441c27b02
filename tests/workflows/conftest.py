"""The outside of the support workflow: a stub model, and the real mail sink of the demo."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from pytest_django.fixtures import Settings

from aiops.providers import limits, session
from tasks.demo.mail_sink import Journal, MailSink
from tests.execution.conftest import engine, flows, no_session_left, script
from tests.execution.engine import Engine
from tests.fault_server.control import FaultServer
from tests.providers import stub as server
from tests.workflows.desk import Desk

__all__ = ["engine", "flows", "no_session_left", "script"]


@pytest.fixture
def model(monkeypatch: pytest.MonkeyPatch) -> Iterator[server.Stub]:
    with server.running() as stub:
        for prefix in ("AIOPS_MODEL", "AIOPS_EMBED"):
            monkeypatch.setenv(f"{prefix}_URL", stub.url)
            monkeypatch.setenv(f"{prefix}_NAME", "stub-model")
        yield stub
    session.close_all()


@pytest.fixture
def outside(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[MailSink]:
    pytest.importorskip("aiosmtpd", reason="the mail sink is part of the demo's requirements")
    journal = Journal(tmp_path / "mail.jsonl")
    sink = MailSink(journal, host="127.0.0.1", smtp_port=server.free_port(), http_port=0)
    sink.start()
    monkeypatch.setenv("AIOPS_SMTP_URL", sink.smtp_url)
    monkeypatch.setenv("AIOPS_MAIL_JOURNAL_URL", sink.journal_url)
    yield sink
    sink.stop()


@pytest.fixture
def desk(
    engine: Engine, outside: MailSink, faults: FaultServer, settings: Settings
) -> Iterator[Desk]:
    """The support workflow with everything around it. Its test is marked COMMITS."""
    settings.AIOPS_WORKFLOWS = ["tasks.workflows"]
    yield Desk(engine, faults)
    # The limits and the breaker are counted at the broker: one test's are no other test's.
    limits._redis().delete(*limits._redis().keys("aiops:lane:*") or ["none"])
