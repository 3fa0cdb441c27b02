"""What the user of a run is told, as a value."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Place = Literal["done", "now", "next", "left_out", "stopped"]


@dataclass(frozen=True, slots=True)
class Part:
    """One part of the work, in the user's words."""

    says: str
    place: Place


@dataclass(frozen=True, slots=True)
class Status:
    """One look at a run: show `headline`, `sentence` and `progress`, and it is the truth."""

    run_id: str
    #: "queued", "running", "retrying", "waiting", "attention", "failed", "cancelling", "cancelled",
    #: "succeeded" or "partial".
    state: str
    headline: str
    sentence: str
    #: 0.0 to 1.0; it never shrinks by itself.
    progress: float
    #: "about 2 minutes left"; "" when nobody knows.
    hint: str
    parts: tuple[Part, ...]
    #: Nothing more will happen.
    is_final: bool
    is_cancellable: bool
    #: The answer as it came.
    body: Mapping[str, Any] = field(repr=False)

    @property
    def has_succeeded(self) -> bool:
        return self.state in ("succeeded", "partial")

    @classmethod
    def of(cls, body: Mapping[str, Any]) -> Status:
        return cls(
            run_id=str(body["run_id"]),
            state=str(body["state"]),
            headline=str(body["headline"]),
            sentence=str(body["sentence"]),
            progress=float(body["progress"]),
            hint=str(body.get("hint", "")),
            parts=tuple(Part(part["says"], part["place"]) for part in body["parts"]),
            is_final=bool(body["is_final"]),
            is_cancellable=bool(body["is_cancellable"]),
            body=body,
        )
