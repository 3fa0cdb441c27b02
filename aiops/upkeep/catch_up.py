"""What becomes of due times: which are started, which were missed, what an open run means. Pure."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from aiops.models.schedule import CatchUp, Overlap

#: A start within this time is on time: beat looks every few seconds, and a restart takes some.
ON_TIME_S = 60.0
#: So many due times are looked at in one turn, and so many of them started.
MOST_LOOKED_AT = 10_000
MOST_STARTED = 50
#: Of a longer stretch of missed ones, only the newest have a row each.
MOST_ROWS = 50
#: So many runs of a schedule wait in line behind each other.
MOST_IN_LINE = 100


@dataclass(frozen=True, slots=True)
class Missed:
    """A stretch of due times that are not made up for."""

    number: int
    first: datetime
    #: The newest of them, in order, not empty.
    newest: tuple[datetime, ...]
    #: Whether there may be more of them: no more were counted.
    is_more: bool = False


@dataclass(frozen=True, slots=True)
class Turn:
    """What one turn does with due times, in order."""

    missed: tuple[datetime, ...] = ()
    start: tuple[datetime, ...] = ()


def edge(now: datetime, *, catch_up_s: float, jitter_s: float) -> datetime:
    """What was due before this moment is not made up for."""
    return now - timedelta(seconds=max(catch_up_s, ON_TIME_S) + jitter_s)


def decide(
    due: Sequence[datetime], *, now: datetime, catch_up: str, jitter_s: float, is_more: bool
) -> Turn:
    """What to do with the due times whose time has come and that may still be made up for.

    Those that are on time are all started. `is_more`: newer ones are due as well.
    """
    if catch_up == CatchUp.EACH:
        return Turn(start=tuple(due[:MOST_STARTED]))
    limit = edge(now, catch_up_s=0, jitter_s=jitter_s)
    late = [moment for moment in due if moment < limit]
    on_time = [moment for moment in due if moment >= limit]
    if late and not on_time and not is_more:
        on_time = [late.pop()]
    return Turn(missed=tuple(late), start=tuple(on_time[:MOST_STARTED]))


def gather(due: Iterable[datetime]) -> Missed | None:
    """Tell a stretch of due times as one, however long it is; None when it is empty."""
    number, first, newest = 0, None, deque[datetime](maxlen=MOST_ROWS)
    for moment in due:
        if number == MOST_LOOKED_AT:
            return Missed(number, first or moment, tuple(newest), is_more=True)
        number, first = number + 1, first or moment
        newest.append(moment)
    return Missed(number, first, tuple(newest)) if first else None


Meeting = Literal["start", "skip", "queue", "replace", "too_many"]


def meet(overlap: str, open_runs: int) -> Meeting:
    """What a due time does that meets so many open runs of its schedule."""
    if open_runs == 0 or overlap == Overlap.ALLOW:
        return "start"
    if overlap == Overlap.QUEUE:
        return "queue" if open_runs < MOST_IN_LINE else "too_many"
    return "replace" if overlap == Overlap.REPLACE else "skip"
