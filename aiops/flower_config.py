"""Flower's own settings, read by `celery flower --conf`: what messages carry is not for everybody."""

from __future__ import annotations

import re
from typing import Any

_ID = r"'[0-9a-f]{8}-[0-9a-f-]{27}'"
#: The arguments of the engine's own messages: ids, a number, the name of a step.
_IDS_ONLY = re.compile(rf"[(\[]{_ID}(, (\[{_ID}(, {_ID})*\]|{_ID}|\d+|'\w{{0,100}}'))*,?[)\]]")
_HIDDEN = "(not shown here)"


def format_task(task: Any) -> Any:
    """Hide the inputs and results that messages of other programs carry.

    Who may see them finds them on the page of the run.
    """
    if _IDS_ONLY.fullmatch(task.args or "") and task.kwargs in (None, "", "{}"):
        return task
    task.args = task.kwargs = _HIDDEN
    task.result = _HIDDEN if task.result is not None else None
    return task
