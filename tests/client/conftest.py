"""What tests of the client share with those of the engine."""

from __future__ import annotations

from tests.execution.conftest import flows, no_session_left

__all__ = ["flows", "no_session_left"]
