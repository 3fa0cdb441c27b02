"""The documents say what is true: their tests exist, their example runs, their rules hold."""

from __future__ import annotations

import importlib
import re
import sys
from pathlib import Path

import pytest
from django.core.management import get_commands

from aiops.flow.inline import run_inline
from aiops.flow.registry import registry
from aiops.pools import POOLS
from aiops.servers import procfile

ROOT = Path(__file__).parent.parent
#: `test_x.py`, or `test_x.py::test_y`, as ARCHITECTURE.md names them.
TEST = re.compile(r"`(tests/[\w/]+\.py)(?:::(\w+))?`")
#: Files that may write a step's state: the two doors, and the rows as they are first written.
DOORS = {"aiops/execution/claim.py", "aiops/models/transitions.py", "aiops/execution/rows.py"}


def named_tests() -> list[tuple[str, str]]:
    return TEST.findall((ROOT / "ARCHITECTURE.md").read_text())


def test_every_promise_names_a_test() -> None:
    rows = re.findall(r"^\| (\d+) \|.*$", (ROOT / "ARCHITECTURE.md").read_text(), re.MULTILINE)

    assert rows == [str(number) for number in range(1, 17)]
    assert len(named_tests()) >= len(rows)


@pytest.mark.parametrize(("file", "name"), named_tests())
def test_a_test_that_the_architecture_names_exists(file: str, name: str) -> None:
    source = (ROOT / file).read_text()

    assert f"def {name}(" in source if name else "def test_" in source


def test_the_readmes_workflow_is_declared_and_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    [source] = re.findall(
        r'```python\n("""Greet somebody.*?)```', (ROOT / "README.md").read_text(), re.DOTALL
    )
    (tmp_path / "readme_greeting.py").write_text(source)
    monkeypatch.syspath_prepend(tmp_path)
    try:
        module = importlib.import_module("readme_greeting")

        result = run_inline(module.greeting, {"name": "Ada"})

        assert result.output == 2
    finally:
        sys.modules.pop("readme_greeting", None)
        registry._workflows.pop("greeting", None)


def test_the_commands_that_the_readme_types_exist() -> None:
    typed = set(re.findall(r"manage\.py (\w+)", (ROOT / "README.md").read_text()))

    assert typed <= set(get_commands())


def test_the_targets_that_the_readme_types_exist() -> None:
    typed = set(re.findall(r"^make (\w+)", (ROOT / "README.md").read_text(), re.MULTILINE))

    assert typed <= set(re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(), re.MULTILINE))


def test_the_procfile_serves_every_pool() -> None:
    commands = procfile.parse(ROOT / "Procfile")

    assert {f"python manage.py worker {name}" for name in POOLS} <= set(commands.values())


def test_only_the_two_doors_move_a_step() -> None:
    writes = re.compile(
        r"(Step\.objects[^\n]*(?:\n\s+\.[^\n]*)*\.update\([^)]*\bstate=)|UPDATE aiops_step"
    )
    found = {
        str(path.relative_to(ROOT))
        for path in (ROOT / "aiops").rglob("*.py")
        if writes.search(path.read_text())
    }

    assert found <= DOORS
