"""CloudEvents 1.0: an event as other programs write it, checked, with words for what is wrong."""

from __future__ import annotations

import json
import re
from typing import Annotated, Any, Literal

from pydantic import (
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
    model_validator,
)

from aiops.execution.incoming import Incoming

#: Attributes of ours that an event may carry: the key that tells whose event it is, where that is
#: not its subject; and its tenant, for a key that serves every one.
MATCH, TENANT = "aiopsmatch", "aiopstenant"
MOST_EXTENSIONS, MOST_VALUE = 30, 1_000
_NAME = re.compile(r"[a-z0-9]{1,40}")


class WrongEvent(Exception):
    """An event that is none: the message says what is missing, and what to do."""


def _text(at_most: int, pattern: str = r"^[^\x00-\x1f\x7f]+$") -> StringConstraints:
    return StringConstraints(min_length=1, max_length=at_most, pattern=pattern)


def _written(time: object) -> object:
    """A number would be taken for the seconds since 1970, which no sender of events means."""
    if not isinstance(time, str):
        raise ValueError("it is a text, such as 2030-01-31T12:00:00Z")
    return time


class CloudEvent(BaseModel):
    """An event in the words of CloudEvents 1.0. Attributes that are not listed are kept."""

    model_config = ConfigDict(
        extra="allow",
        json_schema_extra={
            "patternProperties": {"^[a-z0-9]{1,40}$": {"description": "Kept with the event."}},
            "additionalProperties": False,
            "examples": [
                {
                    "specversion": "1.0",
                    "type": "com.example.order.paid",
                    "source": "/shop/orders",
                    "id": "4711-paid",
                    "subject": "4711",
                    "data": {"amount": 1290},
                }
            ],
        },
    )

    specversion: Literal["1.0"] = Field(description='The version of CloudEvents: "1.0".')
    type: Annotated[str, _text(200)] = Field(
        description="What happened, as wait_for and triggers name it: com.example.order.paid."
    )
    source: Annotated[str, _text(300, r"^[^\x00-\x20\x7f]+$")] = Field(
        description="Who says so: a URI or a path, such as /shop/orders."
    )
    id: Annotated[str, _text(200)] = Field(
        description="The sender's id of this event. The same source and id again is a duplicate."
    )
    subject: Annotated[str, _text(200)] | None = Field(
        default=None, description="What it is about, such as an order's number."
    )
    time: Annotated[AwareDatetime, BeforeValidator(_written)] | None = Field(
        default=None, description="When it happened."
    )
    datacontenttype: Annotated[str, _text(200)] | None = None
    dataschema: Annotated[str, _text(1_000)] | None = None
    data: Any = Field(default=None, description="What it carries, as JSON.")

    @model_validator(mode="after")
    def _extensions_are_plain(self) -> CloudEvent:
        extensions = self.extensions
        if "data_base64" in extensions:
            raise ValueError("data_base64 is not taken: send JSON, as data")
        if len(extensions) > MOST_EXTENSIONS:
            raise ValueError(f"it has more than {MOST_EXTENSIONS} attributes: put them into data")
        for name, value in extensions.items():
            if not _NAME.fullmatch(name):
                raise ValueError(
                    f"{name[:40]!r} is no name of an attribute (a-z and 0-9, 40 at most): "
                    "rename it, or put it into data"
                )
            if not isinstance(value, str | int | bool) or len(str(value)) > MOST_VALUE:
                raise ValueError(
                    f"attribute {name!r} must be a text of up to {MOST_VALUE} characters, a whole "
                    "number or a boolean: put anything else into data"
                )
        for name, most in ((MATCH, 200), (TENANT, 100)):
            if len(str(extensions.get(name, ""))) > most:
                raise ValueError(f"{name} has more than {most} characters: shorten it")
        return self

    @property
    def extensions(self) -> dict[str, Any]:
        """The attributes that CloudEvents does not know; one that is null is not there."""
        return {
            name: value for name, value in (self.model_extra or {}).items() if value is not None
        }

    @property
    def tenant(self) -> str:
        """The tenant that it names; "" for none."""
        return str(self.extensions.get(TENANT, ""))

    def incoming(self, *, tenant: str, actor: str) -> Incoming:
        """It, as the inbox takes it."""
        told = {"datacontenttype": self.datacontenttype, "dataschema": self.dataschema}
        match = str(self.extensions.get(MATCH, "")) or self.subject or ""
        return Incoming(
            name=self.type,
            source=self.source,
            source_id=self.id,
            match=match,
            subject=self.subject or "",
            payload={} if self.data is None else self.data,
            happened_at=self.time,
            extensions={
                **self.extensions,
                **{name: value for name, value in told.items() if value is not None},
            },
            tenant=tenant,
            actor=actor,
        )


def read(value: Any) -> CloudEvent:
    """Check an event; raises WrongEvent."""
    if not isinstance(value, dict):
        raise WrongEvent("an event is a JSON object with specversion, type, source and id")
    try:
        return CloudEvent.model_validate(value)
    except ValidationError as error:
        raise WrongEvent(_problems(error)) from None


def parsed(raw: bytes) -> Any:
    """Read JSON strictly; raises WrongEvent."""
    try:
        return json.loads(raw.decode(), parse_constant=_no_number)
    except (ValueError, RecursionError) as error:
        raise WrongEvent(f"it is no JSON in UTF-8: {error}") from None


def _no_number(name: str) -> Any:
    raise ValueError(f"{name} is no number of JSON")


def _problems(error: ValidationError) -> str:
    """Each attribute with what is wrong, without what was sent (it may be private)."""
    told = []
    for problem in error.errors(include_url=False, include_input=False, include_context=False):
        place = ".".join(str(part) for part in problem["loc"])
        message = problem["msg"].removeprefix("Value error, ")
        if problem["type"] == "missing":
            message = f"it is missing; {_WHAT_TO_SEND[place]}"
        told.append(f"{place}: {message}" if place else message)
    return "; ".join(told[:5])


_WHAT_TO_SEND = {
    "specversion": 'send "1.0"',
    "type": "send what happened, such as com.example.order.paid",
    "source": "send who says so, such as /shop/orders",
    "id": "send an id that you never use again for another event",
}
