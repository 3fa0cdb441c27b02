"""A stub endpoint behind the aliases "fast" and "embed"."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from aiops.providers import session
from tests.providers.stub import Stub, running


@pytest.fixture
def stub(monkeypatch: pytest.MonkeyPatch) -> Iterator[Stub]:
    with running() as server:
        for prefix in ("AIOPS_MODEL", "AIOPS_EMBED"):
            monkeypatch.setenv(f"{prefix}_URL", server.url)
            monkeypatch.setenv(f"{prefix}_NAME", "stub-model")
            monkeypatch.setenv(f"{prefix}_KEY", "secret-key")
        yield server
    session.close_all()
