"""python -m aiops.servers, as a person or a Makefile runs it."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from aiops.servers import records
from aiops.servers.__main__ import main
from tests.servers.observing import runs

PROGRAM = [sys.executable, "-m", "aiops.servers"]


def test_a_command_gets_the_addresses_and_its_exit_code_is_ours(environ: dict[str, str]) -> None:
    script = 'echo "$DATABASE_URL $BROKER_URL $RESULT_URL"; exit 7'

    done = subprocess.run(
        [*PROGRAM, "--throwaway", "--", "sh", "-c", script],
        env=environ,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 7
    assert [url.partition(":")[0] for url in done.stdout.split()] == [
        "postgresql",
        "redis",
        "redis",
    ]


def test_the_servers_end_after_the_command(environ: dict[str, str]) -> None:
    script = 'cat "$AIOPS_HOME"/*/postmaster.pid "$AIOPS_HOME"/valkey/valkey.pid'

    done = subprocess.run(
        [*PROGRAM, "--", "sh", "-c", script], env=environ, stdout=subprocess.PIPE, check=True
    )

    lines = done.stdout.split()
    assert not runs(int(lines[0]))
    assert not runs(int(lines[-1]))


def test_ctrl_c_stops_the_servers_and_that_is_a_success(environ: dict[str, str]) -> None:
    process = subprocess.Popen(
        [*PROGRAM, "--throwaway"],
        env=environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stderr is not None
    assert "Ctrl-C stops" in process.stderr.readline()

    process.send_signal(signal.SIGINT)
    said, _ = process.communicate(timeout=30)

    assert process.returncode == 0
    assert "DATABASE_URL=postgresql://" in said


def test_a_terminated_wrapper_passes_it_on_and_still_stops_the_servers(
    folder: Path, environ: dict[str, str]
) -> None:
    command = ["sh", "-c", 'trap "exit 9" TERM; echo ready; while :; do sleep 0.05; done']
    process = subprocess.Popen([*PROGRAM, "--", *command], env=environ, stdout=subprocess.PIPE)
    assert process.stdout is not None
    with process.stdout:
        process.stdout.readline()

    process.send_signal(signal.SIGTERM)

    assert process.wait(30) == 9
    assert records.alive(folder, "postgres") is None
    assert records.alive(folder, "valkey") is None


def test_status_says_what_does_not_run(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code = main(["status"])

    assert code == 3
    assert "postgres   does not run" in capsys.readouterr().out


def test_an_unknown_program_is_named(environ: dict[str, str]) -> None:
    environ |= {"DATABASE_URL": "postgresql://db/x", "BROKER_URL": "redis://broker"}

    done = subprocess.run(
        [*PROGRAM, "--", "no-such-program"],
        env=environ,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 1
    assert "no-such-program cannot be started: No such file" in done.stderr
