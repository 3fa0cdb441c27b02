"""What tests of the front doors share: the workflows of the engine's tests, and a process that runs them."""

from __future__ import annotations

from tests.execution.conftest import engine, flows, no_session_left, script

__all__ = ["engine", "flows", "no_session_left", "script"]
