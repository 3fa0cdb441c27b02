"""Says what is wrong with a workflow file that cannot be imported, and where."""

from __future__ import annotations

import importlib.util
import traceback

from aiops.flow.refusals import WorkflowError, WorkflowFileError
from aiops.flow.where import Where


def explain(module: str, error: Exception | SystemExit) -> WorkflowError:
    """Turn whatever an import raised into a refusal with a file, a line and an advice."""
    if isinstance(error, WorkflowError):
        return error
    what = f"{type(error).__name__}: {error}"
    if isinstance(error, SyntaxError) and error.filename:
        where: Where | None = Where(error.filename, error.lineno or 1, module)
        return _with_cause(f"{error.msg}; correct the syntax", where, error)
    where = _place(module, error)
    if where is None:
        return _with_cause(f"{what}; correct the name of the package", None, error)
    return _with_cause(f"{what}; {_advice(error)}", where, error)


def _advice(error: BaseException) -> str:
    match error:
        case ModuleNotFoundError():
            return f"install {error.name!r}, or correct the import"
        case ImportError():
            return "correct the import (two files that import each other share a third instead)"
        case ValueError() | TypeError() | NameError() | AttributeError():
            return "correct this line"
        case _:
            return "a workflow file only declares: move what it does while imported into a step"


def _place(module: str, error: BaseException) -> Where | None:
    """The last line of the file itself that was running; its first line when none was."""
    file = _file_of(module)
    if file is None:
        return None
    lines = [
        frame.lineno
        for frame in traceback.extract_tb(error.__traceback__)
        if frame.filename == file and frame.lineno
    ]
    return Where(file, lines[-1] if lines else 1, module)


def _file_of(module: str) -> str | None:
    try:
        spec = importlib.util.find_spec(module)
    except (ImportError, ValueError):
        return None
    return spec.origin if spec else None


def _with_cause(message: str, where: Where | None, error: BaseException) -> WorkflowFileError:
    refusal = WorkflowFileError(message, where)
    refusal.__cause__ = error
    return refusal
