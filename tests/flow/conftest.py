"""What tests of the language share: a registry of their own, and files written for one test."""

from __future__ import annotations

import importlib
import itertools
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import pytest

from aiops.flow.refusals import WorkflowError
from aiops.flow.registry import WorkflowRegistry

_numbers = itertools.count(1)

Load = Callable[[str], ModuleType]


@pytest.fixture(autouse=True)
def registry(monkeypatch: pytest.MonkeyPatch) -> WorkflowRegistry:
    """A registry that only this test sees."""
    fresh = WorkflowRegistry()
    for module in ("aiops.flow.declare", "aiops.flow.inline"):
        monkeypatch.setattr(f"{module}.registry", fresh)
    return fresh


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder that is on the path and is the current one; modules in it go with the test."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    before = set(sys.modules)
    yield tmp_path
    for name in set(sys.modules) - before:
        if str(tmp_path) in str(getattr(sys.modules[name], "__file__", "")):
            del sys.modules[name]


@pytest.fixture
def load(folder: Path) -> Load:
    """Write a source as a module of its own and import it."""

    def loaded(source: str) -> ModuleType:
        name = f"written_{next(_numbers)}"
        (folder / f"{name}.py").write_text(source)
        return importlib.import_module(name)

    return loaded


@pytest.fixture
def refusal(folder: Path) -> Callable[[str], str]:
    """Import a source that is refused at the line marked `# here`; returns the message after it."""

    def refused(source: str) -> str:
        name = f"written_{next(_numbers)}"
        (folder / f"{name}.py").write_text(source)
        lines = [n for n, line in enumerate(source.splitlines(), 1) if line.endswith("# here")]
        assert len(lines) == 1, "mark the one line that the refusal must point to"
        with pytest.raises(WorkflowError) as caught:
            importlib.import_module(name)
        place, _, message = str(caught.value).partition(": ")
        assert place == f"{name}.py:{lines[0]}", str(caught.value)
        return message

    return refused
