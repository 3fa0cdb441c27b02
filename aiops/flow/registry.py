"""The workflows this process knows: files in a package register by being there."""

from __future__ import annotations

import importlib
import pkgutil
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import lru_cache
from types import ModuleType
from typing import Any, Literal

from pydantic import TypeAdapter

from aiops.flow.errors import CodeGone
from aiops.flow.file_errors import explain
from aiops.flow.plan import PlanNode
from aiops.flow.refusals import (
    DuplicateWorkflow,
    UnknownName,
    UnknownWorkflow,
    WorkflowError,
    WorkflowFilesRefused,
    all_of,
    did_you_mean,
)
from aiops.flow.signature import read
from aiops.flow.steps import Step, chooser
from aiops.flow.where import defined
from aiops.flow.workflows import Workflow


class WorkflowRegistry:
    """Workflows by name, and what was wrong with the files that were refused."""

    def __init__(self) -> None:
        self._workflows: dict[str, Workflow] = {}
        self._errors: dict[str, WorkflowError] = {}

    def register(self, workflow: Workflow) -> None:
        """Add a workflow; one of the same name from the same file is replaced (a reload)."""
        other = self._workflows.get(workflow.name)
        if other is not None and other.where.file != workflow.where.file:
            raise DuplicateWorkflow(
                f"workflow {workflow.name!r} is declared in {other.where} too: rename one of them",
                workflow.where,
            )
        self._workflows[workflow.name] = workflow

    def get(self, name: str) -> Workflow:
        if name not in self._workflows:
            known = sorted(self._workflows)
            hints = dict.fromkeys((did_you_mean(name, known), all_of(known)))
            raise UnknownWorkflow(f"there is no workflow {name!r}; {' '.join(hints)}")
        return self._workflows[name]

    def all(self) -> tuple[Workflow, ...]:
        """Every workflow, by name."""
        return tuple(self._workflows[name] for name in sorted(self._workflows))

    @property
    def errors(self) -> tuple[WorkflowError, ...]:
        """Why files were refused, and which children nobody declared."""
        return (*self._errors.values(), *self._lost_children())

    def load(self, packages: Sequence[str]) -> None:
        """Import every module of the packages; what is wrong goes to `errors`, file by file.

        A second load imports only what is new or was refused before.
        """
        importlib.invalidate_caches()
        for package in packages:
            self._load(package)

    def check(self) -> None:
        """Raise WorkflowFilesRefused with everything that is wrong."""
        if self.errors:
            raise WorkflowFilesRefused(self.errors)

    def _load(self, name: str) -> None:
        module = self._import(name)
        paths = getattr(module, "__path__", ())
        for entry in sorted(pkgutil.iter_modules(paths), key=lambda found: found.name):
            self._load(f"{name}.{entry.name}")

    def _import(self, name: str) -> ModuleType | None:
        before = dict(self._workflows)
        self._errors.pop(name, None)
        try:
            return importlib.import_module(name)
        except (Exception, SystemExit) as error:
            # An author's file may raise anything; the other files must load all the same.
            self._errors[name] = explain(name, error)
            self._roll_back(before)
            return None

    def _roll_back(self, before: dict[str, Workflow]) -> None:
        """Forget what a file registered before it failed; files it imported well stay."""
        kept = {
            name: workflow
            for name, workflow in self._workflows.items()
            if before.get(name) is workflow or workflow.where.module in sys.modules
        }
        self._workflows = {**before, **kept}

    def _lost_children(self) -> Iterator[WorkflowError]:
        for workflow in self.all():
            for node in workflow.plan.nodes:
                if node.kind == "child" and node.workflow not in self._workflows:
                    hint = did_you_mean(node.workflow, sorted(self._workflows))
                    message = f"{node.name!r} runs the unknown workflow {node.workflow!r}; {hint}"
                    yield UnknownName(message, workflow.where)


#: Where `workflow(...)` registers.
registry = WorkflowRegistry()


def resolve(code: str) -> Step | Callable[..., Any]:
    """Find the step or function behind "module:qualname"; CodeGone when it is not there."""
    module_name, _, qualname = code.partition(":")
    try:
        found: Any = importlib.import_module(module_name)
        for part in qualname.split("."):
            found = getattr(found, part)
    except (ImportError, AttributeError, ValueError) as error:
        message = f"the code of {code!r} is gone ({error}). Deploy it again, or cancel the run"
        raise CodeGone(message) from error
    if not callable(found):
        raise CodeGone(f"{code!r} is not a step any more. Deploy it again, or cancel the run")
    return found  # type: ignore[no-any-return]


def step_for(node: PlanNode) -> Step:
    """The step that runs a node (step, map or choose); CodeGone when it is not there."""
    found = resolve(node.code)
    if isinstance(found, Step):
        return found
    if node.kind != "choose":
        raise CodeGone(
            f"{node.code!r} is not a step any more. Put its @step back, or cancel the run"
        )
    return _chooser(found, node.branches, node.pool)


@lru_cache(maxsize=512)
def _chooser(function: Callable[..., Any], branches: tuple[str, ...], pool: str) -> Step:
    """A choosing function as a step whose result must be one of the branches."""
    found = read(function, defined(function))
    keys: Any = Literal[branches]
    return chooser(function, replace(found, returns=keys, result=TypeAdapter(keys)), pool)
