"""How fast a lane's line moves on: one pure decision a second, for each lane that is not simply open."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from aiops.models import LaneCause, LaneState
from aiops.providers.lane import PROBES

#: A ramp begins with so many steps a second, and doubles as often as this.
RAMP_FIRST = 3
RAMP_DOUBLES_S = 5.0
#: A ramp that has gone on for so long is over, however long the line is.
RAMP_S = 60.0
#: Probes that were not answered after this are lost: others are let through.
PROBE_S = 90.0
#: A provider that has failed for this long is worth a person's time.
ASK_AFTER_S = 120.0
#: No lane moves more than this in one look.
MOST = 500

Move = Literal["", "probe", "ramp", "open"]


@dataclass(frozen=True, slots=True)
class Standing:
    """A lane and its line at one moment."""

    state: str
    cause: str
    since: datetime
    held_until: datetime | None
    failing_since: datetime | None
    waiting: int
    #: Calls let through while it is tried out, and how many of them were answered.
    probes: int
    probes_answered: int
    #: How many more calls the limits have room for; None where there is no limit.
    room: int | None
    #: Steps that have just got their turn, and that the counts do not show yet.
    on_their_way: int = 0


@dataclass(frozen=True, slots=True)
class Pace:
    """What to do about a lane now."""

    move: Move = ""
    #: How many of the line get their turn.
    wake: int = 0
    #: Whether a person should be asked.
    ask: bool = False


def pace(lane: Standing, now: datetime) -> Pace:
    """Decide how a lane goes on."""
    match lane.state:
        case LaneState.STOPPED:
            # Who has stopped it by hand need not be asked.
            return Pace(ask=lane.waiting > 0 and lane.cause != LaneCause.PERSON)
        case LaneState.HELD:
            return Pace(move=_after_hold(lane, now), ask=_keeps_failing(lane, now))
        case LaneState.PROBING:
            return _probing(lane, now)
        case LaneState.RAMPING:
            elapsed_s = (now - lane.since).total_seconds()
            is_over = lane.waiting == 0 or elapsed_s >= RAMP_S
            wake = _within(lane, ramp(elapsed_s))
            return Pace(move="open" if is_over else "", wake=wake)
        case _:
            return Pace(wake=_within(lane, MOST))


def ramp(elapsed_s: float) -> int:
    """How many steps get their turn in this second of a ramp."""
    return min(MOST, int(RAMP_FIRST * 2 ** (max(0.0, elapsed_s) // RAMP_DOUBLES_S)))


def _after_hold(lane: Standing, now: datetime) -> Move:
    if lane.held_until is not None and lane.held_until > now:
        return ""
    return "probe" if lane.cause == LaneCause.FAILING else "ramp"


def _probing(lane: Standing, now: datetime) -> Pace:
    left = PROBES - lane.probes
    is_complete = left <= 0 or lane.waiting == 0
    if is_complete and lane.probes_answered >= max(1, lane.probes):
        return Pace(move="ramp")
    ask = _keeps_failing(lane, now)
    if now - lane.since > timedelta(seconds=PROBE_S):
        return Pace(move="probe", ask=ask)
    return Pace(wake=max(0, min(lane.waiting, left - lane.on_their_way)), ask=ask)


def _within(lane: Standing, most: int) -> int:
    room = most if lane.room is None else min(most, lane.room - lane.on_their_way)
    return max(0, min(room, lane.waiting))


def _keeps_failing(lane: Standing, now: datetime) -> bool:
    if lane.failing_since is None or not lane.waiting:
        return False
    return now - lane.failing_since >= timedelta(seconds=ASK_AFTER_S)
