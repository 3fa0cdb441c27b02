"""The filters of a page, as its address has them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Self
from urllib.parse import urlencode


@dataclass(frozen=True, slots=True)
class Filters:
    """What a page is narrowed to: each field is a text of the address, "" when it is not there."""

    @classmethod
    def of(cls, query: Mapping[str, str]) -> Self:
        return cls(**{field.name: query.get(field.name, "").strip() for field in fields(cls)})

    def query(self, **changed: object) -> str:
        """The address of the same page with some of them changed."""
        given = {field.name: getattr(self, field.name) for field in fields(self)}
        return urlencode({name: value for name, value in (given | changed).items() if value})
