"""Bodies: JSON that is said to be JSON, and that the record can hold."""

from __future__ import annotations

import json
import math
import re
from typing import Any, NoReturn

from django.http import HttpRequest
from ninja.parser import Parser

from aiops.api.problems import of
from aiops.api.wrong_values import wrong_values

#: application/json, and what is JSON with a meaning, such as application/cloudevents+json.
_JSON_TYPE = re.compile(r"application/(json|[\w.+-]+\+json)", re.ASCII)
#: What may be a list: several events at once.
_BATCH = "-batch+json"
#: No input of a workflow is that deep; whatever walks one stays within its stack.
DEEPEST = 100
_TOO_DEEP = f"It is nested too deeply: {DEEPEST} levels are taken."
#: JSON may write these, and PostgreSQL takes neither: a NUL, and half a surrogate pair.
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


class JsonParser(Parser):
    """What the API reads. Everything else is a problem that says what to send."""

    def parse_body(self, request: HttpRequest) -> Any:
        return parsed(request.body, request.content_type or "")


def parsed(body: bytes, content_type: str) -> Any:
    """The value of a body; raises a Problem."""
    kind = content_type.lower()
    if not _JSON_TYPE.fullmatch(kind):
        told = f"It says {content_type!r}." if content_type else "It has no Content-Type."
        raise of("wrong-media-type", f"{told} Send Content-Type: application/json.")
    try:
        value = json.loads(
            body.decode("utf-8-sig"), parse_constant=_refuse_constant, parse_float=_finite
        )
        _refuse_unstorable(value)
    except RecursionError:
        raise of("broken-json", _TOO_DEEP) from None
    except ValueError as error:
        raise of("broken-json", _told(error)) from None
    # ninja would take the attributes of anything for fields.
    if not isinstance(value, list if kind.endswith(_BATCH) else dict):
        wanted = "a list" if kind.endswith(_BATCH) else "an object"
        raise wrong_values([{"loc": ("body",), "msg": f"must be {wanted}"}])
    return value


def _told(error: ValueError) -> str:
    if isinstance(error, json.JSONDecodeError):
        return f"Line {error.lineno}, column {error.colno}: {error.msg}."
    if isinstance(error, UnicodeDecodeError):
        return f"It is not UTF-8, from byte {error.start} on."
    return f"It cannot be kept: {str(error).partition(';')[0]}."


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON")


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError("a number is too large")
    return value


def _refuse_unstorable(whole: Any) -> None:
    # Level by level: a body that is nested a thousand times must not use up the stack.
    level, depth = [whole], 0
    while level:
        if depth > DEEPEST:
            raise of("broken-json", _TOO_DEEP)
        below: list[Any] = []
        for value in level:
            match value:
                case str() if _UNSTORABLE.search(value):
                    raise ValueError("a text holds \\u0000, or half a surrogate pair")
                case dict():
                    below += [*value.keys(), *value.values()]
                case list():
                    below += value
        level, depth = below, depth + 1
