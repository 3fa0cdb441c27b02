"""An event from outside, before the inbox has it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Incoming:
    """An event as its sender tells it."""

    #: Its type, as `wait_for` and triggers name it.
    name: str
    #: The sender's id of it, which it never uses again.
    source_id: str
    #: Who sent it; "" for nobody that has an address.
    source: str = ""
    #: The key that tells whose event it is, as the waiting step's `match` gives it.
    match: str = ""
    subject: str = ""
    payload: Any = field(default_factory=dict)
    happened_at: datetime | None = None
    extensions: Mapping[str, Any] = field(default_factory=dict)
    tenant: str = "default"
    #: Who hands it in: a key, or a person.
    actor: str = ""
