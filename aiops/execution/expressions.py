"""What a trigger says about an event: JMESPath, bounded, and templates whose texts may be JMESPath."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any

from jmespath import functions, parser, visitor
from jmespath.exceptions import JMESPathError, JMESPathTypeError

MOST_CHARACTERS = 500
#: Parts of an expression, and how deep they may lie in each other.
MOST_PARTS, MOST_DEPTH = 100, 20
#: Parts that are looked at for one event, counting each turn of a projection.
MOST_TURNS = 20_000
#: How long a text or a list may become on the way.
MOST_LENGTH = 1_000_000
#: What an answer may weigh: characters, and for each value of it as many as these.
MOST_WEIGHT, WEIGHT = 10_000_000, 100

#: A text of a template that begins so is an expression; twice, a text that begins with one.
MARK = "="


class WrongExpression(Exception):
    """An expression that cannot be used, or gave nothing that can; the message says what to change."""


@lru_cache(maxsize=512)
def parsed(expression: str) -> Mapping[str, Any]:
    """Read an expression; raises WrongExpression with the place of what is wrong."""
    if len(expression) > MOST_CHARACTERS:
        raise WrongExpression(f"an expression has at most {MOST_CHARACTERS} characters")
    try:
        found: Mapping[str, Any] = parser.Parser().parse(expression).parsed
    except (JMESPathError, RecursionError) as error:
        told = " ".join(str(error).split()) or "it is nested too deeply"
        raise WrongExpression(f"{expression!r} is no JMESPath expression: {told}") from None
    if _parts(found, 1) > MOST_PARTS:
        raise WrongExpression(f"{expression!r} has too many parts: {MOST_PARTS} at most")
    for name in _called(found):
        if name not in functions.Functions.FUNCTION_TABLE:
            raise WrongExpression(f"{expression!r}: JMESPath has no function {name}()")
    return found


def evaluate(expression: str, event: Any) -> Any:
    """What an expression finds in an event; None for nothing. Raises WrongExpression."""
    node = parsed(expression)
    try:
        found = _Bounded().visit(node, event)
    except _UNFIT as error:
        raise WrongExpression(f"{expression!r} does not fit this event: {_unfit(error)}") from None
    _weigh(found)
    return found


#: What JMESPath raises where values are not what an expression takes them for ("a" < 1).
_UNFIT = (JMESPathError, ArithmeticError, AttributeError, LookupError, TypeError, ValueError)


def _unfit(error: Exception) -> str:
    """What is wrong, without the value itself (it may be private)."""
    match error:
        case JMESPathTypeError():
            takes = " or ".join(map(str, error.expected_types))
            return f"{error.function_name}() takes {takes}, and got {error.actual_type}"
        case JMESPathError():
            return " ".join(str(error).split())
    return "it compares or counts what is of another kind"


def holds(condition: str, event: Any) -> bool:
    """Whether a condition holds, by JMESPath's truth; an empty one always does."""
    if not condition.strip():
        return True
    found = evaluate(condition, event)
    return found is not None and found is not False and found not in ("", [], {})


def filled(template: Any, event: Any) -> Any:
    """A template with what its expressions find; a key whose expression finds nothing is left out."""
    match template:
        case str() if template.startswith(MARK * 2):
            return template[1:]
        case str() if template.startswith(MARK):
            return evaluate(template[1:], event)
        case dict():
            found = {name: filled(value, event) for name, value in template.items()}
            return {
                name: value
                for name, value in found.items()
                if value is not None or template[name] is None
            }
        case list():
            return [filled(value, event) for value in template]
        case _:
            return template


def text(template: str, event: Any) -> str:
    """The same for a title or a key, which are texts; what is no text or number is refused."""
    found = filled(template, event)
    match found:
        case None:
            return ""
        case str():
            return found
        case bool() | dict() | list():
            raise WrongExpression(f"{template!r} gave no text and no number for this event")
        case _:
            return str(found)


def expressions_in(template: Any) -> Iterator[str]:
    """The expressions of a template."""
    match template:
        case str() if template.startswith(MARK) and not template.startswith(MARK * 2):
            yield template[1:]
        case dict():
            for value in template.values():
                yield from expressions_in(value)
        case list():
            for value in template:
                yield from expressions_in(value)


def is_fixed(template: Any) -> bool:
    """Whether a template is the same for every event."""
    return next(expressions_in(template), None) is None


def _parts(node: Mapping[str, Any], depth: int) -> int:
    if depth > MOST_DEPTH:
        raise WrongExpression(f"an expression may be nested {MOST_DEPTH} deep at most")
    return 1 + sum(_parts(child, depth + 1) for child in _children(node))


def _called(node: Mapping[str, Any]) -> Iterator[str]:
    """The functions that an expression names."""
    if node["type"] == "function_expression":
        yield str(node["value"])
    for child in _children(node):
        yield from _called(child)


def _children(node: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    for child in node.get("children", ()):
        if isinstance(child, Mapping):
            yield child


class _Functions(functions.Functions):  # type: ignore[misc]  # the package has no types
    @functions.signature({"types": []})  # type: ignore[untyped-decorator]  # the same
    def _func_to_string(self, arg: Any) -> Any:
        # The one function that writes out all of a value, however often it is in itself.
        _weigh(arg)
        return super()._func_to_string(arg)


class _Bounded(visitor.TreeInterpreter):  # type: ignore[misc]  # the package has no types
    """An interpreter that stops where an expression makes much out of little."""

    def __init__(self) -> None:
        super().__init__(visitor.Options(custom_functions=_Functions()))
        self._turns = 0

    def visit(self, node: Any, *given: Any, **named: Any) -> Any:
        self._turns += 1
        found = super().visit(node, *given, **named)
        is_long = isinstance(found, str | list | dict) and len(found) > MOST_LENGTH
        if self._turns > MOST_TURNS or is_long:
            raise WrongExpression("an expression takes too long for this event: make it simpler")
        return found


def _weigh(value: Any) -> None:
    """Refuse a value that is too large to be written down."""
    left, waiting = MOST_WEIGHT, [value]
    while waiting:
        one = waiting.pop()
        left -= WEIGHT + (len(one) if isinstance(one, str) else 0)
        if left < 0:
            raise WrongExpression("an expression gives too much for this event: make it simpler")
        if isinstance(one, dict):
            left -= sum(map(len, one))
            waiting += one.values()
        elif isinstance(one, list):
            waiting += one
