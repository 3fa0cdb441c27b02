"""Which types fit where."""

from __future__ import annotations

import enum
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Annotated, Any, Literal, NewType, Optional, TypedDict, TypeVar, Union

import pytest
from pydantic import BaseModel, Field

from aiops.flow.assignable import accepts, element_of, type_name, with_none, without_none


class Base(BaseModel):
    a: int = 0


class Child(Base):
    b: int = 0


@dataclass
class Point:
    x: int


class Row(TypedDict):
    x: int


class Colour(enum.StrEnum):
    RED = "red"


UserId = NewType("UserId", str)
T = TypeVar("T")
B = TypeVar("B", bound=Base)

FITS: list[tuple[Any, Any]] = [
    (int, int),
    (Any, Base),
    (object, Base),
    (Base, Any),
    (Base, Child),
    (float, int),
    (int, bool),
    (str, Colour),
    (str, UserId),
    (UserId, str),
    (str, Annotated[str, Field(max_length=3)]),
    (Annotated[str, Field(max_length=3)], str),
    (T, Base),
    (B, Child),
    (None, None),
    (Optional[str], str),  # noqa: UP045  # both spellings must fit
    (str | None, None),
    (Union[str, int], int),  # noqa: UP007  # both spellings must fit
    (str | int | None, str | None),
    (list[str], list[str]),
    (list[str] | None, list[str]),
    (list[float], list[int]),
    (list[Base], list[Child]),
    (list, list[str]),
    (list[str], list),
    (list[str | None], list[str]),
    (Sequence[str], list[str]),
    (Iterable[str], list[str]),
    (tuple[str, ...], list[str]),
    (list[str], tuple[str, ...]),
    (list[str], tuple[str, str]),
    (tuple[str, int], tuple[str, int]),
    (set[str], set[str]),
    (dict[str, int], dict[str, int]),
    (dict[str, Any], dict[str, int]),
    (dict[str, int], dict),
    (Mapping[str, int], dict[str, int]),
    (dict[str, float], dict[str, int]),
    (dict, Base),
    (dict[str, Any], Base),
    (dict[str, Any], Point),
    (Literal["a", "b"], Literal["a"]),
    (str, Literal["a", "b"]),
    (Literal["a", "b"] | None, Literal["a"] | None),
    (str | None, Literal["a"]),
    (Row, Row),
    (Point, Point),
]

DOES_NOT_FIT: list[tuple[Any, Any]] = [
    (int, str),
    (int, float),
    (str, int),
    (Child, Base),
    (Base, Point),
    (Base, dict),
    (B, Point),
    (str, None),
    (str, str | None),
    (int | None, str | None),
    (str, str | int),
    (list[str], list[int]),
    (list[Child], list[Base]),
    (list[str], list[str | None]),
    (list[str], str),
    (Sequence[str], str),
    (set[str], list[str]),
    (tuple[str, int], tuple[str, ...]),
    (tuple[str, int], list[str]),
    (tuple[str, int], tuple[str, int, int]),
    (dict[str, int], dict[str, str]),
    (dict[str, int], Base),
    (dict, list),
    (list, dict),
    (Literal["a"], Literal["a", "b"]),
    (Literal["a"], str),
    (int, Literal["a"]),
    (Colour, str),
    (date, datetime),
    (Row, Point),
]


@pytest.mark.parametrize(("asked", "given"), FITS, ids=lambda t: type_name(t))
def test_it_fits(asked: Any, given: Any) -> None:
    assert accepts(asked, given)


@pytest.mark.parametrize(("asked", "given"), DOES_NOT_FIT, ids=lambda t: type_name(t))
def test_it_does_not_fit(asked: Any, given: Any) -> None:
    assert not accepts(asked, given)


@pytest.mark.parametrize(
    ("annotation", "element"),
    [
        (list[str], str),
        (list, Any),
        (Sequence[Base], Base),
        (tuple[int, ...], int),
        (tuple[int, str], int | str),
        (Any, Any),
        (str, None),
        (dict[str, int], None),
        (Base, None),
        (int, None),
        (list[str] | None, None),
    ],
    ids=lambda t: type_name(t),
)
def test_only_lists_have_elements(annotation: Any, element: Any) -> None:
    assert element_of(annotation) == element


@pytest.mark.parametrize(
    ("annotation", "name"),
    [
        (Base, "Base"),
        (list[Base], "list[Base]"),
        (dict[str, list[int]], "dict[str, list[int]]"),
        (Base | None, "Base | None"),
        (Optional[Base], "Base | None"),  # noqa: UP045  # both spellings
        (tuple[int, ...], "tuple[int, ...]"),
        (Literal["a", 1], "Literal['a', 1]"),
        (Annotated[int, Field(gt=0)], "int"),
        (Any, "Any"),
        (None, "None"),
        (Sequence[str], "Sequence[str]"),
        (UserId, "UserId"),
    ],
)
def test_types_are_named_as_their_authors_write_them(annotation: Any, name: str) -> None:
    assert type_name(annotation) == name


def test_none_is_added_once_and_taken_out() -> None:
    assert with_none(int) == int | None
    assert with_none(int | None) == int | None
    assert without_none(int | None) is int
    assert without_none(int) is int
