"""What a pause holds: the condition of a claim, of a message that is sent, and the sentence about it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.db.models import Exists, OuterRef, Q, Subquery
from django.db.models.functions import JSONObject

from aiops.models import Pausable, Pause, Reason, StepState

#: A step `s` of a run `r` may start. The table holds a handful of rows, and mostly none: written so
#: that it is read as a whole, which costs a claim 9 us; by its index, it would cost twice that.
NOT_PAUSED = """NOT EXISTS (SELECT FROM aiops_pause p
    WHERE p.name = CASE p.what WHEN 'pool' THEN s.pool ELSE r.workflow END)"""

_OVER_A_STEP = Pause.objects.filter(
    Q(what=Pausable.POOL, name=OuterRef("pool"))
    | Q(what=Pausable.WORKFLOW, name=OuterRef("run__workflow"))
)

#: The same for queries of steps: those that may start.
MAY_START = ~Exists(_OVER_A_STEP)

#: What holds each step of a query, as `Held.of` reads it; None where nothing does.
HELD_BY = Subquery(
    _OVER_A_STEP.order_by("what").values(
        told=JSONObject(what="what", name="name", by="paused_by", reason="reason", at="paused_at")
    )[:1]
)


@dataclass(frozen=True, slots=True)
class Held:
    """A pause, as somebody who waits because of it is told."""

    what: str
    name: str
    by: str
    reason: str
    #: Since when, as ISO 8601.
    at: str

    @classmethod
    def of(cls, told: Mapping[str, Any] | None) -> Held | None:
        return None if told is None else cls(**told)

    @property
    def sentence(self) -> str:
        """Why a run stands still."""
        return f"{self._whose} is paused by {self.by}: {self.reason}"

    @property
    def wait(self) -> str:
        """What a step waits for."""
        return f"{self._whose} to go on: paused by {self.by}, {self.reason}"

    @property
    def _whose(self) -> str:
        return "Its workflow" if self.what == Pausable.WORKFLOW else f"Its pool {self.name}"


#: What a step may wait for that a worker takes up again.
_GOES_ON = (Reason.LANE, Reason.BUDGET, Reason.ITEMS, Reason.JOB)

#: Steps that a pause may keep from going on; `concerns` says the same of one.
MAY_BE_HELD = (
    Q(state__in=(StepState.QUEUED, StepState.RETRYING))
    | Q(state=StepState.WAITING, reason__in=_GOES_ON)
    | Q(state=StepState.PENDING, wake_at__isnull=False)
)


def concerns(state: str, reason: str, *, is_put_off: bool = False) -> bool:
    """Whether a pause is what keeps a step in this state from going on.

    What a worker runs finishes, and what waits for a person, an event or a time goes on waiting.
    """
    match state:
        case StepState.QUEUED | StepState.RETRYING:
            return True
        case StepState.WAITING:
            return reason in _GOES_ON
        case StepState.PENDING:
            return is_put_off
        case _:
            return False


def is_paused(workflow: str) -> bool:
    """Whether a person has paused this workflow."""
    return Pause.objects.filter(what=Pausable.WORKFLOW, name=workflow).exists()
