"""What tests of webhooks share: the engine's runs, and a program outside that listens."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from pytest_django.fixtures import Settings

from tests.execution.conftest import engine, flows, no_session_left, script
from tests.webhooks.receiver import Receiver

__all__ = ["engine", "flows", "no_session_left", "script"]


@pytest.fixture
def receiver(settings: Settings) -> Iterator[Receiver]:
    """A receiver on this machine, which the settings allow."""
    settings.AIOPS_WEBHOOKS_ALLOW = ["127.0.0.0/8"]
    settings.AIOPS_WEBHOOKS_ALLOW_HTTP = True
    with Receiver() as found:
        yield found
