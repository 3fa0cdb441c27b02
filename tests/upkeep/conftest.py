"""The keeper is tested on the engine's own runs."""

from tests.execution.conftest import engine, flows, no_session_left, script

__all__ = ["engine", "flows", "no_session_left", "script"]
