"""Looking after the lanes, every second: who gets his turn, when a hold ends, who must be asked."""

from __future__ import annotations

import time
from collections import defaultdict, deque
from datetime import timedelta

from django.utils import timezone

from aiops.execution import lane_question
from aiops.execution.line import Line, lines, wake
from aiops.models import Lane, LaneState, lane_moves
from aiops.providers import limits
from aiops.providers.admission import limits_of
from aiops.providers.lane import LINE_S
from aiops.upkeep.pacing import Pace, Standing, pace

#: Who got his turn is on the way for about so long.
ON_THE_WAY_S = 3.0
#: Calls that are let go in one look when nobody knows what the limits have left.
UNKNOWN_ROOM = 10

#: By lane: when, by time.monotonic(), how many got their turn.
_woken: defaultdict[str, deque[tuple[float, int]]] = defaultdict(deque)

#: By lane: the tenants who had a turn, the last one last.
_served: defaultdict[str, list[str]] = defaultdict(list)


def look_after() -> None:
    """Let every line move on as far as its lane allows."""
    waiting = lines()
    for name in waiting:
        lane_moves.known(name, {})
    for lane in Lane.objects.exclude(state=LaneState.OPEN, line="", question=None) | (
        Lane.objects.filter(name__in=waiting)
    ):
        _look_after(lane, waiting.get(lane.name) or Line(lane.name, 0, 0, None, 0))


def _look_after(lane: Lane, waiting: Line) -> None:
    _tell_line(lane, waiting)
    found = pace(_standing(lane, waiting), timezone.now())
    _move(lane, found)
    if found.wake:
        _served[lane.name] = wake(lane.name, found.wake, served=_served[lane.name])
        _woken[lane.name].append((time.monotonic(), found.wake))
    if found.ask:
        lane_question.ask(lane.name)
    elif lane.question_id is not None and lane.state == LaneState.OPEN:
        lane_question.close(lane.name, why="the lane is open again")


def _tell_line(lane: Lane, waiting: Line) -> None:
    """Let calls know whether others wait; what they read is trusted for a few seconds only."""
    is_stale = lane.line_at is None or timezone.now() - lane.line_at > timedelta(seconds=LINE_S / 2)
    if lane.line != waiting.priority or (waiting.priority and is_stale):
        lane_moves.line_up(lane.name, waiting.priority)


def _move(lane: Lane, found: Pace) -> None:
    match found.move:
        case "probe":
            lane_moves.probe(lane.name)
        case "ramp":
            said = "The hold is over." if lane.state == LaneState.HELD else "The provider answers."
            out_of = (LaneState.HELD, LaneState.PROBING)
            lane_moves.ramp(lane.name, reason=said, out_of=out_of)
        case "open":
            lane_moves.reopen(lane.name)


def _standing(lane: Lane, waiting: Line) -> Standing:
    return Standing(
        state=lane.state,
        cause=lane.cause,
        since=lane.since,
        held_until=lane.held_until,
        failing_since=lane.failing_since,
        waiting=waiting.steps,
        probes=lane.probes,
        probes_answered=lane.probes_answered,
        room=_room(lane) if waiting.steps else None,
        on_their_way=_on_their_way(lane.name),
    )


def _on_their_way(name: str) -> int:
    woken, now = _woken[name], time.monotonic()
    while woken and woken[0][0] < now - ON_THE_WAY_S:
        woken.popleft()
    return sum(number for _, number in woken)


def _room(lane: Lane) -> int | None:
    """How many calls fit under the limits now; None where there are none."""
    most = limits_of(lane)
    if not (most.requests or most.tokens or most.concurrency):
        return None
    use = limits.look(lane.name, most)
    if not use.is_known:
        return UNKNOWN_ROOM
    found = []
    if most.requests:
        found.append(most.requests - use.requests)
    if most.tokens:
        usual = max(1, use.tokens // use.requests) if use.requests else most.tokens // UNKNOWN_ROOM
        found.append((most.tokens - use.tokens) // max(1, usual))
    if most.concurrency:
        found.append(most.concurrency - use.in_flight)
    return max(0, min(found))
