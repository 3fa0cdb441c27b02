"""The fault server as fixtures, for every test that wants a provider to fail."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.fault_server.control import FaultServer, serving


@pytest.fixture(scope="session")
def fault_server() -> Iterator[FaultServer]:
    """The fault server: a process of its own, one for all tests."""
    with serving() as server:
        yield server


@pytest.fixture
def faults(fault_server: FaultServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[FaultServer]:
    """The fault server behind the aliases "fast" and "embed", its journal empty."""
    from aiops.providers import session

    fault_server.reset()
    for prefix in ("AIOPS_MODEL", "AIOPS_EMBED"):
        monkeypatch.setenv(f"{prefix}_URL", fault_server.url)
        monkeypatch.setenv(f"{prefix}_NAME", "faulty")
        monkeypatch.setenv(f"{prefix}_KEY", "secret-key")
    yield fault_server
    fault_server.release()
    session.close_all()
