"""The demo, as a newcomer runs it: kills a worker of model calls in the middle of a draft."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from aiops.servers.home import PROJECT

pytestmark = [
    pytest.mark.faults,
    pytest.mark.timeout(240),
    pytest.mark.skipif(
        find_spec("xllamacpp") is None and "CI" not in os.environ,
        reason="the local model is not installed: make demo installs it",
    ),
]

#: Addresses of this process's own servers; the demo starts its own.
OURS = ("DATABASE_URL", "BROKER_URL", "RESULT_URL", "AIOPS_HOME")


def test_the_demo_ends_well_although_a_worker_is_killed(tmp_path: Path) -> None:
    env = {name: value for name, value in os.environ.items() if name not in OURS}

    done = subprocess.run(
        [sys.executable, "-m", "tasks.demo", "--once", "--tickets", "3"],
        cwd=PROJECT,
        env={**env, "AIOPS_HOME": str(tmp_path / "home")},
        capture_output=True,
        text=True,
        timeout=220,
        check=False,
    )

    assert done.returncode == 0, done.stdout + done.stderr
    assert "KILLED the llm worker" in done.stdout
    assert "taken back from the lost worker" in done.stdout
    assert done.stdout.count("FINISHED") == 2
