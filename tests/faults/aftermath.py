"""What must be true after every fault."""

from __future__ import annotations

from collections.abc import Collection

from tests.faults.record import Record, eventually
from tests.faults.stack import Stack

SUCCEEDED = frozenset({"succeeded"})


def nothing_is_lost(
    stack: Stack,
    runs: Collection[str],
    *,
    ends: Collection[str] = SUCCEEDED,
    within_s: float = 30,
) -> None:
    """Every run comes to one of these ends; nothing ran too often, and nothing is in limbo."""
    _wait_for(stack, runs, ends, within_s)
    stack.redeliver()
    assert ran_again_after_success(stack.record) == []
    assert executed_too_often(stack, runs) == {}
    eventually(lambda: not stack.caller.limbo(), 5, what="the end of all limbo")


def executed(stack: Stack, run_id: str) -> dict[str, int]:
    """How often the outside saw each step of a run."""
    counted = stack.world.counted()
    return {
        key.removeprefix(f"{run_id}:"): times
        for key, times in counted.items()
        if key.startswith(run_id)
    }


def _wait_for(stack: Stack, runs: Collection[str], ends: Collection[str], within_s: float) -> None:
    def all_are_there() -> bool:
        states = stack.record.states(list(runs))
        return len(states) == len(set(runs)) and set(states.values()) <= set(ends)

    try:
        eventually(all_are_there, within_s, what=f"the end of all runs as {sorted(ends)}")
    except AssertionError as error:
        raise AssertionError(f"{error}; what is open:\n{stack.record.open_steps()}") from None


def ran_again_after_success(record: Record) -> list[dict[str, object]]:
    """Steps with an attempt after the one that brought their result."""
    return record.rows(
        "SELECT s.run_id, s.name, s.item FROM aiops_step s"
        " JOIN aiops_attempt won ON won.step_id = s.id"
        " AND won.outcome IN ('succeeded', 'reconciled')"
        " JOIN aiops_attempt later ON later.step_id = s.id AND later.epoch = won.epoch"
        " AND later.number > won.number"
    )


def executed_too_often(stack: Stack, runs: Collection[str]) -> dict[str, str]:
    """Effects that the outside saw more often than the record says, or than they may happen."""
    rows = stack.record.rows(
        "SELECT s.run_id || ':' || s.name || coalesce('[' || s.item || ']', '') AS key,"
        " s.effect, count(a.id) AS attempts"
        " FROM aiops_step s LEFT JOIN aiops_attempt a ON a.step_id = s.id"
        " WHERE s.run_id = ANY(%s::uuid[]) GROUP BY s.id",
        list(runs),
    )
    counted = stack.world.counted()
    return {
        row["key"]: f"{counted[row['key']]} times in {row['attempts']} attempts"
        for row in rows
        if counted.get(row["key"], 0) > (1 if row["effect"] == "once" else row["attempts"])
    }
