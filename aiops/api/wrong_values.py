"""What is wrong with the values of a request, field by field, in words."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from aiops.api.problems import Problem, of

#: More are not told: who sends a thousand wrong items mends the first ones, and sees the next.
MOST_TOLD = 20
#: By pydantic's type of error: what is wrong. Other errors keep pydantic's own words.
_WORDS: dict[str, str] = {
    "missing": "is missing",
    "extra_forbidden": "is not known here",
    "string_type": "must be a text",
    "int_type": "must be a whole number",
    "int_parsing": "must be a whole number",
    "int_from_float": "must be a whole number",
    "float_type": "must be a number",
    "float_parsing": "must be a number",
    "bool_type": "must be true or false",
    "bool_parsing": "must be true or false",
    "dict_type": "must be an object",
    "list_type": "must be a list",
    "model_type": "must be an object",
    "model_attributes_type": "must be an object",
    "uuid_parsing": "must be an id",
    "uuid_type": "must be an id",
    "datetime_type": "must be a time, such as 2030-01-31T12:00:00Z",
    "datetime_parsing": "must be a time, such as 2030-01-31T12:00:00Z",
    "datetime_from_date_parsing": "must be a time, such as 2030-01-31T12:00:00Z",
    "string_too_short": "must have {min_length} characters or more",
    "string_too_long": "must have {max_length} characters or fewer",
    "too_short": "must have {min_length} entries or more",
    "too_long": "must have {max_length} entries or fewer",
    "greater_than": "must be more than {gt}",
    "greater_than_equal": "must be {ge} or more",
    "less_than": "must be less than {lt}",
    "less_than_equal": "must be {le} or less",
    "literal_error": "must be {expected}",
    "enum": "must be {expected}",
}


def wrong_values(errors: Sequence[Mapping[str, Any]]) -> Problem:
    """A problem with the list of what is wrong. Pure."""
    told = [_told(error) for error in errors[:MOST_TOLD]]
    detail = "; ".join(f"{one['field'] or one['in']} {one['message']}" for one in told[:3])
    rest = len(errors) - min(len(told), 3)
    more = f", and {rest} more" if rest else ""
    return of("wrong-values", f"{detail}{more}.", errors=told)


def _told(error: Mapping[str, Any]) -> dict[str, str]:
    place, *path = error.get("loc") or ("body",)
    # ninja names a body after the parameter that takes it; no client knows that name.
    fields: list[Any] = path[1:] if place == "body" else path
    return {"in": str(place), "field": _dotted(fields), "message": _message(error)}


def _dotted(path: Iterable[Any]) -> str:
    return ".".join(str(part) for part in path)


def _message(error: Mapping[str, Any]) -> str:
    words = _WORDS.get(str(error.get("type", "")))
    if words is None:
        return _lower(str(error.get("msg", "is wrong")).removeprefix("Value error, "))
    try:
        return words.format(**error.get("ctx", {}))
    except KeyError:
        return _lower(str(error.get("msg", "is wrong")))


def _lower(text: str) -> str:
    return text[:1].lower() + text[1:]
