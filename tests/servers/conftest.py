"""A state folder of its own for each test, and an environment that names no server."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

ADDRESSES = ("DATABASE_URL", "BROKER_URL", "RESULT_URL")


@pytest.fixture(autouse=True)
def _no_addresses(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ADDRESSES:
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home in a place that only we may enter (pytest's folders are private)."""
    home = tmp_path / "home"
    monkeypatch.setenv("AIOPS_HOME", str(home))
    return home


@pytest.fixture
def open_folder(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A home in a place that everyone may pass through."""
    parent = Path(tempfile.mkdtemp())
    parent.chmod(0o711)
    monkeypatch.setenv("AIOPS_HOME", str(parent / "home"))
    yield parent / "home"
    shutil.rmtree(parent)


@pytest.fixture
def environ(folder: Path) -> dict[str, str]:
    """The environment for a process of our own that uses the folder."""
    return {**os.environ, "AIOPS_HOME": str(folder), "PYTHONUNBUFFERED": "1"}
