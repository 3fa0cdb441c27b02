"""What tests of the front doors share: the workflows of the engine's tests, and a process that runs them."""

from __future__ import annotations

import pytest

from aiops.api import limits
from tests.execution.conftest import engine, flows, no_session_left, script

__all__ = ["engine", "flows", "no_session_left", "script"]


@pytest.fixture(autouse=True)
def _nobody_has_asked_yet() -> None:
    """One test's wrong keys are no other test's, although all come from one address."""
    limits.forget_counts()
