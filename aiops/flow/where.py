"""The place in an author's file that a refusal points to."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from types import FrameType
from typing import Any

_OURS = __name__.rpartition(".")[0]


@dataclass(frozen=True, slots=True)
class Where:
    """A file and a line. As text: `tasks/workflows/support.py:12`, as editors understand it."""

    file: str
    line: int
    #: The name of the module, as in `sys.modules`.
    module: str = ""

    def __str__(self) -> str:
        return f"{_shown(self.file)}:{self.line}"


def caller() -> Where:
    """The line outside this package that called into it."""
    frame = sys._getframe(1)
    while _is_ours(frame) and frame.f_back is not None:
        frame = frame.f_back
    name = frame.f_globals.get("__name__", "")
    return Where(frame.f_code.co_filename, frame.f_lineno, name)


def defined(function: Callable[..., Any]) -> Where:
    """The line where a function begins (its first decorator's); the caller's if it has no code."""
    code = getattr(function, "__code__", None)
    if code is None:
        return caller()
    return Where(code.co_filename, code.co_firstlineno, function.__module__)


def _is_ours(frame: FrameType) -> bool:
    name = str(frame.f_globals.get("__name__", ""))
    return name == _OURS or name.startswith(f"{_OURS}.")


def _shown(file: str) -> str:
    """Relative to where the process was started, unless the file lies elsewhere."""
    try:
        relative = os.path.relpath(file)
    except ValueError:  # another drive
        return file
    return file if relative.startswith(os.pardir) else relative
