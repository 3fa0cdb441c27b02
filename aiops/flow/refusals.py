"""Why a workflow is refused: each says where, what is wrong, and what to do."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

from aiops.flow.where import Where


class WorkflowError(Exception):
    """A workflow that cannot be used. The message starts with the file and the line."""

    def __init__(self, message: str, where: Where | None = None) -> None:
        super().__init__(f"{where}: {message}" if where else message)
        self.where = where


class BadStep(WorkflowError):
    """A step's function or options are wrong."""


class BadNode(WorkflowError):
    """A node of a flow was given something it cannot work with."""


class UnboundedMap(BadNode):
    """A `for_each` without a usable limit on how many items run at once."""


class UnknownName(WorkflowError):
    """A parameter, a source or a branch names something that does not exist."""


class NotFinishedYet(WorkflowError):
    """A step takes the result of another that may not have run before it."""


class WrongType(WorkflowError):
    """A parameter cannot take what its source gives."""


class DuplicateName(WorkflowError):
    """Two nodes of one workflow have the same name."""


class DuplicateWorkflow(WorkflowError):
    """Another file has a workflow of this name."""


class UnknownWorkflow(WorkflowError):
    """Nobody declared a workflow of this name."""


class WorkflowFileError(WorkflowError):
    """A workflow file cannot be imported."""


class WorkflowFilesRefused(WorkflowError):
    """Everything that is wrong in all files, in one message."""

    def __init__(self, errors: Iterable[WorkflowError]) -> None:
        self.errors = tuple(errors)
        count = len(self.errors)
        files = "a workflow file was" if count == 1 else f"{count} workflow files were"
        super().__init__("\n  ".join([f"{files} refused:", *(str(error) for error in self.errors)]))


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """End a sentence about an unknown name: the nearest known one, or all of them."""
    names = list(dict.fromkeys(known))
    close = get_close_matches(name, names, n=1, cutoff=0.6)
    return f"did you mean {close[0]!r}?" if close else all_of(names)


def all_of(names: Iterable[str]) -> str:
    return f"known: {', '.join(names) or 'none'}"
