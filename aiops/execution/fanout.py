"""Maps: one row per item, members that claim them, and what the whole comes to."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from django.db.models import Max
from django.utils import timezone

from aiops.execution import dispatch, escalate, rows
from aiops.execution.board import Board
from aiops.execution.canvas import LIMIT_MARGIN_S, Members
from aiops.execution.values import RunInfo, Values
from aiops.flow import data
from aiops.flow.errors import PermanentInput, describe
from aiops.flow.plan import PlanNode
from aiops.models import Reason, Step, StepState, transitions

#: A member gives its slot back after this long, so that other work gets a turn.
SLICE_S = 2.0


def begin(board: Board, node: PlanNode) -> list[Members]:
    """Write a row for each item, and ask for members; an empty map is done at once."""
    step = board.views[node.name].id
    try:
        items = _items(board, node)
    except PermanentInput as error:
        transitions.fail(step, describe(error, node.name).to_json(), run_id=board.run.id)
        board.becomes(node.name, StepState.FAILED)
        return []
    # A rerun over fewer items than before: the rest is history.
    transitions.cancel_items([step], beyond=len(items))
    if not items:
        transitions.succeed(step, None, run_id=board.run.id)
        board.becomes(node.name, StepState.SUCCEEDED)
        return []
    rows.insert_items(board.run.id, step, node, items)
    transitions.wait_for_items(step, published=dispatch.publishes_here())
    board.becomes(node.name, StepState.WAITING, Reason.ITEMS)
    board.items[node.name] = {StepState.QUEUED: len(items)}
    transitions.tell(board.run.id, "map.begun", step=step, name=node.name, items=len(items))
    return [members(node, step, min(node.max_parallel, len(items)))]


def members(node: PlanNode, map_id: UUID, count: int) -> Members:
    return Members(
        pool=node.pool,
        name=node.name,
        map_id=map_id,
        count=count,
        limit_s=node.timeout_s + SLICE_S + LIMIT_MARGIN_S,
    )


def look(board: Board, node: PlanNode) -> list[Members]:
    """Wake items whose retry is due; finish a map whose items are all done."""
    counts = board.items.get(node.name, {})
    step = board.views[node.name].id
    woken = transitions.wake_items(step) if counts.get(StepState.RETRYING) else 0
    if woken:
        counts[StepState.RETRYING] -= woken
        counts[StepState.QUEUED] = counts.get(StepState.QUEUED, 0) + woken
    open_ = sum(counts.get(state, 0) for state in _OPEN)
    if open_ == 0:
        _finish(board, node, counts)
        return []
    wake_at = board.views[node.name].wake_at
    if wake_at is not None and wake_at <= timezone.now():
        # A person's resume or retry: its members had gone.
        woken = counts.get(StepState.QUEUED, 0)
        transitions.wait_for_items(step, published=dispatch.publishes_here())
    room = node.max_parallel - counts.get(StepState.RUNNING, 0)
    return [members(node, step, min(room, woken))] if min(room, woken) > 0 else []


_OPEN = (StepState.QUEUED, StepState.RUNNING, StepState.RETRYING, StepState.ATTENTION)


def is_over(map_id: UUID) -> bool:
    """Whether no item of a map will move by itself any more."""
    return not Step.objects.filter(map=map_id, state__in=_OPEN).exists()


def last_progress(map_id: UUID) -> Any:
    """When an item of this map last moved."""
    return Step.objects.filter(map=map_id).aggregate(at=Max("since"))["at"]


def _items(board: Board, node: PlanNode) -> Sequence[Any]:
    source = node.items.split(".")[0]
    return data.items(node, Values(RunInfo.of(board.run), board.plan).get([source]))


def _finish(board: Board, node: PlanNode, counts: dict[str, int]) -> None:
    """Decide what the map comes to: within its tolerance it succeeds, beyond it a person decides."""
    step = board.views[node.name].id
    failed = counts.get(StepState.FAILED, 0)
    # Cancelled ones are left of an earlier run over more items.
    total = sum(counts.values()) - counts.get(StepState.CANCELLED, 0)
    if node.tolerates(failed, total):
        transitions.succeed(step, {"items": total, "failed": failed}, run_id=board.run.id)
        board.becomes(node.name, StepState.SUCCEEDED)
        return
    error = {"word": "items_failed", "message": f"{failed} of {total} items failed"}
    if transitions.need_person(step, error):
        question = f"{failed} of {total} items of {node.name} failed. Retry them, or go on without?"
        escalate.ask(run_id=board.run.id, step_id=step, kind="items_failed", question=question)
        board.becomes(node.name, StepState.ATTENTION, Reason.PERSON)
