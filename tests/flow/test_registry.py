"""A file dropped into a package registers; a broken one is named with its line."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

import pytest

from aiops.flow import run_workflow, workflow
from aiops.flow.refusals import (
    DuplicateWorkflow,
    UnknownWorkflow,
    WorkflowFileError,
    WorkflowFilesRefused,
)
from aiops.flow.registry import WorkflowRegistry
from tests.flow.shipping import Order, label

GOOD = """\
from aiops.flow import workflow
from tests.flow.shipping import Order, label
workflow("{name}", input=Order, flow=label)
"""


@pytest.fixture
def package(folder: Path) -> Path:
    path = folder / "flows"
    path.mkdir()
    (path / "__init__.py").write_text("")
    return path


def names(registry: WorkflowRegistry) -> list[str]:
    return [workflow.name for workflow in registry.all()]


def test_every_file_of_a_package_is_loaded(package: Path, registry: WorkflowRegistry) -> None:
    (package / "b.py").write_text(GOOD.format(name="b"))
    (package / "a.py").write_text(GOOD.format(name="a"))
    inner = package / "inner"
    inner.mkdir()
    (inner / "__init__.py").write_text("")
    (inner / "c.py").write_text(GOOD.format(name="c"))

    registry.load(["flows"])

    registry.check()
    assert names(registry) == ["a", "b", "c"]


def test_loading_twice_changes_nothing(package: Path, registry: WorkflowRegistry) -> None:
    (package / "a.py").write_text(GOOD.format(name="a"))
    registry.load(["flows"])
    first = registry.get("a")

    registry.load(["flows"])

    assert registry.get("a") is first


BROKEN = {
    "syntax": ("x = 1\ndef broken(:\n", 2, "invalid syntax; correct the syntax"),
    "a missing module": (
        "import os\nimport no_such_thing\n",
        2,
        "ModuleNotFoundError: No module named 'no_such_thing'; install 'no_such_thing', or correct "
        "the import",
    ),
    "a missing name": (
        "from os import no_such_thing\n",
        1,
        "ImportError: cannot import name 'no_such_thing' from 'os'",
    ),
    "a bad policy": (
        "from aiops.flow import Retry\n\nRetry(attempts=0)\n",
        3,
        "ValueError: Retry(attempts=0): give 1 to 100; correct this line",
    ),
    "a wrong name": ("x = 1\nprnt(x)\n", 2, "NameError: name 'prnt' is not defined"),
    "work while importing": (
        "\nopen('no/such/file')\n",
        2,
        "FileNotFoundError: [Errno 2] No such file or directory: 'no/such/file'; a workflow file "
        "only declares: move what it does while imported into a step",
    ),
    "an exit": ("import sys\nsys.exit(3)\n", 2, "SystemExit: 3; a workflow file only declares"),
    "a refused workflow": (
        "from aiops.flow import series\nseries()\n",
        2,
        "series() is empty: give it steps, or leave it out",
    ),
}


@pytest.mark.parametrize(("source", "line", "message"), BROKEN.values(), ids=BROKEN)
def test_a_broken_file_is_named_with_its_line(
    source: str, line: int, message: str, package: Path, registry: WorkflowRegistry
) -> None:
    (package / "broken.py").write_text(source)

    registry.load(["flows"])

    (error,) = registry.errors
    assert str(error).startswith(f"flows/broken.py:{line}: {message}")


def test_the_cause_is_kept(package: Path, registry: WorkflowRegistry) -> None:
    (package / "broken.py").write_text("1 / 0\n")

    registry.load(["flows"])

    assert isinstance(registry.errors[0], WorkflowFileError)
    assert isinstance(registry.errors[0].__cause__, ZeroDivisionError)


def test_all_broken_files_are_reported_together_and_the_good_ones_load(
    package: Path, registry: WorkflowRegistry
) -> None:
    (package / "a.py").write_text("1 / 0\n")
    (package / "b.py").write_text(GOOD.format(name="b"))
    (package / "c.py").write_text("def broken(:\n")

    registry.load(["flows"])

    assert names(registry) == ["b"]
    with pytest.raises(WorkflowFilesRefused) as caught:
        registry.check()
    first, *rest = str(caught.value).splitlines()
    assert first == "2 workflow files were refused:"
    assert [line.strip().split(":")[0] for line in rest] == ["flows/a.py", "flows/c.py"]


def test_a_package_that_is_not_there_is_reported(registry: WorkflowRegistry) -> None:
    registry.load(["no_such_package"])

    with pytest.raises(WorkflowFilesRefused, match="correct the name of the package"):
        registry.check()


def test_nothing_half_made_is_left_of_a_file_that_fails(
    package: Path, registry: WorkflowRegistry
) -> None:
    (package / "half.py").write_text(GOOD.format(name="half") + "1 / 0\n")

    registry.load(["flows"])

    assert names(registry) == []


def test_what_a_failing_file_imported_well_stays(package: Path, registry: WorkflowRegistry) -> None:
    (package / "zebra.py").write_text(GOOD.format(name="zebra"))
    (package / "half.py").write_text("import flows.zebra\n" + GOOD.format(name="half") + "1 / 0\n")

    registry.load(["flows"])

    assert names(registry) == ["zebra"]


def test_a_file_that_was_mended_loads_and_its_error_goes(
    package: Path, registry: WorkflowRegistry
) -> None:
    (package / "a.py").write_text("1 / 0\n")
    registry.load(["flows"])
    (package / "a.py").write_text(GOOD.format(name="mended"))

    registry.load(["flows"])

    registry.check()
    assert names(registry) == ["mended"]


def test_two_files_cannot_have_one_name(package: Path, registry: WorkflowRegistry) -> None:
    (package / "a.py").write_text(GOOD.format(name="same"))
    (package / "b.py").write_text("\n" + GOOD.format(name="same"))

    registry.load(["flows"])

    (error,) = registry.errors
    assert isinstance(error, DuplicateWorkflow)
    assert str(error) == (
        "flows/b.py:4: workflow 'same' is declared in flows/a.py:3 too: rename one of them"
    )


def test_a_reload_replaces_the_workflow(package: Path, registry: WorkflowRegistry) -> None:
    (package / "a.py").write_text(GOOD.format(name="a"))
    registry.load(["flows"])
    first = registry.get("a")

    importlib.reload(sys.modules["flows.a"])

    assert registry.get("a") is not first


def test_an_unknown_workflow_is_named_with_its_nearest(registry: WorkflowRegistry) -> None:
    workflow("support_reply", input=Order, flow=label)
    workflow("billing", input=Order, flow=label)

    with pytest.raises(UnknownWorkflow) as caught:
        registry.get("suport_reply")

    assert str(caught.value) == (
        "there is no workflow 'suport_reply'; did you mean 'support_reply'? "
        "known: billing, support_reply"
    )


def test_an_empty_registry_says_so(registry: WorkflowRegistry) -> None:
    with pytest.raises(UnknownWorkflow, match="there is no workflow 'a'; known: none"):
        registry.get("a")


def test_a_child_that_nobody_declared_is_reported(registry: WorkflowRegistry) -> None:
    workflow("ship", input=Order, flow=run_workflow("bil"))
    workflow("bill", input=Order, flow=label)

    (error,) = registry.errors

    assert str(error).endswith("'bil' runs the unknown workflow 'bil'; did you mean 'bill'?")
    assert str(error).startswith("tests/flow/test_registry.py:")
