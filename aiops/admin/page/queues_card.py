"""The card of queues: what waits in each pool, how long, and how many of its slots are busy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from django.utils.safestring import SafeString

from aiops.admin.page.amounts import rough
from aiops.admin.page.svg import rect, tag
from aiops.upkeep.queues import QueueRow

#: A queue whose first step waits longer than this deserves a look, and then a person.
AMBER_S = 180.0
RED_S = 600.0
_METER_WIDTH = 300.0


@dataclass(frozen=True, slots=True)
class Shown:
    """One pool, as the card shows it."""

    pool: str
    tone: str
    busy: str
    waiting: str
    age: str
    note: str
    meter: SafeString


def tone_of_age(oldest_s: float) -> str:
    if oldest_s > RED_S:
        return "red"
    return "amber" if oldest_s > AMBER_S else "slate"


def shown(rows: Sequence[QueueRow]) -> list[Shown]:
    """Those that wait longest first; the others in the order in which pools are declared."""
    most = max((row.waiting for row in rows), default=0)
    in_order = sorted(rows, key=lambda row: -(row.oldest_s or 0.0))
    return [_shown(row, row.waiting / most if most else 0.0) for row in in_order]


def _shown(row: QueueRow, share: float) -> Shown:
    tone = "violet" if row.paused else tone_of_age(row.oldest_s or 0.0)
    return Shown(
        pool=row.pool,
        tone=tone,
        busy=f"{row.busy} of {row.slots} slots busy" if row.slots else "no worker alive",
        waiting=f"{row.waiting:,}{'+' if row.is_capped else ''}",
        age=f" · {rough(row.oldest_s)}" if row.oldest_s is not None else "",
        note=_note(row),
        meter=_meter(share),
    )


def _note(row: QueueRow) -> str:
    if row.paused:
        return f"Paused by {row.paused.paused_by}: {row.paused.reason}"
    return f"{row.held:,} held: their run or workflow is paused" if row.held else ""


def _meter(share: float) -> SafeString:
    """How much waits here beside the longest queue; the numbers beside it say it too."""
    return tag(
        "svg",
        rect(0, 0, _METER_WIDTH, 6, "track"),
        rect(0, 0, _METER_WIDTH * share, 6, "fill"),
        class_="cx-meter",
        viewBox=f"0 0 {_METER_WIDTH:g} 6",
        preserveAspectRatio="none",
        aria_hidden="true",
    )
