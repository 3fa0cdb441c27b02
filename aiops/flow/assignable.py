"""Whether data of one type may be given where another is asked for."""

from __future__ import annotations

import types
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import (
    Annotated,
    Any,
    Literal,
    NewType,
    TypeVar,
    Union,
    get_args,
    get_origin,
    is_typeddict,
)

#: Data travels as JSON, where a whole number is a number.
_WIDER: dict[type, tuple[type, ...]] = {int: (float,)}

#: What a list may be read as.
_LISTS: tuple[Any, ...] = (list, tuple, Sequence, Collection, Iterable)


def accepts(asked: Any, given: Any) -> bool:
    """Whether a parameter annotated `asked` takes whatever a source annotated `given` may hold."""
    asked, given = _plain(asked), _plain(given)
    if asked is Any or asked is object or given is Any or asked == given:
        return True
    if _is_union(given):
        return all(accepts(asked, member) for member in get_args(given))
    if get_origin(given) is Literal:
        return all(_accepts_value(asked, value) for value in get_args(given))
    if _is_union(asked):
        return any(accepts(member, given) for member in get_args(asked))
    return _accepts_class(asked, given)


def with_none(annotation: Any) -> Any:
    """The annotation, or None."""
    return annotation if accepts(annotation, None) else Union[annotation, None]  # noqa: UP007  # `|` needs types


def without_none(annotation: Any) -> Any:
    """The annotation without its None."""
    if not _is_union(_plain(annotation)):
        return annotation
    members = [m for m in get_args(_plain(annotation)) if m is not types.NoneType]
    return Union[tuple(members)]  # noqa: UP007  # `|` needs types


def element_of(annotation: Any) -> Any | None:
    """The type of a list's elements; None when the annotation is no list."""
    annotation = _plain(annotation)
    if annotation is Any:
        return Any
    origin = get_origin(annotation) or annotation
    if not isinstance(origin, type) or issubclass(origin, str | bytes | Mapping):
        return None
    if origin is not Iterable and not issubclass(origin, Collection):
        return None
    arguments = get_args(annotation)
    if issubclass(origin, tuple) and arguments and arguments[-1] is not Ellipsis:
        return Union[arguments]  # noqa: UP007  # a fixed tuple: any of its members
    return arguments[0] if arguments else Any


def type_name(annotation: Any) -> str:
    """The annotation as its author would write it."""
    if annotation is Any:
        return "Any"
    if annotation is None or annotation is types.NoneType:
        return "None"
    if get_origin(annotation) is Annotated:
        return type_name(get_args(annotation)[0])
    if _is_union(annotation):
        return " | ".join(type_name(member) for member in get_args(annotation))
    if get_origin(annotation) is Literal:
        return f"Literal[{', '.join(repr(value) for value in get_args(annotation))}]"
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is not None and arguments:
        inner = ", ".join("..." if a is Ellipsis else type_name(a) for a in arguments)
        return f"{type_name(origin)}[{inner}]"
    return str(getattr(annotation, "__name__", annotation))


def _plain(annotation: Any) -> Any:
    """Without Annotated, NewType and aliases, which say nothing about what the data is."""
    while True:
        if get_origin(annotation) is Annotated:
            annotation = get_args(annotation)[0]
        elif isinstance(annotation, NewType):
            annotation = annotation.__supertype__
        elif type(annotation).__name__ == "TypeAliasType":  # `type X = ...`, from Python 3.12 on
            annotation = annotation.__value__
        elif isinstance(annotation, TypeVar):
            annotation = annotation.__bound__ or Any
        else:
            return types.NoneType if annotation is None else annotation


def _is_union(annotation: Any) -> bool:
    return get_origin(annotation) in (Union, types.UnionType)


def _accepts_value(asked: Any, value: Any) -> bool:
    """Whether one value of a Literal fits."""
    if _is_union(asked):
        return any(_accepts_value(_plain(member), value) for member in get_args(asked))
    if get_origin(asked) is Literal:
        return value in get_args(asked)
    return accepts(asked, type(value))


def _accepts_class(asked: Any, given: Any) -> bool:
    asked_origin, given_origin = get_origin(asked) or asked, get_origin(given) or given
    if not isinstance(asked_origin, type) or not isinstance(given_origin, type):
        return False
    if is_typeddict(asked_origin):
        return False  # only the same one fits, and Python cannot tell its subclasses
    if asked_origin in _WIDER.get(given_origin, ()):
        return True
    if _only_in_python(asked_origin, given_origin):
        return False
    if not issubclass(given_origin, asked_origin) and not _both_lists(asked_origin, given_origin):
        return _model_as_dict(asked, given_origin)
    return _accepts_arguments(asked, given)


def _only_in_python(asked: type, given: type) -> bool:
    """Subclasses in Python that pydantic does not take for each other: a str is no list of str."""
    is_text = issubclass(given, str | bytes) and not issubclass(asked, str | bytes)
    return is_text or (given is datetime and asked is date)


def _both_lists(asked: type, given: type) -> bool:
    return asked in _LISTS and given in _LISTS


def _model_as_dict(asked: Any, given: type) -> bool:
    """A model's data is a JSON object, so a plain dict may take it."""
    is_model = hasattr(given, "model_fields") or hasattr(given, "__dataclass_fields__")
    key, value = (get_args(asked) or (str, Any))[:2] if _is_dict(asked) else (None, None)
    return is_model and key is str and value is Any


def _is_dict(asked: Any) -> bool:
    origin = get_origin(asked) or asked
    return isinstance(origin, type) and issubclass(dict, origin) and origin is not object


def _accepts_arguments(asked: Any, given: Any) -> bool:
    """Compare what is in the brackets; what was left out is Any."""
    wanted, held = get_args(asked), get_args(given)
    if not wanted or not held:
        return True
    if element_of(asked) is not None and element_of(given) is not None:
        return _accepts_elements(asked, given)
    return len(wanted) == len(held) and all(map(accepts, wanted, held))


def _accepts_elements(asked: Any, given: Any) -> bool:
    wanted, held = get_args(asked), get_args(given)
    fixed = get_origin(asked) is tuple and Ellipsis not in wanted
    if not fixed:
        return accepts(element_of(asked), element_of(given))
    # A tuple of fixed length takes only such a tuple.
    same_length = len(wanted) == len(held) and get_origin(given) is tuple and Ellipsis not in held
    return same_length and all(map(accepts, wanted, held))
