"""What people and hooks answer."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from pydantic import BaseModel


class Decision(BaseModel):
    """What a person decided at an `approval`; later steps may take it by the approval's name."""

    approved: bool
    #: Who decided, or "nobody" when the time was over.
    by: str
    note: str = ""
    at: datetime


@dataclass(frozen=True, slots=True)
class Absent:
    """Answer of `reconcile`: it did not happen, so it may be done."""


@dataclass(frozen=True, slots=True)
class Unsure:
    """Answer of `reconcile`: nobody can tell, so a person must look."""
