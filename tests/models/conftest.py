"""The record is tested with the engine's own runs."""

from tests.execution.conftest import engine, flows, no_session_left, script

__all__ = ["engine", "flows", "no_session_left", "script"]
