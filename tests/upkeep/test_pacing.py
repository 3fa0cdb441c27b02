"""How fast a lane's line moves on, as a table."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from aiops.upkeep.pacing import Pace, Standing, pace, ramp

NOON = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


def ago(seconds: float) -> datetime:
    return NOON - timedelta(seconds=seconds)


OPEN = Standing(
    state="open",
    cause="",
    since=ago(600),
    held_until=None,
    failing_since=None,
    waiting=40,
    probes=0,
    probes_answered=0,
    room=None,
)
HELD = replace(OPEN, state="held", cause="failing", held_until=ago(-10), failing_since=ago(50))
PROBING = replace(HELD, state="probing", held_until=None, since=ago(5))
RAMPING = replace(OPEN, state="ramping", since=ago(12))


@pytest.mark.parametrize(
    ("lane", "found"),
    [
        (OPEN, Pace(wake=40)),
        (replace(OPEN, waiting=9_000), Pace(wake=500)),
        (replace(OPEN, room=7), Pace(wake=7)),
        (replace(OPEN, room=7, on_their_way=5), Pace(wake=2)),
        (replace(OPEN, room=0), Pace()),
        (replace(OPEN, state="stopped", cause="quota"), Pace(ask=True)),
        (replace(OPEN, state="stopped", cause="quota", waiting=0), Pace()),
        (replace(OPEN, state="stopped", cause="person"), Pace()),
        (HELD, Pace()),
        (replace(HELD, failing_since=ago(121)), Pace(ask=True)),
        (replace(HELD, failing_since=ago(121), waiting=0), Pace()),
        (replace(HELD, held_until=ago(0)), Pace(move="probe")),
        (replace(HELD, held_until=ago(1), cause="rate"), Pace(move="ramp")),
        (replace(HELD, held_until=ago(1), cause="person"), Pace(move="ramp")),
        (PROBING, Pace(wake=3)),
        (replace(PROBING, probes=1), Pace(wake=2)),
        (replace(PROBING, on_their_way=3), Pace()),
        (replace(PROBING, probes=3, probes_answered=2), Pace()),
        (replace(PROBING, probes=3, probes_answered=3), Pace(move="ramp")),
        (replace(PROBING, probes=1, probes_answered=1, waiting=0), Pace(move="ramp")),
        (replace(PROBING, waiting=0), Pace()),
        (replace(PROBING, probes=3, since=ago(91)), Pace(move="probe")),
        (RAMPING, Pace(wake=12)),
        (replace(RAMPING, room=2), Pace(wake=2)),
        (replace(RAMPING, waiting=0), Pace(move="open")),
        (replace(RAMPING, since=ago(60)), Pace(move="open", wake=40)),
    ],
)
def test_the_pace_of_a_lane(lane: Standing, found: Pace) -> None:
    assert pace(lane, NOON) == found


def test_a_ramp_begins_slowly_and_doubles() -> None:
    assert [ramp(second) for second in (-1, 0, 4, 5, 10, 15, 59)] == [3, 3, 3, 6, 12, 24, 500]
