"""python -m aiops.servers up: the whole Procfile under one supervisor."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from aiops.servers.home import PROJECT
from tests.servers.observing import eventually, runs

MANAGE = "import pathlib; pathlib.Path('migrated').touch()"
PROCFILE = (
    "web: sh -c 'echo web $$ on $PORT; exec sleep 60'\nkeeper: sh -c 'ls migrated; exec sleep 60'\n"
)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project that has our servers, and nothing else of us."""
    shutil.copytree(PROJECT / "aiops" / "servers", tmp_path / "aiops" / "servers")
    (tmp_path / "manage.py").write_text(MANAGE)
    (tmp_path / "Procfile").write_text(PROCFILE)
    return tmp_path


@pytest.fixture
def environ() -> dict[str, str]:
    given = {"DATABASE_URL": "postgresql://db/x", "BROKER_URL": "redis://broker", "PORT": "8123"}
    return {**os.environ, **given, "PYTHONPATH": "", "PYTHONUNBUFFERED": "1"}


def start(project: Path, environ: dict[str, str]) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "aiops.servers", "up"],
        cwd=project,
        env=environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )


def read_until_both_run(process: subprocess.Popen[str]) -> list[str]:
    assert process.stdout is not None
    return sorted(process.stdout.readline().strip() for _ in range(2))


def test_everything_runs_after_the_migrations_and_stops_on_ctrl_c(
    project: Path, environ: dict[str, str]
) -> None:
    process = start(project, environ)
    keeper, web = read_until_both_run(process)

    process.send_signal(signal.SIGINT)
    process.communicate(timeout=20)

    assert keeper == "keeper | migrated"
    assert web.endswith("on 8123")
    assert process.returncode == 0
    assert not runs(int(web.split()[3]))


def test_a_failed_migration_starts_nothing(project: Path, environ: dict[str, str]) -> None:
    (project / "manage.py").write_text("raise SystemExit(5)")

    process = start(project, environ)
    said, _ = process.communicate(timeout=20)

    assert process.returncode == 1
    assert said == ""


def test_kill_9_leaves_none_of_them(project: Path, environ: dict[str, str]) -> None:
    process = start(project, environ)
    _, web = read_until_both_run(process)
    pid = int(web.split()[3])
    assert runs(pid)

    process.kill()
    process.communicate(timeout=20)

    assert eventually(lambda: not runs(pid))
