"""Values that requests are made of: texts, moments and ids that the record can keep."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Annotated, Any

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from ninja import Header, Path, Query
from pydantic import AfterValidator, AwareDatetime, BeforeValidator, Field, StringConstraints

#: PostgreSQL keeps no NUL character.
NO_NUL = r"^[^\x00]*$"


def _moment(value: Any) -> Any:
    """A number would be taken for seconds since 1970, and "2027-01-01" for a midnight somewhere."""
    if isinstance(value, str) and not _RFC3339.match(value):
        raise ValueError('write it as "2027-01-31T09:30:00Z"')
    if isinstance(value, int | float):
        raise ValueError('write it as a text: "2027-01-31T09:30:00Z"')
    return value


def _in_our_time(value: datetime) -> datetime:
    """PostgreSQL would keep the last hours of year 0, and nobody could read them back."""
    if not _FIRST <= value <= _LAST:
        raise ValueError("it must lie between 1970 and 9999")
    return value


def _at_the_end(value: datetime) -> datetime:
    """Nothing lies beyond these: a filter means the same there."""
    return min(max(value, _FIRST), _LAST)


def _mail_address(value: str) -> str:
    try:
        validate_email(value)
    except ValidationError:
        raise ValueError("it is no e-mail address") from None
    return value


_FIRST, _LAST = datetime(1970, 1, 2, tzinfo=UTC), datetime(9999, 12, 30, tzinfo=UTC)
_RFC3339 = re.compile(r"^\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)$")

Moment = Annotated[AwareDatetime, BeforeValidator(_moment), AfterValidator(_in_our_time)]
Bound = Annotated[AwareDatetime, BeforeValidator(_moment), AfterValidator(_at_the_end)]
Name = Annotated[str, StringConstraints(min_length=1, max_length=100, pattern=NO_NUL)]
Key = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=NO_NUL)]
Reason = Annotated[str, StringConstraints(max_length=500, pattern=NO_NUL)]
Note = Annotated[str, StringConstraints(max_length=5_000, pattern=NO_NUL)]
MailAddress = Annotated[
    str,
    StringConstraints(max_length=254, pattern=NO_NUL),
    AfterValidator(_mail_address),
    Field(json_schema_extra={"format": "email"}),
]

#: Parameters that several operations take.
NameInPath = Annotated[Name, Path(description="A name, as the workflow's file gives it.")]
IdempotencyKey = Annotated[
    Key | None,
    Header(
        alias="Idempotency-Key",
        description="Your name for this request. The same one again does nothing a second time.",
    ),
]
DryRun = Annotated[
    bool, Query(description="Only tell what would happen. Nothing is changed.", alias="dry_run")
]
Limit = Annotated[int, Query(ge=1, le=200, description="At most so many.")]
_CURSOR = "`next` of the page before; without it, the first page."
Cursor = Annotated[str | None, Query(pattern=r"^[A-Za-z0-9_-]{32}$", description=_CURSOR)]
NumberCursor = Annotated[str | None, Query(pattern=r"^[A-Za-z0-9_-]{11}$", description=_CURSOR)]
