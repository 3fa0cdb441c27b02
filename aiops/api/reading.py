"""Reading what is sent: JSON that the record can keep, and nothing deeper than it needs to be."""

from __future__ import annotations

import json
import math
from typing import Any

from django.http import HttpRequest
from ninja.parser import Parser

from aiops.api.problems import Problem

#: No input of a workflow is that deep; every function that walks one stays within its stack.
DEEPEST = 100


class Reader(Parser):
    """Reads the body of a request; ninja tells what this raises as a request that is unreadable."""

    def parse_body(self, request: HttpRequest) -> Any:
        kind = request.content_type or ""
        if kind != "application/json" and not kind.endswith("+json"):
            raise Problem(
                415,
                "not-json",
                "The body is not JSON",
                f"It came as {kind or 'nothing that is named'}. "
                "Send JSON, with the header Content-Type: application/json.",
            )
        try:
            found = json.loads(request.body)
        except (ValueError, RecursionError) as error:
            raise _unreadable(f"It could not be read as JSON: {error}.") from None
        _refuse_unkeepable(found)
        return found


def _refuse_unkeepable(whole: Any) -> None:
    """Refuse what PostgreSQL's JSON does not keep, before anything else looks at it."""
    todo: list[tuple[Any, int]] = [(whole, 0)]
    while todo:
        value, depth = todo.pop()
        if depth > DEEPEST:
            raise _unreadable(f"It is nested more than {DEEPEST} times: make it flatter.")
        match value:
            case str():
                _refuse_text(value)
            case float() if not math.isfinite(value):
                raise _unreadable("It holds a number that is not finite: leave it out.")
            case dict():
                for key in value:
                    _refuse_text(key)
                todo += [(one, depth + 1) for one in value.values()]
            case list():
                todo += [(one, depth + 1) for one in value]


def _refuse_text(text: str) -> None:
    if "\x00" in text:
        raise _unreadable("It holds a NUL character: remove it.")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise _unreadable("It holds half of a character (a lone surrogate): remove it.") from None


def _unreadable(detail: str) -> Problem:
    return Problem(400, "unreadable", "The request cannot be read", detail)
