"""Schedules with two beats, and with none for a while: every due time is started once."""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise

import pytest

from tests.faults.aftermath import nothing_is_lost
from tests.faults.record import eventually
from tests.faults.stack import Stack

pytestmark = pytest.mark.faults

SECOND = timedelta(seconds=1)


def test_every_due_time_is_started_once_by_two_beats_and_after_an_outage(stack: Stack) -> None:
    """Two beats fire at once; then both are killed, and the worker of their messages with them."""
    stack.up("keeper", "control", "io", "beat", "beat2")
    stack.caller.ask("schedule", workflow="trip")

    eventually(lambda: due(stack) >= 6, 40, what="the first due times")
    stack.down("beat", "beat2", "control")
    before = due(stack)
    stack.up("control", "beat2", "beat")
    eventually(lambda: due(stack) >= before + 10, 40, what="catching up")
    stack.caller.ask("pause", name="trip")
    stack.down("beat", "beat2")

    occurrences = stack.record.rows(
        "SELECT due_at, state, run_id FROM aiops_occurrence ORDER BY due_at"
    )
    runs = [str(row["id"]) for row in stack.record.rows("SELECT id FROM aiops_run")]
    moments = [row["due_at"] for row in occurrences]
    assert {row["state"] for row in occurrences} == {"started"}
    assert sorted(str(row["run_id"]) for row in occurrences) == sorted(runs)
    assert {later - earlier for earlier, later in pairwise(moments)} == {SECOND}
    nothing_is_lost(stack, runs, within_s=60)


def due(stack: Stack) -> int:
    """How many due times have been dealt with."""
    [row] = stack.record.rows("SELECT count(*) AS number FROM aiops_occurrence")
    return int(row["number"])
